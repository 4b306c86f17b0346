//! What a watch owes its reader, checked item by item.

use std::sync::Arc;

use orchestrator_core::store::{Event, KeyRange, Revision, WatchUpdate};

use super::model::Model;

/// Checks the items of one watch against what really happened.
///
/// They must be ordered, unique (no revision twice), reliable (no revision left out), atomic (a
/// revision whole), bookmarkable (progress is true) and resumable (a new watch from
/// [`resume_from`](Self::resume_from) goes on where this one stopped).
#[derive(Clone, Debug)]
pub struct Observer {
    keys: KeyRange,
    next: Revision,
}

impl Observer {
    /// The reader of a watch of `keys` from the revision `from`, which is not zero.
    pub fn new(keys: KeyRange, from: Revision) -> Self {
        Self { keys, next: from }
    }

    /// The keys watched.
    pub fn keys(&self) -> &KeyRange {
        &self.keys
    }

    /// Where a new watch would go on.
    pub fn resume_from(&self) -> Revision {
        self.next
    }

    /// How many items with changes the watch owes.
    pub fn owed(&self, model: &Model) -> usize {
        model.changes(&self.keys, self.next).len()
    }

    /// Takes the next item.
    ///
    /// # Panics
    /// It is not what the watch owes; the message says which property is broken.
    pub fn observe(&mut self, update: &WatchUpdate, model: &Model) {
        let owed = model.changes(&self.keys, self.next);
        match update {
            WatchUpdate::Events { revision, events } => {
                assert!(*revision >= self.next, "ordered and unique: {revision} comes too late");
                let (first, changes) = owed.first().expect("filtered: nothing is owed");
                assert!(revision <= first, "reliable: {first} comes before {revision}");
                assert_eq!(revision, first, "filtered: nothing matches in {revision}");
                let given: Vec<Event> = events.iter().map(Arc::as_ref).cloned().collect();
                assert_eq!(&given, changes, "atomic: {revision} whole, as it was made");
                self.next = revision.next();
            }
            WatchUpdate::Progress(revision) => {
                assert!(*revision <= model.revision(), "bookmarkable: {revision} lies ahead");
                assert!(revision.next() >= self.next, "bookmarkable: {revision} goes back");
                let first = owed.first().map(|(first, _)| *first);
                assert!(first.is_none_or(|first| first > *revision), "bookmarkable: {first:?}");
                self.next = revision.next();
            }
        }
    }
}
