//! `create`: makes an object.

use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::store::Key;
use orchestrator_core::value::Item;
use orchestrator_core::{Json, Revision, Status};

use super::{admit, body, managed, metadata, options};
use crate::admission::Operation;
use crate::alloc::{self, Reservation};
use crate::authz::grants;
use crate::pipeline::Cx;
use crate::registry::{Beside, Created};

/// How many generated names are tried before the request fails.
const MAX_NAMES: usize = 8;

/// How often addresses and ports are drawn anew that another server was faster to hand out.
const MAX_TRIES: usize = 64;

/// Makes the object of the body.
pub(crate) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let mut object = body::object(cx, body)?;
    metadata::place(cx, &mut object)?;
    let managed = managed::created(cx, &mut object);
    let item = make(cx, New { object, managed }).await?;
    Ok(ResponseBody::Object { code: 201, item, def: Some(Arc::clone(&cx.resource.def)) })
}

/// An object that is to be made.
#[derive(Clone)]
pub(crate) struct New {
    /// The object.
    pub(crate) object: Object,
    /// Its `managedFields` as JSON, where it lacks them: nothing on the way to the store looks at
    /// them.
    pub(crate) managed: Option<String>,
}

impl New {
    /// The object with all its fields.
    fn whole(mut self) -> Object {
        if let Some(managed) = self.managed {
            let list: Json = serde_json::from_str(&managed).expect("the text is that of a list");
            self.object.set_meta("managedFields", list);
        }
        self.object
    }
}

/// Takes a decoded and defaulted object through admission and validation into the store.
pub(crate) async fn make(cx: &Cx<'_>, new: New) -> Result<Item, Status> {
    let New { object, managed } = new;
    if cx.resource.custom.as_ref().is_some_and(|custom| custom.is_terminating) {
        let why = "create not allowed while custom resource definition is terminating";
        return Err(Status::forbidden(&cx.resource.group_resource, object.name(), why));
    }
    let mut object = admit::mutate(cx, Operation::Create, object, None).await?;
    grants::check(cx, &object, None).await?;
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
    // What is filled in is taken back where another server was faster.
    let blank =
        alloc::hands_out(cx).then(|| New { object: object.clone(), managed: managed.clone() });
    let mut new = New { object, managed };
    for _ in 0..MAX_TRIES {
        let reservation = Reservation::for_write(cx, &mut new.object, None).await?;
        new.object = admit::validate(cx, Operation::Create, new.object, None).await?;
        let warnings = strategy.warnings(&new.object, None, cx.change());
        warnings.into_iter().for_each(|text| cx.warn(text));
        match (store(cx, new, generated, reservation.beside()).await?, &blank) {
            (Made::Done(item), _) => {
                reservation.keep();
                return Ok(item);
            }
            (Made::Lost(keys), Some(blank)) => {
                reservation.lost(&keys);
                new = New::clone(blank);
            }
            (Made::Lost(_), None) => break,
        }
    }
    Err(Status::unavailable("others are faster to take the addresses and ports of the service"))
}

/// How the writing of a new object went.
enum Made {
    /// It is there.
    Done(Item),
    /// Others have what it was to take besides: the claims at these keys.
    Lost(Vec<Key>),
}

/// Gives the object a name, where it asks for one; whether it did.
fn name(cx: &Cx<'_>, object: &mut Object) -> bool {
    let name = metadata::generated_name(cx, object);
    name.map(|name| object.set_meta("name", name)).is_some()
}

/// Writes the object, under another name where the one that was generated is taken.
async fn store(
    cx: &Cx<'_>,
    mut new: New,
    generated: bool,
    beside: &Beside,
) -> Result<Made, Status> {
    for _ in 0..MAX_NAMES {
        match put(cx, new, beside).await? {
            Put::Done(item) => return Ok(Made::Done(item)),
            Put::Lost(keys) => return Ok(Made::Lost(keys)),
            Put::Taken(back) if !generated => return Err(exists(cx, back.object.name(), false)),
            Put::Taken(back) => new = back,
        }
        new.object.set_meta("name", "");
        name(cx, &mut new.object);
    }
    Err(exists(cx, new.object.name(), true))
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
    Taken(New),
    /// Others have the claims at these keys.
    Lost(Vec<Key>),
}

async fn put(cx: &Cx<'_>, new: New, beside: &Beside) -> Result<Put, Status> {
    let key = cx.resource.key(&cx.request.namespace, new.object.name());
    let objects = &cx.server.objects;
    if cx.request.options.is_dry_run() {
        return Ok(match objects.read(key).await? {
            Some(_) => Put::Taken(new),
            None => Put::Done(Item::unstored(new.whole())),
        });
    }
    let New { object, managed } = new;
    let value = cx.resource.to_stored(object, managed.as_deref()).await?;
    let lease = cx.server.leases.lease(cx.resource.def.storage.ttl_s).await?;
    let item = match objects.create_beside(key, value.clone(), lease, beside).await? {
        Created::Done(revision) => {
            return cx.resource.present(Item::new(value, revision)).await.map(Put::Done);
        }
        Created::Taken(keys) => return Ok(Put::Lost(keys)),
        Created::Exists => cx.resource.present(Item::new(value, Revision::ZERO)).await?,
    };
    let mut object = Arc::unwrap_or_clone(item.lean().map_err(Status::internal)?);
    if managed.is_some() {
        // Another version than the stored one is made of the whole.
        object.meta_mut().remove("managedFields");
    }
    Ok(Put::Taken(New { object, managed }))
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
