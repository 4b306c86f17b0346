//! A transaction on its way: the branches chosen, the state being changed.

use orchestrator_core::Value;
use orchestrator_core::store::{
    Event, KeyRange, KeyValue, Op, OpResult, Put, Range, RangeResponse, Revision, Txn, TxnResponse,
};

use super::rules::holds;
use super::{Model, State};

/// A transaction whose conditions have been decided.
pub(super) struct Chosen {
    succeeded: bool,
    steps: Vec<Step>,
}

pub(super) enum Step {
    Range(Range),
    Put(Put),
    Delete(KeyRange),
    Txn(Chosen),
}

impl Chosen {
    /// Chooses the branches of `txn` by the conditions that hold in `state`.
    pub(super) fn of(txn: &Txn, state: &State) -> Self {
        let succeeded = txn.compare.iter().all(|compare| holds(compare, state));
        let ops = if succeeded { &txn.then } else { &txn.otherwise };
        let steps = ops.iter().map(|op| match op {
            Op::Range(range) => Step::Range(range.clone()),
            Op::Put(put) => Step::Put(put.clone()),
            Op::Delete(keys) => Step::Delete(keys.clone()),
            Op::Txn(inner) => Step::Txn(Self::of(inner, state)),
        });
        Self { succeeded, steps: steps.collect() }
    }

    /// All steps, those of inner transactions in place of these.
    pub(super) fn flat(&self) -> Vec<&Step> {
        let mut steps = Vec::new();
        for step in &self.steps {
            match step {
                Step::Txn(inner) => steps.extend(inner.flat()),
                step => steps.push(step),
            }
        }
        steps
    }
}

/// A state that is being changed.
pub(super) struct Working<'a> {
    model: &'a Model,
    pub(super) state: State,
    pub(super) events: Vec<Event>,
}

impl<'a> Working<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Self { model, state: model.newest().clone(), events: Vec::new() }
    }

    fn revision(&self) -> Revision {
        let revision = self.model.revision();
        if self.events.is_empty() { revision } else { revision.next() }
    }

    pub(super) fn run(&mut self, chosen: &Chosen) -> TxnResponse {
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

    pub(super) fn delete(&mut self, keys: &KeyRange) -> Vec<KeyValue> {
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

pub(super) fn matching<'a>(
    state: &'a State,
    keys: &'a KeyRange,
) -> impl Iterator<Item = &'a KeyValue> {
    state.values().filter(|kv| keys.contains(kv.key.as_bytes()))
}

pub(super) fn read(state: &State, range: &Range, revision: Revision) -> RangeResponse {
    let mut kvs: Vec<_> = matching(state, &range.keys).cloned().collect();
    let count = kvs.len() as u64;
    let limit = if range.limit == 0 { kvs.len() } else { range.limit };
    kvs.truncate(if range.count_only { 0 } else { limit });
    let more = !range.count_only && (kvs.len() as u64) < count;
    RangeResponse { revision, kvs, count, more }
}
