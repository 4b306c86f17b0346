//! The state machine under every engine: one versioned map and the log of its changes.
//!
//! [`Mvcc`] is synchronous and knows no clock, no task and no lock: [commands](Command) go in,
//! each with its time, answers and events come out, and equal commands give equal results. An
//! engine only decides how commands reach it.
//!
//! The map is persistent (structure is shared between versions), so a [`Snapshot`] that is read
//! outside the engine's lock, a [fork](Mvcc::fork) and a kept root cost a pointer. Not every
//! revision keeps its root, for that would make each write copy its path: see `checkpoints`. The
//! others are read from the next newer root, each key led back by the log: see `past`.
//! The log holds one commit per revision. What is older than the floor, by an explicit
//! compaction or because of the [`Limits`], answers `Compacted`.

mod check;
mod checkpoints;
mod churn;
mod command;
mod compare;
mod lease;
mod limits;
mod log;
mod past;
mod reasons;
mod restore;
mod root;
mod snapshot;
mod tally;
#[cfg(test)]
mod tests;
mod tree;
mod txn;

pub use command::{Applied, Command};
pub use lease::Leases;
pub use limits::Limits;
pub use snapshot::Snapshot;

pub(crate) use command::{make_values, value_bytes};
pub(crate) use log::Commit;
pub(crate) use reasons::REASONS;
pub(crate) use restore::{Contradiction, Restore};
pub(crate) use txn::Change;

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{
    Event, KeyRange, LeaseId, LeaseInfo, LeaseOp, Range, RangeResponse, Revision, StoreError,
    StoreStatus,
};
use orchestrator_core::value::Value;
use smallvec::SmallVec;

use checkpoints::Checkpoints;
use churn::Churn;
use log::Log;
use past::Past;
use root::Root;

/// The revision of a store in which nothing was written.
const FIRST_REVISION: Revision = Revision::new(1);

/// For how many commits the values written stay warm: about as far as watchers lag behind that
/// are not in trouble. The trees of that many pods take ten megabytes.
const WARM_COMMITS: u64 = 256;

/// The versioned map, its log and its leases.
#[derive(Clone, Debug)]
pub struct Mvcc {
    limits: Limits,
    revision: Revision,
    /// The oldest revision that can be read.
    floor: Revision,
    root: Root,
    log: Log,
    checkpoints: Checkpoints,
    leases: Leases,
    /// The empty value of every deletion.
    tombstone: Value,
}

impl Mvcc {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            revision: FIRST_REVISION,
            floor: FIRST_REVISION,
            root: Root::default(),
            log: Log::new(FIRST_REVISION.next()),
            checkpoints: Checkpoints::default(),
            leases: Leases::default(),
            tombstone: Value::from_bytes(&b""[..]),
        }
    }

    /// Bounds the store by `limits` from the next command on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The newest revision.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The oldest revision that can be read; watches can start from it.
    pub fn floor(&self) -> Revision {
        self.floor
    }

    /// The bytes of all keys and values.
    pub fn data_bytes(&self) -> u64 {
        self.root.bytes()
    }

    /// The bounds of the store.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The leases.
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The events of `revision`, in the order of the writes; `None` where it is not kept.
    pub fn events(&self, revision: Revision) -> Option<&Arc<[Arc<Event>]>> {
        self.log.get(revision)
    }

    /// Reads keys at one revision.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future),
    /// [`Invalid`](StoreError::Invalid).
    pub fn range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        let Range { keys, revision, limit, count_only, .. } = range;
        check::range(keys)?;
        if revision.is_zero() || *revision == self.revision {
            return Ok(self.root.range(keys, *limit, *count_only, self.revision));
        }
        Ok(self.snapshot(*revision)?.range(keys, *limit, *count_only))
    }

    /// Whether `keys` can be asked for.
    ///
    /// # Errors
    /// [`Invalid`](StoreError::Invalid): a key is empty or too long.
    pub fn check_keys(&self, keys: &KeyRange) -> Result<(), StoreError> {
        check::range(keys)
    }

    /// All keys at `revision`, or at the newest where it is zero, to be read elsewhere.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future).
    pub fn snapshot(&self, revision: Revision) -> Result<Snapshot, StoreError> {
        if revision.is_zero() {
            return Ok(Snapshot::of_root(self.revision, self.revision, self.root.clone()));
        }
        self.check_revision(revision)?;
        Ok(self.view(&self.root, revision))
    }

    /// A copy that goes its own way from here; costs a few pointers.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.clone()
    }

    /// A copy as the store was at `revision`, which goes its own way from there.
    ///
    /// Leases have no history: those that there are now are taken over as they are, with the
    /// keys that they had then. A key whose lease has ended since keeps its number and no longer
    /// ends with it.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future).
    pub fn fork_at(&self, revision: Revision) -> Result<Self, StoreError> {
        self.check_revision(revision)?;
        let mut fork = self.fork();
        fork.root = self.root_of(revision);
        let newer = (revision.get() + 1..=self.revision.get()).rev();
        for event in newer.filter_map(|rev| self.log.get(Revision::new(rev))).flat_map(|c| c.iter())
        {
            fork.leases.detach(event.kv.lease, event.kv.key.as_bytes());
            if let Some(prev) = &event.prev {
                fork.leases.attach(prev.lease, &prev.key);
            }
        }
        fork.log.truncate_after(revision);
        fork.checkpoints.truncate_after(revision, &fork.log);
        fork.revision = revision;
        Ok(fork)
    }

    /// Makes, keeps, ends or tells of leases.
    ///
    /// # Errors
    /// [`LeaseNotFound`](StoreError::LeaseNotFound), [`LeaseExists`](StoreError::LeaseExists),
    /// [`Invalid`](StoreError::Invalid) for a time to live of zero or beyond the limit,
    /// [`NoSpace`](StoreError::NoSpace) for too many.
    pub fn lease(&mut self, op: LeaseOp, at: Duration) -> Result<Vec<LeaseInfo>, StoreError> {
        let one = match op {
            LeaseOp::Grant { id, ttl } => self.leases.grant(id, ttl, at, self.limits.leases)?,
            LeaseOp::KeepAlive(id) => self.leases.keep_alive(id, at)?,
            LeaseOp::Revoke(id) => self.end_lease(id, at)?,
            LeaseOp::Describe(id) => self.leases.describe(id, at)?,
            LeaseOp::List => return Ok(self.leases.list(at)),
            _ => return Err(StoreError::Invalid(reasons::UNKNOWN_LEASE_OP)),
        };
        Ok(vec![one])
    }

    /// Ends the first of the leases that are over at `at`; the earliest deadline comes first.
    ///
    /// One lease, so that no command makes more than one revision.
    pub fn expire(&mut self, at: Duration) -> Option<LeaseInfo> {
        let id = self.leases.expired(at)?;
        self.end_lease(id, at).ok()
    }

    /// Forgets what is older than `revision`, which itself can still be read.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted) if that was done before,
    /// [`Future`](StoreError::Future).
    pub fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision <= self.floor {
            return Err(StoreError::Compacted { wanted: revision, oldest: self.floor });
        }
        self.check_revision(revision)?;
        while let Some((dropped, events)) = self.log.pop_before(revision) {
            self.checkpoints.forget(dropped, &events);
        }
        self.raise_floor(revision);
        Ok(())
    }

    /// Tells how the store is, under the name of `engine`.
    pub fn status(&self, engine: &'static str) -> StoreStatus {
        StoreStatus {
            revision: self.revision,
            compacted: self.floor,
            keys: self.root.len() as u64,
            bytes: self.root.bytes() + self.log.bytes(),
            engine,
        }
    }

    fn end_lease(&mut self, id: LeaseId, at: Duration) -> Result<LeaseInfo, StoreError> {
        let ended = self.leases.remove(id, at)?;
        self.delete_all(ended.keys.iter().cloned().map(KeyRange::key));
        Ok(ended)
    }

    fn check_revision(&self, revision: Revision) -> Result<(), StoreError> {
        if revision < self.floor {
            return Err(StoreError::Compacted { wanted: revision, oldest: self.floor });
        }
        if revision > self.revision {
            return Err(StoreError::Future { wanted: revision, newest: self.revision });
        }
        Ok(())
    }

    /// The view of `revision`, which is kept, where `newest` is the newest committed root.
    fn view(&self, newest: &Root, revision: Revision) -> Snapshot {
        let of_past = |root: &Root, churn: &Churn| {
            let past = Past::new(revision, root.clone(), churn.clone(), self.log.clone());
            Snapshot::of_past(revision, self.revision, past)
        };
        let of_root = |root: &Root| Snapshot::of_root(revision, self.revision, root.clone());
        match self.checkpoints.at_or_after(revision) {
            _ if revision == self.revision => of_root(newest),
            Some(kept) if revision == kept.revision => of_root(&kept.root),
            Some(kept) => of_past(&kept.root, &kept.churn),
            None => of_past(newest, self.checkpoints.churn()),
        }
    }

    /// The root of `revision`, made by taking back what is newer: at most some thousands of events,
    /// in proportion to the number of keys.
    fn root_of(&self, revision: Revision) -> Root {
        let kept = self.checkpoints.at_or_after(revision);
        let (base, root) = kept.map_or((self.revision, &self.root), |at| (at.revision, &at.root));
        let mut root = root.clone();
        let newer = (revision.get() + 1..=base.get()).rev().map(Revision::new);
        newer.filter_map(|newer| self.log.get(newer)).for_each(|commit| root.undo(commit));
        root
    }

    /// Makes `events` the next revision, unless there are none.
    fn commit(&mut self, events: SmallVec<[Arc<Event>; 1]>) {
        if events.is_empty() {
            return;
        }
        self.revision = self.revision.next();
        self.checkpoints.note(self.revision, &events, &self.root);
        let commit: Commit = match events.into_inner() {
            Ok(one) => Arc::from(one),
            Err(several) => Arc::from(several.into_vec()),
        };
        self.log.push(commit);
        self.turn_cool();
        while let Some((dropped, events)) = self.log.pop_beyond(&self.limits) {
            self.checkpoints.forget(dropped, &events);
        }
        // The floor's own commit is kept; the first revision has none.
        let oldest = self.log.first();
        if oldest > self.floor.max(FIRST_REVISION.next()) {
            self.raise_floor(oldest);
        }
    }

    /// Warms the values that the newest commit replaced, which watchers will look at, and cools
    /// those of the commit that is no longer new.
    fn turn_cool(&self) {
        for event in self.log.get(self.revision).into_iter().flat_map(|commit| commit.iter()) {
            event.prev.iter().for_each(|prev| prev.value.warm());
        }
        let old = self.revision.get().saturating_sub(WARM_COMMITS);
        self.log.get(Revision::new(old)).into_iter().for_each(log::cool);
    }

    fn raise_floor(&mut self, floor: Revision) {
        self.floor = floor;
        self.checkpoints.drop_before(floor);
    }
}
