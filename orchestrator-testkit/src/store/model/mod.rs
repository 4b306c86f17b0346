//! A store that is too simple to be wrong: every revision as a map of its own, every event in a
//! list, every question answered by looking at all of it.

mod rules;
mod working;

use std::collections::BTreeMap;
use std::time::Duration;

use orchestrator_core::store::{
    Event, Key, KeyRange, KeyValue, LeaseId, LeaseInfo, LeaseOp, MAX_LEASE_TTL, Put, Range,
    RangeResponse, Revision, StoreError, Txn, TxnResponse,
};

use rules::{check_path, paths};
use working::{Chosen, Step, Working, read};

type State = BTreeMap<Key, KeyValue>;

/// The reference: slow, without limits on history, and driven by the time it is told.
///
/// It checks what depends on the state or is a rule of several steps; sizes are for the rules of
/// [`conforms`](super::conforms).
#[derive(Clone, Debug)]
pub struct Model {
    /// The keys at each revision, from 1 on.
    states: Vec<State>,
    /// The changes of each revision, from 1 on, which has none.
    events: Vec<Vec<Event>>,
    floor: Revision,
    leases: BTreeMap<LeaseId, Lease>,
}

#[derive(Clone, Debug)]
struct Lease {
    ttl: Duration,
    deadline: Duration,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            states: vec![State::new()],
            events: vec![Vec::new()],
            floor: Revision::new(1),
            leases: BTreeMap::new(),
        }
    }
}

impl Model {
    /// The newest revision.
    pub fn revision(&self) -> Revision {
        Revision::new(self.states.len() as u64)
    }

    /// The oldest revision that can be read.
    pub fn floor(&self) -> Revision {
        self.floor
    }

    /// The changes of `keys` in `from` and later, by revision.
    pub fn changes(&self, keys: &KeyRange, from: Revision) -> Vec<(Revision, Vec<Event>)> {
        let all = (1..).map(Revision::new).zip(&self.events);
        let wanted = all.filter(|(revision, _)| *revision >= from).map(|(revision, events)| {
            let matching = events.iter().filter(|event| keys.contains(event.kv.key.as_bytes()));
            (revision, matching.cloned().collect::<Vec<_>>())
        });
        wanted.filter(|(_, events)| !events.is_empty()).collect()
    }

    /// As [`Store::range`](orchestrator_core::Store::range).
    ///
    /// # Errors
    /// The same.
    pub fn range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        let revision = match range.revision {
            Revision::ZERO => self.revision(),
            revision => self.check(revision)?,
        };
        Ok(read(self.at(revision), range, self.revision()))
    }

    /// As [`Store::txn`](orchestrator_core::Store::txn).
    ///
    /// # Errors
    /// The same.
    pub fn txn(&mut self, txn: &Txn) -> Result<TxnResponse, StoreError> {
        for path in paths(&txn.then).into_iter().chain(paths(&txn.otherwise)) {
            check_path(&path)?;
        }
        let steps = Chosen::of(txn, self.newest());
        // The puts first, as in etcd.
        for step in steps.flat() {
            if let Step::Put(put) = step {
                self.check_put(put)?;
            }
        }
        for step in steps.flat() {
            if let Step::Range(range) = step
                && !range.revision.is_zero()
            {
                self.check(range.revision)?;
            }
        }
        let mut working = Working::new(self);
        let mut response = working.run(&steps);
        let Working { state, events, .. } = working;
        self.commit(state, events);
        response.revision = self.revision();
        Ok(response)
    }

    /// As [`Store::lease`](orchestrator_core::Store::lease), at the time `at`.
    ///
    /// # Errors
    /// The same.
    pub fn lease(&mut self, op: &LeaseOp, at: Duration) -> Result<Vec<LeaseInfo>, StoreError> {
        let one = match op {
            LeaseOp::Grant { ttl, .. } if ttl.is_zero() || *ttl > MAX_LEASE_TTL => {
                return Err(StoreError::Invalid("ttl"));
            }
            LeaseOp::Grant { id, .. } if self.leases.contains_key(id) => {
                return Err(StoreError::LeaseExists(*id));
            }
            LeaseOp::Grant { id, ttl } => {
                self.leases.insert(*id, Lease { ttl: *ttl, deadline: at + *ttl });
                self.describe(*id, at)?
            }
            LeaseOp::KeepAlive(id) => {
                let lease = self.leases.get_mut(id).ok_or(StoreError::LeaseNotFound(*id))?;
                lease.deadline = at + lease.ttl;
                self.describe(*id, at)?
            }
            LeaseOp::Revoke(id) => {
                let info = self.describe(*id, at)?;
                self.end(*id);
                info
            }
            LeaseOp::Describe(id) => self.describe(*id, at)?,
            _ => {
                let ids = self.leases.keys().copied();
                return ids.map(|id| self.describe(id, at)).collect();
            }
        };
        Ok(vec![one])
    }

    /// Ends the leases that are over at `at`, the earliest first.
    pub fn expire(&mut self, at: Duration) {
        let over = self.leases.iter().filter(|(_, lease)| lease.deadline <= at);
        let mut over: Vec<_> = over.map(|(id, lease)| (lease.deadline, *id)).collect();
        over.sort_unstable();
        over.into_iter().for_each(|(_, id)| self.end(id));
    }

    /// As [`Store::compact`](orchestrator_core::Store::compact).
    ///
    /// # Errors
    /// The same.
    pub fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision <= self.floor {
            return Err(StoreError::Compacted { wanted: revision, oldest: self.floor });
        }
        self.floor = self.check(revision)?;
        Ok(())
    }

    fn at(&self, revision: Revision) -> &State {
        &self.states[usize::try_from(revision.get()).expect("a small number") - 1]
    }

    fn newest(&self) -> &State {
        self.states.last().expect("there is a revision")
    }

    fn check(&self, revision: Revision) -> Result<Revision, StoreError> {
        if revision < self.floor {
            return Err(StoreError::Compacted { wanted: revision, oldest: self.floor });
        }
        if revision > self.revision() {
            return Err(StoreError::Future { wanted: revision, newest: self.revision() });
        }
        Ok(revision)
    }

    fn check_put(&self, put: &Put) -> Result<(), StoreError> {
        let present = self.newest().contains_key(&put.key);
        if !present && (put.value.is_none() || put.lease.is_none()) {
            return Err(StoreError::KeyNotFound);
        }
        match put.lease {
            None | Some(0) => Ok(()),
            Some(id) if self.leases.contains_key(&id) => Ok(()),
            Some(id) => Err(StoreError::LeaseNotFound(id)),
        }
    }

    fn commit(&mut self, state: State, events: Vec<Event>) {
        if !events.is_empty() {
            self.states.push(state);
            self.events.push(events);
        }
    }

    fn keys_of(&self, id: LeaseId) -> Vec<Key> {
        self.newest().values().filter(|kv| kv.lease == id).map(|kv| kv.key.clone()).collect()
    }

    fn describe(&self, id: LeaseId, at: Duration) -> Result<LeaseInfo, StoreError> {
        let lease = self.leases.get(&id).ok_or(StoreError::LeaseNotFound(id))?;
        let remaining = lease.deadline.saturating_sub(at);
        Ok(LeaseInfo { id, ttl: lease.ttl, remaining, keys: self.keys_of(id) })
    }

    fn end(&mut self, id: LeaseId) {
        self.leases.remove(&id);
        let mut working = Working::new(self);
        for key in self.keys_of(id) {
            working.delete(&KeyRange::key(key));
        }
        let Working { state, events, .. } = working;
        self.commit(state, events);
    }
}
