//! `patch`: changes an object by a description of the change, or by an intent to be merged.

use std::sync::Arc;

use bytes::Bytes;
use orchestrator_core::Status;
use orchestrator_core::object::Object;
use orchestrator_core::request::{Body, PatchKind};
use orchestrator_core::service::ResponseBody;
use orchestrator_core::value::Item;

use super::modify::{self, Change, Current};
use super::patching::Patch;
use super::{body, create, managed, metadata, options};
use crate::pipeline::Cx;

/// Patches the object that the request names.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    let Body::Patch { bytes, kind } = body else {
        return Err(Status::generic(415, "UnsupportedMediaType", "415: Unsupported Media Type"));
    };
    options::check_patch(&cx.request.options, kind == PatchKind::Apply)?;
    let (code, item) = match kind {
        PatchKind::Apply => apply(cx, &bytes).await?,
        _ => {
            let patch = Patch::parse(&bytes, kind)?;
            let current = modify::current(cx).await?.ok_or_else(|| cx.not_found())?;
            (200, modify::run(cx, current, &mut Described { patch }).await?)
        }
    };
    Ok(ResponseBody::Object { code, item, def: Some(Arc::clone(&cx.resource.def)) })
}

/// A change that a patch describes.
struct Described {
    patch: Patch,
}

impl Change for Described {
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status> {
        let mut object = Object::clone(&current.object);
        // A patch may test the version, or set the one that it is meant for.
        object.set_meta("resourceVersion", current.stored.revision().to_string());
        let mut new = self.patch.lay_over(cx, object, &cx.resource.def.gvk())?;
        cx.resource.def.strategy.default(&mut new);
        managed::updated(cx, &current.object, &mut new);
        Ok(new)
    }
}

/// Server-side apply: merges the intent of one manager, which makes the object where it is not
/// there.
async fn apply(cx: &Cx<'_>, bytes: &Bytes) -> Result<(u16, Item), Status> {
    let mut intent = Intent { object: managed::read_intent(bytes)? };
    metadata::check_place(cx, &intent.object)?;
    metadata::check_name(cx, &intent.object)?;
    if let Some(current) = modify::current(cx).await? {
        return Ok((200, modify::run(cx, current, &mut intent).await?));
    }
    if !cx.request.subresource.is_empty() {
        return Err(cx.not_found());
    }
    let uid = intent.object.uid();
    if !uid.is_empty() {
        let why = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was \
             found"
        );
        return Err(Status::conflict(&cx.resource.group_resource, &cx.request.name, why));
    }
    let mut object = managed::applied(cx, None, &intent.object)?;
    metadata::place(cx, &mut object)?;
    metadata::call(cx, &mut object)?;
    cx.resource.def.strategy.default(&mut object);
    Ok((201, create::make(cx, create::New { object, managed: None }).await?))
}

/// A change that makes an intent true.
struct Intent {
    object: Object,
}

impl Change for Intent {
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status> {
        let mut new = managed::applied(cx, Some(&current.object), &self.object)?;
        // An intent may name the one state that it is meant for; else it is for any.
        if new.resource_version().is_empty() {
            new.set_meta("resourceVersion", current.stored.revision().to_string());
        }
        let recast = body::recast(cx, new, &cx.resource.def.gvk());
        let (mut new, _) = recast.map_err(|error| Status::bad_request(error.to_string()))?;
        cx.resource.def.strategy.default(&mut new);
        Ok(new)
    }
}
