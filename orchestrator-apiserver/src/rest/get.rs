//! `get`: reads one object.

use std::sync::Arc;

use orchestrator_core::Status;
use orchestrator_core::service::ResponseBody;

use crate::pipeline::Cx;

/// Answers with the object as it is now.
pub(crate) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let stored = cx.server.objects.read(cx.key()).await?.ok_or_else(|| cx.not_found())?;
    let item = cx.resource.present(stored.item)?;
    Ok(ResponseBody::Object { code: 200, item, def: Some(Arc::clone(&cx.resource.def)) })
}
