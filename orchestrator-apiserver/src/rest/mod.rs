//! The verbs, one file each.

mod get;

use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Status, Verb};

use crate::pipeline::Cx;

/// Answers a request about whole objects.
pub(crate) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    match cx.request.verb {
        Verb::Get => get::answer(cx).await,
        _ => Err(Status::method_not_allowed()),
    }
}
