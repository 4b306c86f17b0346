//! Builds a state machine from an image: the keys at its floor, then the changes since.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{Event, Key, KeyValue, LeaseId, Revision};

use super::log::Log;
use super::root::{Entry, Filling};
use super::txn::Change;
use super::{FIRST_REVISION, Limits, Mvcc};

/// A state machine that is being built.
#[derive(Debug)]
pub(crate) struct Restore {
    mvcc: Mvcc,
    /// The keys at the floor, until the changes begin.
    keys: Option<Filling>,
    /// The key added last, which the next one must follow.
    last: Option<Key>,
}

/// The image contradicts itself.
#[derive(Debug)]
pub(crate) struct Contradiction;

impl Restore {
    /// Begins with the revision `floor`; ids of leases are chosen after `last_chosen`.
    pub(crate) fn new(
        limits: Limits,
        floor: Revision,
        last_chosen: LeaseId,
    ) -> Result<Self, Contradiction> {
        if floor < FIRST_REVISION || floor.get() == u64::MAX {
            return Err(Contradiction);
        }
        let mut mvcc = Mvcc::new(limits);
        (mvcc.revision, mvcc.floor) = (floor, floor);
        mvcc.log = Log::new(floor.next());
        mvcc.leases.set_last_chosen(last_chosen);
        Ok(Self { mvcc, keys: Some(Filling::default()), last: None })
    }

    /// Adds a lease; they come first.
    pub(crate) fn lease(
        &mut self,
        id: LeaseId,
        ttl: Duration,
        deadline: Duration,
    ) -> Result<(), Contradiction> {
        if id == 0 || self.mvcc.leases.contains(id) {
            return Err(Contradiction);
        }
        self.mvcc.leases.restore(id, ttl, deadline);
        Ok(())
    }

    /// Adds a key as it was at the floor; they come in order.
    pub(crate) fn key(&mut self, kv: KeyValue) -> Result<(), Contradiction> {
        let follows = self.last.as_ref().is_none_or(|last| *last < kv.key);
        let sensible = kv.create_revision <= kv.mod_revision
            && kv.mod_revision <= self.mvcc.floor
            && !kv.create_revision.is_zero()
            && kv.version > 0;
        let Some(keys) = self.keys.as_mut().filter(|_| follows && sensible) else {
            return Err(Contradiction);
        };
        self.mvcc.leases.attach(kv.lease, &kv.key);
        self.last = Some(kv.key.clone());
        let entry = Entry::from_kv(&kv);
        keys.push(kv.key, entry);
        Ok(())
    }

    /// The keys are all there.
    fn end_keys(&mut self) {
        if let Some(keys) = self.keys.take() {
            self.mvcc.root = keys.finish();
        }
    }

    /// Adds the changes of the floor itself, which watches from there still want.
    pub(crate) fn floor_commit(&mut self, events: Vec<Event>) -> Result<(), Contradiction> {
        self.end_keys();
        let floor = self.mvcc.floor;
        let misplaced = self.mvcc.revision != floor || self.mvcc.log.first() == floor;
        if events.is_empty() || misplaced || floor == FIRST_REVISION {
            return Err(Contradiction);
        }
        self.mvcc.log = Log::new(floor);
        self.mvcc.log.push(events.into_iter().map(Arc::new).collect());
        Ok(())
    }

    /// Adds the next revision.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) -> Result<(), Contradiction> {
        self.end_keys();
        let (count, revision) = (changes.len(), self.mvcc.revision.next());
        if count == 0 || revision.get() == u64::MAX {
            return Err(Contradiction);
        }
        self.mvcc.replay(changes);
        let events = self.mvcc.events(revision).map_or(0, |events| events.len());
        if events == count { Ok(()) } else { Err(Contradiction) }
    }

    /// The state machine, which must have come to `newest`.
    pub(crate) fn finish(mut self, newest: Revision) -> Result<Mvcc, Contradiction> {
        self.end_keys();
        let mvcc = self.mvcc;
        let has_floor_commit = mvcc.log.first() <= mvcc.floor || mvcc.floor == FIRST_REVISION;
        if mvcc.revision == newest && has_floor_commit { Ok(mvcc) } else { Err(Contradiction) }
    }
}
