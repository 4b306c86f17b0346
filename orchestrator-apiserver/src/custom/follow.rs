//! The watch of stored definitions, and what follows from each change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::env::Task;
use orchestrator_core::store::{Event, Range, WatchRequest, WatchStream, WatchUpdate};
use orchestrator_core::{Json, Object, Revision, Status};
use orchestrator_custom::condition;
use orchestrator_custom::names::Taken;
use orchestrator_kinds::fields::Fields;

use super::{Plane, definitions, finalize, kind, status};
use crate::registry::{Stored, failed};

/// How long after a failure of the store it is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// All definitions, and what was made of them.
#[derive(Debug)]
pub(super) struct Follower {
    plane: Plane,
    known: BTreeMap<String, Known>,
    /// Of which it is to be decided anew whether they have their names.
    open: BTreeSet<String>,
    reached: Revision,
}

/// A definition as it was last seen.
#[derive(Debug)]
struct Known {
    stored: Stored,
    /// Its tree, which the store lets go: the names of a group are compared often.
    tree: Arc<Object>,
    /// What was written over it, which the watch has not shown yet.
    decided: Option<(Revision, Object)>,
    /// What decides about what is served.
    served: Json,
    /// Deletes the objects of a definition on its way out.
    cleanup: Option<Task<()>>,
}

impl Follower {
    pub(super) fn new(plane: Plane) -> Self {
        Self { plane, known: BTreeMap::new(), open: BTreeSet::new(), reached: Revision::ZERO }
    }

    /// Reads all definitions and serves their kinds.
    pub(super) async fn load(&mut self) -> Result<(), Status> {
        let Some(resource) = self.plane.objects.resource(&definitions()) else { return Ok(()) };
        let found = self.plane.objects.range(Range::new(resource.keys(""))).await?;
        let mut now: BTreeMap<String, Stored> = BTreeMap::new();
        for kv in found.kvs {
            let stored = Stored::from(kv);
            now.insert(stored.tree()?.name().to_owned(), stored);
        }
        let gone: Vec<String> =
            self.known.keys().filter(|name| !now.contains_key(*name)).cloned().collect();
        gone.iter().for_each(|name| self.forget(name));
        now.into_iter().for_each(|(name, stored)| self.see(name, stored));
        self.reached = found.revision;
        Ok(())
    }

    /// Follows the definitions for as long as the server lives.
    pub(super) async fn run(mut self) {
        let mut is_behind = false;
        loop {
            if is_behind && let Err(error) = self.load().await {
                tracing::warn!(error = %error.message, "definitions cannot be read");
                self.plane.env.sleep(PAUSE).await;
                continue;
            }
            is_behind = true;
            let busy = self.plane.env.activity().begin();
            if let Err(error) = self.decide().await {
                tracing::warn!(error = %error.message, "definitions cannot be written");
                drop(busy);
                self.plane.env.sleep(PAUSE).await;
                continue;
            }
            drop(busy);
            if let Err(error) = self.watch().await {
                tracing::debug!(error = %error.message, "the watch of definitions begins anew");
                self.plane.env.sleep(PAUSE).await;
            }
        }
    }

    /// Follows changes until the watch ends.
    async fn watch(&mut self) -> Result<(), Status> {
        let Some(mut changes) = self.changes().await? else {
            return std::future::pending().await;
        };
        while let Some(update) = changes.next().await {
            let update = update.map_err(|error| failed(&error))?;
            let WatchUpdate::Events { revision, events } = update else { continue };
            let _busy = self.plane.env.activity().begin();
            for event in events.iter() {
                self.take(event)?;
            }
            self.reached = revision;
            self.decide().await?;
        }
        Ok(())
    }

    async fn changes(&self) -> Result<Option<WatchStream>, Status> {
        let Some(resource) = self.plane.objects.resource(&definitions()) else { return Ok(None) };
        let request = WatchRequest::new(resource.keys(""), self.reached.next());
        let watch = self.plane.objects.watch(request).await;
        watch.map(Some).map_err(|error| failed(&error))
    }

    fn take(&mut self, event: &Event) -> Result<(), Status> {
        if event.deleted {
            let Some(prev) = &event.prev else { return Ok(()) };
            let name = Stored::from(prev.clone()).tree()?.name().to_owned();
            self.forget(&name);
            return Ok(());
        }
        let stored = Stored::from(event.kv.clone());
        let name = stored.tree()?.name().to_owned();
        self.see(name, stored);
        Ok(())
    }

    /// Takes note of a definition and serves what it says.
    fn see(&mut self, name: String, stored: Stored) {
        let Ok(definition) = stored.tree().cloned() else { return };
        let served = what_is_served(&definition);
        let before = self.known.remove(&name);
        let is_same = before.as_ref().is_some_and(|before| before.served == served);
        if !is_same {
            let resources = kind::resources(&definition, &self.plane);
            self.plane.registry.put_custom(&name, resources);
        }
        if before.as_ref().is_none_or(|before| names_differ(&before.tree, &definition)) {
            self.reopen(definition.text_at(&["spec", "group"]));
        }
        self.open.insert(name.clone());
        let reached = stored.revision();
        let (mut cleanup, decided) =
            before.map(|before| (before.cleanup, before.decided)).unwrap_or_default();
        let decided = decided.filter(|(revision, _)| *revision > reached);
        if finalize::is_due(&definition) {
            let is_running = cleanup.as_ref().is_some_and(|task| !task.is_finished());
            if !is_running {
                let work = finalize::run(self.plane.clone(), name.clone());
                cleanup = Some(self.plane.env.spawn("cleanup of custom resources", work));
            }
        }
        self.known.insert(name, Known { stored, tree: definition, decided, served, cleanup });
    }

    fn forget(&mut self, name: &str) {
        let gone = self.known.remove(name);
        self.plane.registry.put_custom(name, Vec::new());
        if let Some(gone) = gone {
            self.reopen(gone.tree.text_at(&["spec", "group"]));
        }
    }

    /// Names of a group were taken or became free, so that those of all its kinds are open.
    fn reopen(&mut self, group: &str) {
        for (name, known) in &self.known {
            let is_of = known.tree.text_at(&["spec", "group"]) == group;
            // Who has all its names keeps them.
            if is_of && !condition::holds(&known.tree, condition::NAMES_ACCEPTED) {
                self.open.insert(name.clone());
            }
        }
    }

    /// Decides about the names of the definitions of which that is open.
    ///
    /// A write comes back by the watch; where another server was faster, its write does.
    async fn decide(&mut self) -> Result<(), Status> {
        let now = self.plane.env.now_rfc3339();
        while let Some(name) = self.open.first().cloned() {
            let decided = self.settle(&name, &now).await?;
            if let Some(known) = self.known.get_mut(&name) {
                known.decided = decided.or(known.decided.take());
            }
            self.open.remove(&name);
        }
        Ok(())
    }

    /// Decides about the names of one definition; what was written, where anything was.
    async fn settle(&self, name: &str, now: &str) -> Result<Option<(Revision, Object)>, Status> {
        let Some(known) = self.known.get(name) else { return Ok(None) };
        let definition = &*known.tree;
        if definition.deletion_timestamp().is_some() || known.decided.is_some() {
            return Ok(None);
        }
        let taken = self.taken(name, definition);
        let Some(new) = status::decide(definition, &taken, now) else { return Ok(None) };
        let written = status::store(&self.plane, &known.stored, new.clone()).await?;
        Ok(written.map(|revision| (revision, new)))
    }

    /// The names that the other definitions of a group have.
    fn taken(&self, name: &str, definition: &Object) -> Taken {
        let group = definition.text_at(&["spec", "group"]);
        let mut taken = Taken::default();
        for (other, known) in &self.known {
            let tree = known.decided.as_ref().map_or(&*known.tree, |(_, decided)| decided);
            if other != name && tree.text_at(&["spec", "group"]) == group {
                taken.add(tree);
            }
        }
        taken
    }
}

/// Whether a definition has other names than before.
fn names_differ(before: &Object, now: &Object) -> bool {
    let names = |object: &Object| object.sub("status").sub("acceptedNames").clone();
    names(before) != names(now)
}

/// What of a definition decides about what is served: all but its conditions' words.
fn what_is_served(definition: &Object) -> Json {
    use orchestrator_custom::condition::{ESTABLISHED, TERMINATING, holds};
    serde_json::json!([
        definition.uid(),
        definition.sub("spec"),
        definition.sub("status").sub("acceptedNames"),
        holds(definition, ESTABLISHED),
        holds(definition, TERMINATING),
    ])
}
