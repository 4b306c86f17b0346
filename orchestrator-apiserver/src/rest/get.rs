//! `get`: reads one object.

use std::sync::Arc;

use orchestrator_core::Status;
use orchestrator_core::service::ResponseBody;

use super::revision;
use crate::pipeline::Cx;
use crate::registry::too_large_revision;

/// Answers with the object as it is now, which is never older than what is asked for.
pub(crate) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let wanted = revision::parse(&cx.request.options.resource_version)?;
    if !wanted.is_zero() {
        let newest = cx.server.objects.revision().await?;
        if wanted > newest {
            return Err(too_large_revision(wanted, newest));
        }
    }
    let stored = cx.server.objects.read(cx.key()).await?.ok_or_else(|| cx.not_found())?;
    let item = cx.resource.present(stored.item).await?;
    Ok(ResponseBody::Object { code: 200, item, def: Some(Arc::clone(&cx.resource.def)) })
}
