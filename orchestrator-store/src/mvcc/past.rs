//! Reads a revision from the next newer root: no root is made, only keys that are read are led
//! back.

use orchestrator_core::store::{Key, KeyRange, KeyValue, RangeResponse, Revision};

use super::churn::Churn;
use super::log::Log;
use super::root::{self, Root};

/// All keys at a revision that no root was kept of.
#[derive(Clone, Debug)]
pub(super) struct Past {
    revision: Revision,
    /// The keys at a later revision.
    root: Root,
    /// What came and went up to that.
    churn: Churn,
    log: Log,
}

/// Where the way back of a key has come to.
enum Step {
    /// The key was this.
    There(KeyValue),
    /// The key had been deleted at the revision.
    Deleted(Revision),
}

impl Past {
    /// The keys at `revision`, of which `churn` knows what happened until `root`, and `log` how.
    pub(super) fn new(revision: Revision, root: Root, churn: Churn, log: Log) -> Self {
        Self { revision, root, churn, log }
    }

    /// Reads; the answer says `newest` for the store's revision.
    pub(super) fn range(
        &self,
        keys: &KeyRange,
        limit: usize,
        count_only: bool,
        newest: Revision,
    ) -> RangeResponse {
        if keys.end.is_none() {
            return root::one(self.read(keys, 1).pop(), count_only, newest);
        }
        let count = self.count(keys);
        let room = root::room(limit, count_only, count);
        let kvs = self.read(keys, room);
        let more = !count_only && count > kvs.len() as u64;
        RangeResponse { revision: newest, kvs, count, more }
    }

    /// Gives the first `room` keys of `keys` in order, as they were.
    pub(super) fn read(&self, keys: &KeyRange, room: usize) -> Vec<KeyValue> {
        let mut kvs = Vec::with_capacity(room);
        let mut gone = self.churn.gone(keys);
        let mut next_gone = gone.next();
        for (key, entry) in self.root.iter(keys) {
            while kvs.len() < room
                && let Some((gone_key, at)) = next_gone.filter(|(gone_key, _)| *gone_key < key)
            {
                kvs.extend(self.back(gone_key, Step::Deleted(*at)));
                next_gone = gone.next();
            }
            if kvs.len() >= room {
                break;
            }
            if entry.mod_revision <= self.revision {
                kvs.push(entry.to_kv(key));
            } else {
                kvs.extend(self.lead_back(key, entry.mod_revision));
            }
        }
        for (key, at) in next_gone.into_iter().chain(gone) {
            if kvs.len() >= room {
                break;
            }
            kvs.extend(self.back(key, Step::Deleted(*at)));
        }
        kvs
    }

    fn count(&self, keys: &KeyRange) -> u64 {
        let then = self.root.count(keys) as i64 - self.churn.grown(keys, self.revision);
        u64::try_from(then).expect("no more keys came than are there")
    }

    /// What `key` was, which was written at `newer`, after the revision.
    fn lead_back(&self, key: &Key, newer: Revision) -> Option<KeyValue> {
        let step = self.before(key, newer)?;
        self.back(key, step)
    }

    /// Goes back from `step` to what `key` was at the revision.
    fn back(&self, key: &Key, mut step: Step) -> Option<KeyValue> {
        loop {
            let newer = match step {
                Step::There(kv) if kv.mod_revision <= self.revision => return Some(kv),
                Step::There(kv) => kv.mod_revision,
                Step::Deleted(at) if at <= self.revision => return None,
                Step::Deleted(at) => at,
            };
            step = self.before(key, newer)?;
        }
    }

    /// What was of `key` before its event at `newer`; none where it was never there since the
    /// root before.
    fn before(&self, key: &Key, newer: Revision) -> Option<Step> {
        let event = self.log.find(newer, key).expect("events after a readable revision are kept");
        match &event.prev {
            Some(prev) => Some(Step::There(prev.clone())),
            None => self.churn.deleted_before(newer, key).map(Step::Deleted),
        }
    }
}
