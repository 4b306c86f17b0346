//! The end of a definition: its objects are deleted, then it is let go.
//!
//! Objects that wait for finalizers hold the definition back; their end is seen by a watch of the
//! store.

use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::store::{Key, KeyRange, Range, WatchRequest, WatchUpdate};
use orchestrator_core::{Object, Revision, Status, Value};
use orchestrator_custom::condition::{self, Condition, ESTABLISHED, TERMINATING};
use orchestrator_kinds::fields::Fields;

use super::deletion::FINALIZER;
use super::{Plane, definitions, status};
use crate::registry::{Replaced, Stored};

/// How long after a failure it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a step is tried when others change the same object.
const MAX_TRIES: usize = 64;

/// Whether a definition is on its way out and waits for its objects.
pub(super) fn is_due(definition: &Object) -> bool {
    definition.deletion_timestamp().is_some()
        && definition.finalizers().any(|name| name == FINALIZER)
}

/// Deletes the objects of the definition `name`, then lets it go.
pub(super) async fn run(plane: Plane, name: String) {
    loop {
        match attempt(&plane, &name).await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(definition = %name, error = %error.message, "cleanup will be tried again");
            }
        }
        plane.env.sleep(PAUSE).await;
    }
}

async fn attempt(plane: &Plane, name: &str) -> Result<(), Status> {
    let begun = Condition::new(
        TERMINATING,
        true,
        "InstanceDeletionInProgress",
        "CustomResource deletion is in progress",
    );
    let Some(definition) = change(plane, name, &begun, false).await? else { return Ok(()) };
    let ended = match condition::holds(&definition, ESTABLISHED) {
        true => {
            delete_all(plane, &definition).await?;
            ("InstanceDeletionCompleted", "removed all instances")
        }
        false => ("NeverEstablished", "resource was never established"),
    };
    let ended = Condition::new(TERMINATING, false, ended.0, ended.1);
    change(plane, name, &ended, true).await?;
    Ok(())
}

/// Writes a condition, and takes the finalizer away with `lets_go`; the definition as it is then,
/// unless it is gone.
async fn change(
    plane: &Plane,
    name: &str,
    condition: &Condition,
    lets_go: bool,
) -> Result<Option<Object>, Status> {
    let Some(resource) = plane.objects.resource(&definitions()) else { return Ok(None) };
    for _ in 0..MAX_TRIES {
        let Some(stored) = plane.objects.read(resource.key("", name)).await? else {
            return Ok(None);
        };
        let mut new = Object::clone(stored.tree()?);
        if !is_due(&new) {
            return Ok(None);
        }
        condition::set(&mut new, condition, &plane.env.now_rfc3339());
        if !lets_go {
            if new == **stored.tree()?
                || status::store(plane, &stored, new.clone()).await?.is_some()
            {
                return Ok(Some(new));
            }
            continue;
        }
        let rest: Vec<String> =
            new.finalizers().filter(|name| *name != FINALIZER).map(str::to_owned).collect();
        let done = match rest.is_empty() {
            true => matches!(plane.objects.remove(&stored).await?, Replaced::Done(_)),
            false => {
                new.set_meta("finalizers", rest);
                status::store(plane, &stored, new.clone()).await?.is_some()
            }
        };
        if done {
            return Ok(Some(new));
        }
    }
    Err(Status::unavailable("others keep changing the definition"))
}

/// Where the objects of a definition are.
fn keys(definition: &Object) -> KeyRange {
    let spec = definition.sub("spec");
    KeyRange::prefix(format!(
        "/registry/{}/{}/",
        spec.text("group"),
        spec.sub("names").text("plural")
    ))
}

/// Deletes all objects, and waits until the last of them is gone.
async fn delete_all(plane: &Plane, definition: &Object) -> Result<(), Status> {
    let keys = keys(definition);
    loop {
        let found = plane.objects.range(Range::new(keys.clone())).await?;
        if found.kvs.is_empty() {
            return Ok(());
        }
        for kv in found.kvs {
            delete(plane, kv.key.clone(), Stored::from(kv)).await?;
        }
        wait_for_a_deletion(plane, keys.clone(), found.revision).await?;
    }
}

/// Waits until an object goes that was there at `since`.
async fn wait_for_a_deletion(plane: &Plane, keys: KeyRange, since: Revision) -> Result<(), Status> {
    let found = plane.objects.range(Range { count_only: true, ..Range::new(keys.clone()) }).await?;
    if found.count == 0 {
        return Ok(());
    }
    let watch = plane.objects.watch(WatchRequest::new(keys, since.next())).await;
    let mut watch = watch.map_err(|error| crate::registry::failed(&error))?;
    while let Some(update) = watch.next().await {
        let update = update.map_err(|error| crate::registry::failed(&error))?;
        let WatchUpdate::Events { events, .. } = update else { continue };
        if events.iter().any(|event| event.deleted) {
            return Ok(());
        }
    }
    Ok(())
}

/// Begins the deletion of one object, or completes it where nothing holds it.
async fn delete(plane: &Plane, key: Key, mut stored: Stored) -> Result<(), Status> {
    for _ in 0..MAX_TRIES {
        let tree = stored.tree()?;
        let replaced = if tree.finalizers().next().is_none() {
            plane.objects.remove(&stored).await?
        } else if tree.deletion_timestamp().is_some() {
            return Ok(());
        } else {
            let mut new = Object::clone(tree);
            new.set_meta("deletionTimestamp", plane.env.now_rfc3339());
            new.set_meta("deletionGracePeriodSeconds", 0);
            new.set_meta("generation", tree.generation() + 1);
            plane.objects.replace(&stored, Value::from_object(new)).await?
        };
        match replaced {
            Replaced::Done(_) | Replaced::Changed(None) => return Ok(()),
            Replaced::Changed(Some(now)) => stored = now,
        }
    }
    Err(Status::unavailable(format!("others keep changing {key:?}")))
}
