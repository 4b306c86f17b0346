//! Which keys came and went between two kept roots.
//!
//! A key that is in the next root leads back to its earlier versions by itself: its revision names
//! the event that wrote it, and that event tells what was there before. What does not: a key that
//! was deleted, for it is in no root; one that was deleted and came back, for the event of its
//! coming tells of nothing before; and how many keys there were, which a list tells beside those
//! that it gives. These three are kept here. Writes of keys that stay cost nothing.

use imbl::OrdMap;
use orchestrator_core::store::{Event, Key, KeyRange, Revision};

use super::tally::Tally;
use super::tree::{Iter, Tree};

/// The coming and going of keys, in revisions that follow each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Churn {
    /// The keys that are not there, and when each was deleted last.
    gone: Tree<Revision>,
    /// When a key that came at a revision had been deleted before.
    earlier: OrdMap<(Revision, Key), Revision>,
    tally: Tally,
}

impl Churn {
    /// Notes the events of `revision`, which is the next one.
    pub(super) fn note<'a>(&mut self, revision: Revision, events: impl Iterator<Item = &'a Event>) {
        for event in events {
            let key = &event.kv.key;
            match (event.deleted, &event.prev) {
                (true, _) => self.gone.insert(key.clone(), revision),
                (false, None) => {
                    if let Some((_, deleted)) = self.gone.remove(key.as_bytes()) {
                        self.earlier.insert((revision, key.clone()), deleted);
                    }
                }
                (false, Some(_)) => continue,
            }
            self.tally.note(revision, key, !event.deleted);
        }
    }

    /// Forgets what the events of `revision` left here, the oldest that are noted.
    pub(super) fn forget<'a>(
        &mut self,
        revision: Revision,
        events: impl Iterator<Item = &'a Event>,
    ) {
        for event in events {
            let key = event.kv.key.as_bytes();
            if event.deleted && self.gone.get(key) == Some(&revision) {
                self.gone.remove(key);
            }
            if !event.deleted && event.prev.is_none() && !self.earlier.is_empty() {
                self.earlier.remove(&(revision, event.kv.key.clone()));
            }
        }
        self.tally.forget_to(revision);
    }

    /// The deleted keys of `keys` in order, and when each was deleted last.
    pub(super) fn gone<'a>(&'a self, keys: &'a KeyRange) -> Iter<'a, Revision> {
        self.gone.iter(keys)
    }

    /// When `key`, which came at `revision`, had been deleted before.
    pub(super) fn deleted_before(&self, revision: Revision, key: &Key) -> Option<Revision> {
        if self.earlier.is_empty() {
            return None;
        }
        self.earlier.get(&(revision, key.clone())).copied()
    }

    /// How many more keys of `keys` came than went after `revision`.
    pub(super) fn grown(&self, keys: &KeyRange, revision: Revision) -> i64 {
        self.tally.grown(keys, revision)
    }
}
