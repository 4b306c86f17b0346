//! How a transaction runs: all conditions, then all checks, then all writes.
//!
//! The conditions, those of nested transactions too, look at the state before the transaction.
//! They decide the path; every check that can fail is made along it before the first write, so
//! that a write never has to be taken back.

use std::sync::Arc;

use orchestrator_core::store::{
    Event, Key, KeyRange, KeyValue, LeaseId, Op, OpResult, Put, Range, RangeResponse, Revision,
    StoreError, Txn, TxnResponse,
};
use orchestrator_core::value::Value;
use smallvec::SmallVec;

use super::root::{Entry, Root, data_bytes};
use super::{Mvcc, check, compare};

/// Which branch each transaction on the path takes, the outer before the inner.
type Path = SmallVec<[bool; 4]>;

/// The events of the transaction that is being applied.
type Events = SmallVec<[Arc<Event>; 1]>;

impl Mvcc {
    /// Applies `txn`, or refuses it as a whole.
    ///
    /// # Errors
    /// Those of [`Store::txn`](orchestrator_core::Store::txn) except the two that speak of an
    /// engine that did not answer.
    pub fn txn(&mut self, txn: Txn) -> Result<TxnResponse, StoreError> {
        check::txn(&txn)?;
        let mut path = Path::new();
        decide(&txn, &self.root, &mut path);
        let mut found = Found::default();
        self.check_branch(&txn, &mut path.iter(), &mut found)?;
        // After all puts, as in etcd: a client is told the same where both are refused.
        found.past.iter().try_for_each(|revision| self.check_revision(*revision))?;
        if found.put_bytes > 0 && self.root.bytes() + found.put_bytes > self.limits.data_bytes {
            return Err(StoreError::NoSpace);
        }
        let before = (!found.past.is_empty()).then(|| self.root.clone());
        let mut applying = Applying { mvcc: self, before, events: Events::new() };
        let mut response = applying.txn(txn, &mut path.into_iter());
        let events = applying.events;
        self.commit(events);
        response.revision = self.revision;
        Ok(response)
    }

    /// Deletes what is left of `keys` in one revision.
    pub(super) fn delete_all(&mut self, keys: impl IntoIterator<Item = KeyRange>) {
        let mut applying = Applying { mvcc: self, before: None, events: Events::new() };
        keys.into_iter().for_each(|keys| drop(applying.delete(&keys)));
        let events = applying.events;
        self.commit(events);
    }

    /// Makes `changes`, which were made before elsewhere, the next revision.
    pub(super) fn replay(&mut self, changes: Vec<Change>) {
        let mut applying = Applying { mvcc: self, before: None, events: Events::new() };
        for change in changes {
            match change {
                Change::Put(key, value, lease) => {
                    drop(applying.put(Put { key, value: Some(value), lease: Some(lease) }));
                }
                Change::Delete(key) => drop(applying.delete_key(key.as_bytes())),
            }
        }
        let events = applying.events;
        self.commit(events);
    }

    /// Checks the branch that `path` takes.
    fn check_branch(
        &self,
        txn: &Txn,
        path: &mut std::slice::Iter<'_, bool>,
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let holds = *path.next().expect("a decision for each transaction on the path");
        for op in if holds { &txn.then } else { &txn.otherwise } {
            match op {
                Op::Put(put) => found.put_bytes += self.check_put(put)?,
                Op::Range(range) if !range.revision.is_zero() => found.past.push(range.revision),
                Op::Range(_) | Op::Delete(_) => {}
                Op::Txn(inner) => self.check_branch(inner, path, found)?,
            }
        }
        Ok(())
    }

    fn check_put(&self, put: &Put) -> Result<u64, StoreError> {
        let keeps = put.value.is_none() || put.lease.is_none();
        if keeps && self.root.get(put.key.as_bytes()).is_none() {
            return Err(StoreError::KeyNotFound);
        }
        match put.lease {
            Some(lease) if lease != 0 && !self.leases.contains(lease) => {
                Err(StoreError::LeaseNotFound(lease))
            }
            _ => Ok(put.value.as_ref().map_or(0, |value| data_bytes(&put.key, value))),
        }
    }
}

/// One change of a past revision.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A key was put, with its lease.
    Put(Key, Value, LeaseId),
    /// A key that was there was deleted.
    Delete(Key),
}

/// What the checks learnt of the path.
#[derive(Default)]
struct Found {
    put_bytes: u64,
    /// The revisions that are read by number.
    past: SmallVec<[Revision; 2]>,
}

fn decide(txn: &Txn, root: &Root, path: &mut Path) {
    let holds = txn.compare.iter().all(|condition| compare::holds(condition, root));
    path.push(holds);
    for op in if holds { &txn.then } else { &txn.otherwise } {
        if let Op::Txn(inner) = op {
            decide(inner, root, path);
        }
    }
}

/// A transaction that can no longer fail.
struct Applying<'a> {
    mvcc: &'a mut Mvcc,
    /// The root before the transaction, where it reads a revision by number.
    before: Option<Root>,
    events: Events,
}

impl Applying<'_> {
    fn txn(&mut self, txn: Txn, path: &mut impl Iterator<Item = bool>) -> TxnResponse {
        let succeeded = path.next().expect("a decision for each transaction on the path");
        let ops = if succeeded { txn.then } else { txn.otherwise };
        let mut results = Vec::with_capacity(ops.len());
        for op in ops {
            results.push(match op {
                Op::Range(range) => OpResult::Range(self.range(&range)),
                Op::Put(put) => OpResult::Put { prev: self.put(put) },
                Op::Delete(keys) => OpResult::Delete { prev: self.delete(&keys) },
                Op::Txn(inner) => OpResult::Txn(self.txn(*inner, path)),
            });
        }
        TxnResponse { revision: self.newest(), succeeded, results }
    }

    /// The newest revision as this transaction sees it.
    fn newest(&self) -> Revision {
        let revision = self.mvcc.revision;
        if self.events.is_empty() { revision } else { revision.next() }
    }

    fn range(&self, range: &Range) -> RangeResponse {
        let Range { keys, revision, limit, count_only, .. } = range;
        match &self.before {
            Some(before) if !revision.is_zero() => {
                let past = self.mvcc.view(before, *revision);
                let response = past.range(keys, *limit, *count_only);
                RangeResponse { revision: self.newest(), ..response }
            }
            _ => self.mvcc.root.range(keys, *limit, *count_only, self.newest()),
        }
    }

    fn put(&mut self, put: Put) -> Option<KeyValue> {
        let revision = self.mvcc.revision.next();
        let Put { key, value, lease } = put;
        let (kv, prev) = self.mvcc.root.put(key, |present| {
            let value = value.or_else(|| present.map(|present| present.value.clone()));
            let value = value.expect("the check saw the key whose value is kept");
            let created = present.map_or(revision, Entry::create_revision);
            let version = present.map_or(1, |present| present.version() + 1);
            let lease = lease.unwrap_or_else(|| present.map_or(0, Entry::lease));
            Entry::new(value, (created, revision), version, lease)
        });
        self.move_lease(&kv, prev.as_ref().map_or(0, |prev| prev.lease));
        self.events.push(Arc::new(Event { kv, prev: prev.clone(), deleted: false }));
        prev
    }

    /// Moves the written key `kv` to its lease, away from that before.
    fn move_lease(&mut self, kv: &KeyValue, before: LeaseId) {
        if before == kv.lease {
            return;
        }
        if before != 0 {
            self.mvcc.leases.detach(before, kv.key.as_bytes());
        }
        if kv.lease != 0 {
            self.mvcc.leases.attach(kv.lease, &kv.key);
        }
    }

    fn delete(&mut self, keys: &KeyRange) -> Vec<KeyValue> {
        if keys.end.is_none() {
            return self.delete_key(keys.start.as_bytes()).into_iter().collect();
        }
        let found: Vec<_> = self.mvcc.root.iter(keys).map(|(key, _)| key.clone()).collect();
        found.iter().filter_map(|key| self.delete_key(key.as_bytes())).collect()
    }

    fn delete_key(&mut self, key: &[u8]) -> Option<KeyValue> {
        let (key, old) = self.mvcc.root.remove(key)?;
        if old.lease() != 0 {
            self.mvcc.leases.detach(old.lease(), key.as_bytes());
        }
        let prev = old.into_kv(&key);
        let kv = KeyValue {
            key,
            value: self.mvcc.tombstone.clone(),
            create_revision: Revision::ZERO,
            mod_revision: self.mvcc.revision.next(),
            version: 0,
            lease: 0,
        };
        self.events.push(Arc::new(Event { kv, prev: Some(prev.clone()), deleted: true }));
        Some(prev)
    }
}
