//! The second opinion on all keys at once: an order of the calls must explain what reads of ranges
//! and transactions of several keys saw together, which no look at one key can tell.
//!
//! The search is exponential at worst, so it has a bound in steps; where it comes to it, the run is
//! counted as given up and not as wrong. The bound is rarely met, for two reasons: a call without an
//! answer ends, at the latest, when the first answer tells what it wrote; and what nobody was told
//! of is left out where nothing else could show it.

use std::cell::Cell;
use std::collections::BTreeMap;

use bytes::Bytes;
use orchestrator_core::store::{Key, KeyRange, KeyValue, Op, OpResult, Txn};
use porcupine_rs::{Model, Operation};

use super::Findings;
use super::linear::LEASED;
use crate::sim::coverage::{Coverage, Thing};
use crate::sim::history::{Answer, Call, History, Request};

/// The most keys of a run that is looked at.
const MOST_KEYS: usize = 24;

/// The most steps of a search: some twenty for each call of a usual run.
const MOST_STEPS: u32 = 20_000;

thread_local! {
    /// How many steps are left to the search that runs on this thread.
    static LEFT: Cell<u32> = const { Cell::new(0) };
}

/// All keys, each with the number of its value; 0 for none.
#[derive(Clone, Debug)]
struct Keys;

/// What a call found and what it changed, by the number of the key.
#[derive(Clone, Debug, Default)]
struct Act {
    found: Vec<(u8, u32)>,
    written: Vec<(u8, u32)>,
}

impl Model for Keys {
    type State = [u32; MOST_KEYS];
    type Op = Act;
    type Metadata = ();

    fn init() -> Self::State {
        [0; MOST_KEYS]
    }

    fn step(state: &Self::State, act: &Act) -> (bool, Self::State) {
        let left = LEFT.get().saturating_sub(1);
        LEFT.set(left);
        let matches = |(key, value): &(u8, u32)| state[usize::from(*key)] == *value;
        if left == 0 || !act.found.iter().all(matches) {
            return (false, *state);
        }
        let mut next = *state;
        act.written.iter().for_each(|(key, value)| next[usize::from(*key)] = *value);
        (true, next)
    }
}

/// The history of all keys together can be explained.
pub(super) fn check(history: &History, findings: &mut Findings, coverage: &mut Coverage) {
    let mut acts = Acts::default();
    history.calls.iter().for_each(|call| acts.note_keys(call));
    history.calls.iter().for_each(|call| acts.note_told(call));
    if acts.keys.len() > MOST_KEYS {
        return coverage.saw(Thing::RunGivenUp);
    }
    history.calls.iter().for_each(|call| acts.take(call));
    LEFT.set(MOST_STEPS);
    let explained = porcupine_rs::check_operations::<Keys>(&acts.operations);
    match (explained, LEFT.get()) {
        (true, _) => coverage.saw(Thing::RunOrdered),
        (false, 0) => coverage.saw(Thing::RunGivenUp),
        (false, _) => findings.tell("linearizability of all keys", || {
            format!("no order explains the {} calls together", acts.operations.len())
        }),
    }
}

#[derive(Default)]
struct Acts {
    /// The number of each key.
    keys: BTreeMap<Key, u8>,
    /// The number of each value.
    values: BTreeMap<Bytes, u32>,
    /// When a value was first told, by its number.
    told: BTreeMap<u32, u64>,
    operations: Vec<Operation<Keys>>,
}

impl Acts {
    /// Notes the keys that `call` may write.
    fn note_keys(&mut self, call: &Call) {
        let Request::Txn(txn) = &call.request else { return };
        for op in txn.then.iter().chain(&txn.otherwise) {
            if let Op::Put(put) = op
                && !put.key.as_bytes().starts_with(LEASED)
            {
                let next = u8::try_from(self.keys.len()).unwrap_or(u8::MAX);
                self.keys.entry(put.key.clone()).or_insert(next);
            }
        }
    }

    /// Notes which values the answer of `call` tells.
    fn note_told(&mut self, call: &Call) {
        let mut told = Vec::new();
        match &call.answer {
            Answer::Range(found) => told.extend(&found.kvs),
            Answer::Txn(done) => done.results.iter().for_each(|result| match result {
                OpResult::Range(found) => told.extend(&found.kvs),
                OpResult::Put { prev } => told.extend(prev),
                OpResult::Delete { prev } => told.extend(prev),
                OpResult::Txn(_) => {}
            }),
            _ => {}
        }
        for kv in told {
            let value = self.value(kv.value.bytes());
            let first = self.told.entry(value).or_insert(u64::MAX);
            *first = call.ended.order.min(*first);
        }
    }

    /// Adds what `call` did.
    fn take(&mut self, call: &Call) {
        match (&call.request, &call.answer) {
            (Request::Range(range), Answer::Range(found))
                if !range.serializable && range.revision.is_zero() && range.limit == 0 =>
            {
                let mut act = Act::default();
                self.found(&mut act, &range.keys, &found.kvs);
                self.add(call, call.ended.order, act);
            }
            (Request::Txn(txn), Answer::Txn(done)) => {
                let ops = if done.succeeded { &txn.then } else { &txn.otherwise };
                let mut act = Act::default();
                for (op, result) in ops.iter().zip(&done.results) {
                    self.done(&mut act, op, result);
                }
                self.add(call, call.ended.order, act);
            }
            (Request::Txn(txn), Answer::Unknown) => self.unknown(call, txn),
            _ => {}
        }
    }

    /// Adds one step of a transaction; steps of the runs' transactions do not meet.
    fn done(&mut self, act: &mut Act, op: &Op, result: &OpResult) {
        match (op, result) {
            (Op::Range(range), OpResult::Range(found)) => self.found(act, &range.keys, &found.kvs),
            (Op::Put(put), OpResult::Put { prev }) => {
                let keys = KeyRange::key(put.key.clone());
                self.found(act, &keys, prev.as_slice());
                self.written(act, op);
            }
            (Op::Delete(keys), OpResult::Delete { prev }) => {
                self.found(act, keys, prev);
                self.written(act, op);
            }
            _ => {}
        }
    }

    /// Every key of `keys` was found with what is in `kvs`, or not at all.
    fn found(&mut self, act: &mut Act, keys: &KeyRange, kvs: &[KeyValue]) {
        for (key, number) in &self.keys {
            if keys.contains(key.as_bytes()) {
                let kv = kvs.iter().find(|kv| kv.key == *key);
                let value = kv.map_or(0, |kv| number_of(&mut self.values, kv.value.bytes()));
                act.found.push((*number, value));
            }
        }
    }

    fn written(&mut self, act: &mut Act, op: &Op) {
        match op {
            Op::Put(put) => {
                let value = put.value.as_ref().map_or(0, |value| self.value(value.bytes()));
                act.written.extend(self.keys.get(&put.key).map(|key| (*key, value)));
            }
            Op::Delete(range) => {
                let deleted = self.keys.iter().filter(|(key, _)| range.contains(key.as_bytes()));
                act.written.extend(deleted.map(|(_, key)| (*key, 0)));
            }
            _ => {}
        }
    }

    /// Adds a transaction of which nobody knows whether it was done.
    fn unknown(&mut self, call: &Call, txn: &Txn) {
        let mut act = Act::default();
        txn.then.iter().for_each(|op| self.written(&mut act, op));
        let told = act.written.iter().filter_map(|(_, value)| self.told.get(value));
        let ended = told.min().copied();
        let deletes = act.written.iter().any(|(_, value)| *value == 0);
        // Conditions are not looked at here: a deletion that may have happened has none.
        if ended.is_some() || (deletes && txn.compare.is_empty()) {
            self.add(call, ended.unwrap_or(u64::MAX), act);
        }
    }

    fn add(&mut self, call: &Call, ended: u64, op: Act) {
        if op.found.is_empty() && op.written.is_empty() {
            return;
        }
        self.operations.push(Operation {
            client_id: u32::try_from(call.client).ok(),
            call_time: time(call.begun.order),
            return_time: time(ended),
            op,
            metadata: None,
        });
    }

    fn value(&mut self, value: &Bytes) -> u32 {
        number_of(&mut self.values, value)
    }
}

/// The number of a value, from 1 on.
fn number_of(values: &mut BTreeMap<Bytes, u32>, value: &Bytes) -> u32 {
    let next = u32::try_from(values.len()).expect("a run has few values") + 1;
    *values.entry(value.clone()).or_insert(next)
}

fn time(order: u64) -> i64 {
    i64::try_from(order).unwrap_or(i64::MAX)
}
