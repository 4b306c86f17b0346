//! A frozen view of the store at one revision, to be read without its lock.

use orchestrator_core::store::{KeyRange, KeyValue, RangeResponse, Revision};

use super::past::Past;
use super::root::Root;

/// All keys as they were at one revision. To make one, and to copy it, costs a few pointers.
#[derive(Clone, Debug)]
pub struct Snapshot {
    revision: Revision,
    newest: Revision,
    keys: Keys,
}

/// Where the keys are.
#[derive(Clone, Debug)]
enum Keys {
    Root(Root),
    Past(Box<Past>),
}

impl Snapshot {
    pub(super) fn of_root(revision: Revision, newest: Revision, root: Root) -> Self {
        Self { revision, newest, keys: Keys::Root(root) }
    }

    pub(super) fn of_past(revision: Revision, newest: Revision, past: Past) -> Self {
        Self { revision, newest, keys: Keys::Past(Box::new(past)) }
    }

    /// The revision that it shows.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Reads `keys`: at most `limit` (0 for all), or only their number.
    pub fn range(&self, keys: &KeyRange, limit: usize, count_only: bool) -> RangeResponse {
        match &self.keys {
            Keys::Root(root) => root.range(keys, limit, count_only, self.newest),
            Keys::Past(past) => past.range(keys, limit, count_only, self.newest),
        }
    }

    /// The first `most` keys of `keys`, without counting the others.
    pub(crate) fn first(&self, keys: &KeyRange, most: usize) -> Vec<KeyValue> {
        match &self.keys {
            Keys::Root(root) => {
                root.iter(keys).take(most).map(|(key, entry)| entry.to_kv(key)).collect()
            }
            Keys::Past(past) => past.read(keys, most),
        }
    }
}
