//! `deletecollection`: deletes all objects that the selectors want.

use orchestrator_core::Status;
use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;

use super::{delete, list, options};
use crate::pipeline::Cx;

/// Deletes the objects; the answer lists them as they were before.
pub(crate) async fn answer(cx: &Cx<'_>, _body: Body) -> Result<ResponseBody, Status> {
    options::check_delete(&cx.request.options)?;
    let listed = list::collect(cx).await?;
    for item in &listed.items {
        let key = item.key();
        match delete::remove(cx, &key.namespace, &key.name).await {
            // Somebody else deleted it first.
            Err(status) if status.is_not_found() => {}
            result => drop(result?),
        }
    }
    Ok(ResponseBody::List(listed))
}
