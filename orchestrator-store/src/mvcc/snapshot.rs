//! A frozen view of the store at one revision, to be read without its lock.

use orchestrator_core::store::{KeyRange, RangeResponse, Revision};

use super::log::Commit;
use super::root::Root;

/// All keys as they were at one revision.
#[derive(Clone, Debug)]
pub struct Snapshot {
    revision: Revision,
    newest: Revision,
    root: Root,
    /// Commits to take back, newest first, before the root is that of `revision`.
    undo: Vec<Commit>,
}

impl Snapshot {
    pub(super) fn new(revision: Revision, newest: Revision, root: Root, undo: Vec<Commit>) -> Self {
        Self { revision, newest, root, undo }
    }

    /// The revision that it shows.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Takes back what is newer than the revision; tells whether there was anything.
    ///
    /// At most some thousands of events, in proportion to the number of keys.
    pub fn rewind(&mut self) -> bool {
        let undo = std::mem::take(&mut self.undo);
        undo.iter().for_each(|commit| self.root.undo(commit));
        !undo.is_empty()
    }

    /// Reads `keys`: at most `limit` (0 for all), or only their number.
    pub fn range(&mut self, keys: &KeyRange, limit: usize, count_only: bool) -> RangeResponse {
        self.rewind();
        self.root.range(keys, limit, count_only, self.newest)
    }

    pub(crate) fn into_root(mut self) -> Root {
        self.rewind();
        self.root
    }

    pub(super) fn rewound_root(&self) -> Option<&Root> {
        self.undo.is_empty().then_some(&self.root)
    }
}
