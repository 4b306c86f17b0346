//! `update`: replaces an object, or makes it where the kind allows that.

use std::sync::Arc;

use orchestrator_core::Status;
use orchestrator_core::object::Object;
use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;

use super::modify::{self, Change, Current};
use super::{body, create, managed, metadata, options};
use crate::pipeline::Cx;

/// Replaces the object by that of the body.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_update(&cx.request.options)?;
    let mut object = body::object(cx, body)?;
    metadata::place(cx, &mut object)?;
    metadata::call(cx, &mut object)?;
    let def = Some(Arc::clone(&cx.resource.def));
    let (code, item) = match modify::current(cx).await? {
        Some(current) => (200, modify::run(cx, current, &mut Replace { object }).await?),
        None if may_make(cx) => {
            let managed = managed::created(cx, &mut object);
            (201, create::make(cx, create::New { object, managed }).await?)
        }
        None => return Err(cx.not_found()),
    };
    Ok(ResponseBody::Object { code, item, def })
}

fn may_make(cx: &Cx<'_>) -> bool {
    cx.request.subresource.is_empty() && cx.resource.def.strategy.create_on_update()
}

struct Replace {
    object: Object,
}

impl Change for Replace {
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status> {
        let mut new = self.object.clone();
        managed::updated(cx, &current.object, &mut new);
        Ok(new)
    }

    fn wanted_uid(&self) -> Option<&str> {
        Some(self.object.uid())
    }
}
