//! Changes of an object that is there: the loop of reading it, making the new state, and writing
//! that if the object is still what was read.

use std::sync::Arc;

use orchestrator_core::field::{FieldError, Path};
use orchestrator_core::object::Object;
use orchestrator_core::resource::GroupKind;
use orchestrator_core::store::Key;
use orchestrator_core::value::Item;
use orchestrator_core::{Json, Revision, Status};

use super::{admit, managed, metadata, removal, revision};
use crate::admission::Operation;
use crate::alloc::{self, Reservation};
use crate::authz::grants;
use crate::pipeline::Cx;
use crate::registry::{Beside, Stored, Swapped};

/// How often a change is tried when others change the object at the same time.
const MAX_TRIES: usize = 64;

/// The object as it is, in the version of the request.
pub(crate) struct Current {
    /// As stored.
    pub(crate) stored: Stored,
    /// In the version of the request.
    pub(crate) object: Arc<Object>,
}

/// Makes the new state from the present one; called again when that has changed.
///
/// What it makes has the managed fields that it shall have. Where it has a `resourceVersion`,
/// that is the only state that it may replace.
pub(crate) trait Change: Send {
    /// The new state.
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status>;

    /// The uid that the object must have; only an update of the whole is held to it.
    fn wanted_uid(&self) -> Option<&str> {
        None
    }
}

impl<F> Change for F
where
    F: FnMut(&Cx<'_>, &Current) -> Result<Object, Status> + Send,
{
    fn make(&mut self, cx: &Cx<'_>, current: &Current) -> Result<Object, Status> {
        self(cx, current)
    }
}

/// Reads the object that the request names.
pub(crate) async fn current(cx: &Cx<'_>) -> Result<Option<Current>, Status> {
    match cx.server.objects.read(cx.key()).await? {
        Some(stored) => present(cx, stored).await.map(Some),
        None => Ok(None),
    }
}

async fn present(cx: &Cx<'_>, stored: Stored) -> Result<Current, Status> {
    let item = cx.resource.present(stored.item.clone()).await?;
    let object = Arc::clone(item.tree().map_err(Status::internal)?);
    Ok(Current { stored, object })
}

/// Changes the object; what it is then.
pub(crate) async fn run(
    cx: &Cx<'_>,
    mut current: Current,
    change: &mut dyn Change,
) -> Result<Item, Status> {
    for _ in 0..MAX_TRIES {
        match attempt(cx, &current, change).await? {
            Attempt::Done(item) => return Ok(item),
            Attempt::Changed(Some(stored)) => current = present(cx, stored).await?,
            Attempt::Changed(None) => return Err(cx.not_found()),
        }
    }
    Err(cx.modified())
}

enum Attempt {
    Done(Item),
    Changed(Option<Stored>),
}

async fn attempt(
    cx: &Cx<'_>,
    current: &Current,
    change: &mut dyn Change,
) -> Result<Attempt, Status> {
    let old = &*current.object;
    let new = change.make(cx, current)?;
    let mut new = admit::mutate(cx, Operation::Update, new, Some(old)).await?;
    grants::check(cx, &new, Some(old)).await?;
    check_uid(cx, change.wanted_uid(), old)?;
    check_revision(cx, &mut new, current.stored.revision())?;
    metadata::place(cx, &mut new)?;
    metadata::call(cx, &mut new)?;
    metadata::keep(&mut new, old);
    let strategy = &cx.resource.def.strategy;
    strategy.prepare(&mut new, Some(old), cx.change());
    let errors = strategy.validate(&new, Some(old), cx.change());
    if !errors.is_empty() {
        return Err(Status::invalid(&cx.resource.group_kind, new.name(), &errors));
    }
    let reservation = Reservation::for_write(cx, &mut new, Some(old)).await?;
    managed::settle(old, &mut new);
    let new = admit::validate(cx, Operation::Update, new, Some(old)).await?;
    strategy.warnings(&new, Some(old), cx.change()).into_iter().for_each(|text| cx.warn(text));
    match put(cx, current, new, reservation.beside()).await? {
        Put::Done(item) => {
            reservation.keep();
            Ok(Attempt::Done(item))
        }
        Put::Changed(now) => Ok(Attempt::Changed(now)),
        Put::Lost(keys) => {
            reservation.lost(&keys);
            Ok(Attempt::Changed(Some(current.stored.clone())))
        }
    }
}

/// How the writing of a new state went.
enum Put {
    Done(Item),
    Changed(Option<Stored>),
    /// Others have the claims at these keys.
    Lost(Vec<Key>),
}

async fn put(cx: &Cx<'_>, current: &Current, new: Object, beside: &Beside) -> Result<Put, Status> {
    let old = &*current.object;
    let revision = current.stored.revision();
    if new == *old {
        return Ok(Put::Done(cx.resource.present(current.stored.item.clone()).await?));
    }
    let ends = removal::ends(&new, old);
    let value = cx.resource.to_stored(new, None).await?;
    if cx.request.options.is_dry_run() {
        return Ok(Put::Done(cx.resource.present(Item::new(value, revision)).await?));
    }
    let objects = &cx.server.objects;
    let replaced = match ends {
        true => objects.remove_beside(&current.stored, &alloc::given_up(cx, old)).await?,
        false => objects.replace_beside(&current.stored, value.clone(), beside).await?,
    };
    match replaced {
        Swapped::Done(revision) => {
            if ends {
                removal::after(cx, old);
            }
            Ok(Put::Done(cx.resource.present(Item::new(value, revision)).await?))
        }
        Swapped::Changed(now) => Ok(Put::Changed(now)),
        Swapped::Taken(keys) => Ok(Put::Lost(keys)),
    }
}

/// Holds the change to the state that the client knows; what is stored carries no revision.
fn check_revision(cx: &Cx<'_>, new: &mut Object, current: Revision) -> Result<(), Status> {
    let wanted = match new.meta_mut().remove("resourceVersion") {
        Some(Json::String(text)) => revision::parse(&text)?,
        _ => Revision::ZERO,
    };
    if wanted.is_zero() {
        if cx.resource.def.strategy.unconditional_update() {
            return Ok(());
        }
        let resource = &cx.resource.group_resource;
        let (meta, why) = (Path::new("metadata"), "must be specified for an update");
        let error = FieldError::invalid(&meta.child("resourceVersion"), &Json::from(0), why);
        let kind = GroupKind::new(resource.group.clone(), resource.resource.clone());
        return Err(Status::invalid(&kind, &cx.request.name, &vec![error]));
    }
    if wanted == current { Ok(()) } else { Err(cx.modified()) }
}

fn check_uid(cx: &Cx<'_>, wanted: Option<&str>, old: &Object) -> Result<(), Status> {
    match wanted {
        Some(wanted) if !wanted.is_empty() && wanted != old.uid() => {
            let key = cx.resource.shown_key(&cx.request.namespace, &cx.request.name);
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, \
                 AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in \
                 object meta: {}",
                old.uid()
            );
            Err(Status::conflict(&cx.resource.group_resource, &cx.request.name, why))
        }
        _ => Ok(()),
    }
}
