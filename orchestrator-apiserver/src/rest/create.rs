//! `create`: makes an object.

use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::value::Item;
use orchestrator_core::{Json, Status};

use super::{admit, body, managed, metadata, options};
use crate::admission::Operation;
use crate::alloc::Reservation;
use crate::pipeline::Cx;

/// How many generated names are tried before the request fails.
const MAX_NAMES: usize = 8;

/// Makes the object of the body.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let mut object = body::object(cx, body)?;
    metadata::place(cx, &mut object)?;
    managed::created(cx, &mut object);
    let item = make(cx, object).await?;
    Ok(ResponseBody::Object { code: 201, item, def: Some(Arc::clone(&cx.resource.def)) })
}

/// Takes a decoded and defaulted object through admission and validation into the store.
pub(crate) async fn make(cx: &Cx<'_>, object: Object) -> Result<Item, Status> {
    let mut object = admit::mutate(cx, Operation::Create, object, None).await?;
    let wanted = object.meta_mut().remove("resourceVersion");
    if wanted.as_ref().and_then(Json::as_str).is_some_and(|text| text != "0")
        && !cx.request.options.is_dry_run()
    {
        let why = "resourceVersion should not be set on objects to be created";
        return Err(Status::new(500, "", why));
    }
    metadata::begin(cx, &mut object);
    let generated = name(cx, &mut object);
    let strategy = &cx.resource.def.strategy;
    if generated && !cx.resource.def.is_namespaced() {
        // A namespace's defaults repeat its name.
        strategy.default(&mut object);
    }
    strategy.prepare(&mut object, None, cx.change());
    check(cx, &object)?;
    let reservation = Reservation::for_write(cx, &mut object, None).await?;
    let object = admit::validate(cx, Operation::Create, object, None).await?;
    strategy.warnings(&object, None, cx.change()).into_iter().for_each(|text| cx.warn(text));
    let item = store(cx, object, generated).await?;
    reservation.keep();
    Ok(item)
}

/// Gives the object a name, where it asks for one; whether it did.
fn name(cx: &Cx<'_>, object: &mut Object) -> bool {
    let name = metadata::generated_name(cx, object);
    name.map(|name| object.set_meta("name", name)).is_some()
}

/// Writes the object, under another name where the one that was generated is taken.
async fn store(cx: &Cx<'_>, mut object: Object, generated: bool) -> Result<Item, Status> {
    for _ in 0..MAX_NAMES {
        match put(cx, object).await? {
            Put::Done(item) => return Ok(item),
            Put::Taken(back) if !generated => return Err(exists(cx, back.name(), false)),
            Put::Taken(back) => object = back,
        }
        object.set_meta("name", "");
        name(cx, &mut object);
    }
    Err(exists(cx, object.name(), true))
}

fn check(cx: &Cx<'_>, object: &Object) -> Result<(), Status> {
    let errors = cx.resource.def.strategy.validate(object, None, cx.change());
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(&cx.resource.group_kind, object.name(), &errors))
}

/// How an attempt to write a new object went.
enum Put {
    /// It is there.
    Done(Item),
    /// Its name was there already.
    Taken(Object),
}

async fn put(cx: &Cx<'_>, object: Object) -> Result<Put, Status> {
    let key = cx.resource.key(&cx.request.namespace, object.name());
    let objects = &cx.server.objects;
    if cx.request.options.is_dry_run() {
        return Ok(match objects.read(key).await? {
            Some(_) => Put::Taken(object),
            None => Put::Done(Item::unstored(object)),
        });
    }
    let value = cx.resource.to_stored(object)?;
    let lease = cx.server.leases.lease(cx.resource.def.storage.ttl_s).await?;
    let revision = objects.create(key, value.clone(), lease).await?;
    let item = cx.resource.present(Item::new(value, revision.unwrap_or_default()))?;
    Ok(match revision {
        Some(_) => Put::Done(item),
        None => Put::Taken(Object::clone(item.tree().map_err(Status::internal)?)),
    })
}

/// 409: the name is taken; where the server chose it, the client may just try again.
fn exists(cx: &Cx<'_>, name: &str, generated: bool) -> Status {
    let mut status = Status::already_exists(&cx.resource.group_resource, name);
    if generated {
        status
            .message
            .push_str(", the server was not able to generate a unique name for the object");
        status.details.retry_after_s = Some(1);
    }
    status
}
