//! `delete`: begins or completes the deletion of an object.

use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::request::Body;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::value::Item;
use orchestrator_core::{GroupResource, Json, Status};
use serde_json::json;

use super::garbage::Dependents;
use super::removal::{self, Step};
use super::{admit, options, rules};
use crate::alloc;
use crate::custom::deletion;
use crate::pipeline::Cx;
use crate::registry::{Replaced, Stored, Swapped};

/// How often a deletion is tried when others change the object at the same time.
const MAX_TRIES: usize = 64;

/// How a deletion went.
pub(crate) enum Removed {
    /// The object is gone; its last state.
    Gone(Item),
    /// The object waits for finalizers, or for its time to run out.
    Pending(Item),
}

/// Deletes the object that the request names.
pub(crate) async fn answer(cx: &Cx<'_>, _body: Body) -> Result<ResponseBody, Status> {
    options::check_delete(&cx.request.options)?;
    warn(cx);
    let removed = remove(cx, &cx.request.namespace, &cx.request.name).await?;
    Ok(respond(cx, removed))
}

/// Tells of what a deletion without further words leaves behind.
fn warn(cx: &Cx<'_>) {
    let options = &cx.request.options;
    let silent = options.orphan_dependents.is_none() && options.propagation_policy.is_empty();
    if silent && cx.resource.def.kind == "Job" && cx.resource.def.gvr.group == "batch" {
        cx.warn(
            "child pods are preserved by default when jobs are deleted; set \
             propagationPolicy=Background to remove them or set propagationPolicy=Orphan to \
             suppress this warning",
        );
    }
}

fn respond(cx: &Cx<'_>, removed: Removed) -> ResponseBody {
    let def = Some(Arc::clone(&cx.resource.def));
    let resource = &cx.resource.group_resource;
    match removed {
        Removed::Pending(item) => {
            let code = if cx.request.options.orphan_dependents == Some(false) { 202 } else { 200 };
            ResponseBody::Object { code, item, def }
        }
        Removed::Gone(item) if rules::is_shown_when_deleted(resource) => {
            ResponseBody::Object { code: 200, item, def }
        }
        Removed::Gone(item) => {
            let uid = item.tree().map(|tree| tree.uid().to_owned()).unwrap_or_default();
            ResponseBody::plain(200, success(resource, &cx.request.name, &uid))
        }
    }
}

fn success(resource: &GroupResource, name: &str, uid: &str) -> Object {
    let mut details = json!({"name": name, "kind": resource.resource, "uid": uid});
    if !resource.group.is_empty() {
        details["group"] = Json::from(&*resource.group);
    }
    let mut status = Object::new("v1", "Status");
    status.set("status", "Success");
    status.set("details", details);
    status
}

/// Deletes one object of the request's resource.
pub(crate) async fn remove(cx: &Cx<'_>, namespace: &str, name: &str) -> Result<Removed, Status> {
    let objects = &cx.server.objects;
    let not_found = || Status::not_found(&cx.resource.group_resource, name);
    let mut stored = objects.read(cx.resource.key(namespace, name)).await?.ok_or_else(not_found)?;
    for _ in 0..MAX_TRIES {
        match attempt(cx, stored, name).await? {
            Attempt::Done(removed) => return Ok(removed),
            Attempt::Changed(now) => stored = now.ok_or_else(not_found)?,
        }
    }
    Err(Status::modified(&cx.resource.group_resource, name))
}

enum Attempt {
    Done(Removed),
    Changed(Option<Stored>),
}

async fn attempt(cx: &Cx<'_>, stored: Stored, name: &str) -> Result<Attempt, Status> {
    let item = cx.resource.present(stored.item.clone()).await?;
    let old = Arc::clone(item.tree().map_err(Status::internal)?);
    check_preconditions(cx, &item, name)?;
    admit::delete(cx, &old).await?;
    let default_grace = cx.resource.def.strategy.grace_period_seconds(&old);
    let resource = &cx.resource.group_resource;
    let dependents = match (rules::has_dependents(resource), rules::orphans_dependents(resource)) {
        (false, _) => Dependents::None,
        (true, false) => Dependents::Deleted,
        (true, true) => Dependents::Orphaned,
    };
    let now = removal::Now { time: cx.server.env.now(), dependents };
    let step = match deletion::begin(cx, &old) {
        Some(new) => Step::Mark(new),
        None => removal::plan(&old, default_grace, &cx.request.options, now),
    };
    match step {
        Step::Wait => Ok(Attempt::Done(Removed::Pending(item))),
        Step::Mark(new) => mark(cx, &stored, new).await.map(|marked| match marked {
            Ok(marked) => Attempt::Done(Removed::Pending(marked.item)),
            Err(now) => Attempt::Changed(now),
        }),
        Step::MarkAndRemove(new) => match mark(cx, &stored, new).await? {
            Ok(marked) => end(cx, marked).await,
            Err(now) => Ok(Attempt::Changed(now)),
        },
        Step::Remove => end(cx, stored).await,
    }
}

/// Writes the state in which the deletion has begun.
async fn mark(
    cx: &Cx<'_>,
    stored: &Stored,
    new: Object,
) -> Result<Result<Stored, Option<Stored>>, Status> {
    let value = cx.resource.to_stored(new, None).await?;
    let marked = |revision| Stored {
        key: stored.key.clone(),
        item: Item::new(value.clone(), revision),
        lease: stored.lease,
    };
    if cx.request.options.is_dry_run() || value == *stored.item.value() {
        return Ok(Ok(marked(stored.revision())));
    }
    match cx.server.objects.replace(stored, value.clone()).await? {
        Replaced::Done(revision) => Ok(Ok(marked(revision))),
        Replaced::Changed(now) => Ok(Err(now)),
    }
}

/// Removes the object from the store.
async fn end(cx: &Cx<'_>, stored: Stored) -> Result<Attempt, Status> {
    let last = |revision| cx.resource.present(Item::new(stored.item.value().clone(), revision));
    if cx.request.options.is_dry_run() {
        return Ok(Attempt::Done(Removed::Gone(last(stored.revision()).await?)));
    }
    let beside = alloc::given_up(cx, stored.tree()?);
    match cx.server.objects.remove_beside(&stored, &beside).await? {
        Swapped::Done(revision) => {
            removal::after(cx, stored.tree()?);
            Ok(Attempt::Done(Removed::Gone(last(revision).await?)))
        }
        Swapped::Changed(now) => Ok(Attempt::Changed(now)),
        // It takes nothing; if the store thinks so, the object is looked at once more.
        Swapped::Taken(_) => Ok(Attempt::Changed(Some(stored))),
    }
}

fn check_preconditions(cx: &Cx<'_>, item: &Item, name: &str) -> Result<(), Status> {
    let options = &cx.request.options;
    let kind = GroupResource {
        group: cx.resource.group_kind.group.clone(),
        resource: cx.resource.group_kind.kind.clone(),
    };
    let uid = item.tree().map_err(Status::internal)?.uid();
    if let Some(wanted) = &options.precondition_uid
        && wanted != uid
    {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The \
             object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&kind, name, why));
    }
    let current = item.revision().to_string();
    if let Some(wanted) = &options.precondition_resource_version
        && *wanted != current
    {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the \
             ResourceVersion in record ({current}). The object might have been modified"
        );
        return Err(Status::conflict(&kind, name, why));
    }
    Ok(())
}
