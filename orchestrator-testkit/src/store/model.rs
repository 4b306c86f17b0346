//! A store that is too simple to be wrong: every revision as a map of its own, every event in a
//! list, every question answered by looking at all of it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use orchestrator_core::Value;
use orchestrator_core::store::{
    Compare, Event, Key, KeyRange, KeyValue, LeaseId, LeaseInfo, LeaseOp, MAX_LEASE_TTL, Op,
    OpResult, Put, Range, RangeResponse, Relation, Revision, StoreError, Target, Txn, TxnResponse,
};

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
        let steps = self.choose(txn);
        for step in flat(&steps) {
            match step {
                Step::Range(range) if !range.revision.is_zero() => {
                    self.check(range.revision)?;
                }
                Step::Put(put) => self.check_put(put)?,
                _ => {}
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

    /// The steps that run, with the branch of each inner transaction chosen.
    fn choose(&self, txn: &Txn) -> Chosen {
        let succeeded = txn.compare.iter().all(|compare| holds(compare, self.newest()));
        let ops = if succeeded { &txn.then } else { &txn.otherwise };
        let steps = ops.iter().map(|op| match op {
            Op::Range(range) => Step::Range(range.clone()),
            Op::Put(put) => Step::Put(put.clone()),
            Op::Delete(keys) => Step::Delete(keys.clone()),
            Op::Txn(inner) => Step::Txn(self.choose(inner)),
        });
        Chosen { succeeded, steps: steps.collect() }
    }
}

/// A transaction whose conditions have been decided.
struct Chosen {
    succeeded: bool,
    steps: Vec<Step>,
}

enum Step {
    Range(Range),
    Put(Put),
    Delete(KeyRange),
    Txn(Chosen),
}

fn flat(chosen: &Chosen) -> Vec<&Step> {
    let inner = |step| match step {
        &Step::Txn(ref inner) => flat(inner),
        step => vec![step],
    };
    chosen.steps.iter().flat_map(inner).collect()
}

/// A state that is being changed.
struct Working<'a> {
    model: &'a Model,
    state: State,
    events: Vec<Event>,
}

impl<'a> Working<'a> {
    fn new(model: &'a Model) -> Self {
        Self { model, state: model.newest().clone(), events: Vec::new() }
    }

    fn revision(&self) -> Revision {
        let revision = self.model.revision();
        if self.events.is_empty() { revision } else { revision.next() }
    }

    fn run(&mut self, chosen: &Chosen) -> TxnResponse {
        let mut results = Vec::new();
        for step in &chosen.steps {
            results.push(match step {
                Step::Range(range) if range.revision.is_zero() => {
                    OpResult::Range(read(&self.state, range, self.revision()))
                }
                Step::Range(range) => {
                    let past = self.model.at(range.revision);
                    OpResult::Range(read(past, range, self.revision()))
                }
                Step::Put(put) => OpResult::Put { prev: self.put(put) },
                Step::Delete(keys) => OpResult::Delete { prev: self.delete(keys) },
                Step::Txn(inner) => OpResult::Txn(self.run(inner)),
            });
        }
        TxnResponse { revision: self.revision(), succeeded: chosen.succeeded, results }
    }

    fn put(&mut self, put: &Put) -> Option<KeyValue> {
        let prev = self.state.get(&put.key).cloned();
        let revision = self.model.revision().next();
        let kept = prev.as_ref();
        let value = put.value.clone().or_else(|| kept.map(|kv| kv.value.clone()));
        let kv = KeyValue {
            key: put.key.clone(),
            value: value.expect("checked before"),
            create_revision: kept.map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: kept.map_or(1, |kv| kv.version + 1),
            lease: put.lease.unwrap_or_else(|| kept.map_or(0, |kv| kv.lease)),
        };
        self.state.insert(put.key.clone(), kv.clone());
        self.events.push(Event { kv, prev: prev.clone(), deleted: false });
        prev
    }

    fn delete(&mut self, keys: &KeyRange) -> Vec<KeyValue> {
        let found: Vec<_> = matching(&self.state, keys).cloned().collect();
        for kv in &found {
            self.state.remove(&kv.key);
            let tombstone = KeyValue {
                key: kv.key.clone(),
                value: Value::from_bytes(&b""[..]),
                create_revision: Revision::ZERO,
                mod_revision: self.model.revision().next(),
                version: 0,
                lease: 0,
            };
            self.events.push(Event { kv: tombstone, prev: Some(kv.clone()), deleted: true });
        }
        found
    }
}

fn matching<'a>(state: &'a State, keys: &'a KeyRange) -> impl Iterator<Item = &'a KeyValue> {
    state.values().filter(|kv| keys.contains(kv.key.as_bytes()))
}

fn read(state: &State, range: &Range, revision: Revision) -> RangeResponse {
    let mut kvs: Vec<_> = matching(state, &range.keys).cloned().collect();
    let count = kvs.len() as u64;
    let limit = if range.limit == 0 { kvs.len() } else { range.limit };
    kvs.truncate(if range.count_only { 0 } else { limit });
    let more = !range.count_only && (kvs.len() as u64) < count;
    RangeResponse { revision, kvs, count, more }
}

fn holds(compare: &Compare, state: &State) -> bool {
    let found: Vec<_> = matching(state, &compare.keys).map(Some).collect();
    let found = if found.is_empty() { vec![None] } else { found };
    found.into_iter().all(|kv| {
        let order = match &compare.target {
            Target::Version(wanted) => Some(kv.map_or(0, |kv| kv.version).cmp(wanted)),
            Target::Lease(wanted) => Some(kv.map_or(0, |kv| kv.lease).cmp(wanted)),
            Target::Value(wanted) => kv.map(|kv| kv.value.bytes().cmp(wanted.bytes())),
            Target::CreateRevision(wanted) => {
                Some(kv.map_or(Revision::ZERO, |kv| kv.create_revision).cmp(wanted))
            }
            Target::ModRevision(wanted) => {
                Some(kv.map_or(Revision::ZERO, |kv| kv.mod_revision).cmp(wanted))
            }
        };
        order.is_some_and(|order| match compare.relation {
            Relation::Equal => order == Ordering::Equal,
            Relation::NotEqual => order != Ordering::Equal,
            Relation::Greater => order == Ordering::Greater,
            Relation::Less => order == Ordering::Less,
        })
    })
}

/// Every sequence of writes that some outcome of the inner conditions makes.
fn paths(ops: &[Op]) -> Vec<Vec<&Op>> {
    ops.iter().fold(vec![Vec::new()], |heads, op| {
        let tails = match op {
            Op::Txn(inner) => [paths(&inner.then), paths(&inner.otherwise)].concat(),
            op => vec![vec![op]],
        };
        let extend = |head: &Vec<_>| -> Vec<_> {
            tails.iter().map(|tail| [head.as_slice(), tail.as_slice()].concat()).collect()
        };
        heads.iter().flat_map(extend).collect()
    })
}

/// On no path is a key put twice, or put and deleted.
fn check_path(path: &[&Op]) -> Result<(), StoreError> {
    for (index, first) in path.iter().enumerate() {
        for second in &path[index + 1..] {
            let clash = match (first, second) {
                (Op::Put(a), Op::Put(b)) => a.key == b.key,
                (Op::Put(put), Op::Delete(keys)) | (Op::Delete(keys), Op::Put(put)) => {
                    keys.contains(put.key.as_bytes())
                }
                _ => false,
            };
            if clash {
                return Err(StoreError::Invalid("duplicate key"));
            }
        }
    }
    Ok(())
}
