//! A second opinion, which believes no revision: each key is a register, and a checker looks for
//! an order of the calls that explains what they answered.
//!
//! A call without an answer may have happened at any later time. If nobody ever saw what it wrote,
//! it is left out, for then it is as good as never; a deletion has nothing that could be seen, and
//! stays, to happen at the end of time if nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use orchestrator_core::store::{Key, KeyRange, KeyValue, Op, OpResult, Txn};
use porcupine_rs::{Model, Operation};

use super::Findings;
use crate::sim::coverage::{Coverage, Thing};
use crate::sim::history::{Answer, Call, History, Request};

/// Keys that end by themselves are no registers.
pub(crate) const LEASED: &[u8] = b"lease/";

/// One key: what it holds, as the number of a value.
#[derive(Clone, Debug)]
struct Register;

/// What a call did to one key.
#[derive(Clone, Debug)]
enum Act {
    /// Found this.
    Read(Option<u32>),
    /// Replaced `prev`, where that is known, with `next`.
    Write { prev: Option<Option<u32>>, next: Option<u32> },
}

impl Model for Register {
    type State = Option<u32>;
    type Op = Act;
    type Metadata = ();

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, act: &Act) -> (bool, Self::State) {
        match act {
            Act::Read(found) => (found == state, *state),
            Act::Write { prev, next } => (prev.is_none_or(|prev| prev == *state), *next),
        }
    }
}

/// The history of each key can be explained.
pub(super) fn check(history: &History, findings: &mut Findings, coverage: &mut Coverage) {
    let mut registers = Registers::default();
    history.calls.iter().for_each(|call| registers.look(call));
    history.calls.iter().for_each(|call| registers.take(call));
    registers.take_wide();
    for (key, acts) in registers.acts {
        let explained = porcupine_rs::check_operations::<Register>(&acts);
        coverage.saw(Thing::KeyOrdered);
        findings.expect(explained, "linearizability", || {
            format!("no order explains the {} calls about {key:?}", acts.len())
        });
    }
}

#[derive(Default)]
struct Registers<'a> {
    acts: BTreeMap<Key, Vec<Operation<Register>>>,
    numbers: BTreeMap<Bytes, u32>,
    /// Values that somebody was told.
    told: BTreeSet<u32>,
    /// Deletions of ranges without an answer.
    wide: Vec<(&'a Call, &'a KeyRange)>,
}

impl<'a> Registers<'a> {
    /// Notes which values the answer of `call` tells.
    fn look(&mut self, call: &Call) {
        match &call.answer {
            Answer::Range(found) => found.kvs.iter().for_each(|kv| self.tell(kv)),
            Answer::Txn(done) => done.results.iter().for_each(|result| match result {
                OpResult::Range(found) => found.kvs.iter().for_each(|kv| self.tell(kv)),
                OpResult::Put { prev } => prev.iter().for_each(|kv| self.tell(kv)),
                OpResult::Delete { prev } => prev.iter().for_each(|kv| self.tell(kv)),
                OpResult::Txn(_) => {}
            }),
            _ => {}
        }
    }

    fn tell(&mut self, kv: &KeyValue) {
        let number = self.number(kv.value.bytes());
        self.told.insert(number);
    }

    /// Adds what `call` did to each key.
    fn take(&mut self, call: &'a Call) {
        match (&call.request, &call.answer) {
            (Request::Range(range), Answer::Range(found))
                if !range.serializable && range.revision.is_zero() && range.keys.end.is_none() =>
            {
                self.read(call, &range.keys, &found.kvs);
            }
            (Request::Txn(txn), Answer::Txn(done)) => {
                let ops = if done.succeeded { &txn.then } else { &txn.otherwise };
                ops.iter().zip(&done.results).for_each(|(op, result)| self.op(call, op, result));
            }
            (Request::Txn(txn), Answer::Unknown) => self.unknown(call, txn),
            _ => {}
        }
    }

    fn op(&mut self, call: &Call, op: &Op, result: &OpResult) {
        match (op, result) {
            (Op::Range(range), OpResult::Range(found)) if range.keys.end.is_none() => {
                self.read(call, &range.keys, &found.kvs);
            }
            (Op::Put(put), OpResult::Put { prev }) => {
                let prev = prev.as_ref().map(|kv| self.number(kv.value.bytes()));
                let next = put.value.as_ref().map(|value| self.number(value.bytes()));
                self.add(call, &put.key, Act::Write { prev: Some(prev), next });
            }
            (Op::Delete(keys), OpResult::Delete { prev }) if keys.end.is_none() => {
                let prev = prev.first().map(|kv| self.number(kv.value.bytes()));
                self.add(call, &keys.start, Act::Write { prev: Some(prev), next: None });
            }
            (Op::Delete(_), OpResult::Delete { prev }) => {
                for kv in prev {
                    let prev = Some(self.number(kv.value.bytes()));
                    self.add(call, &kv.key, Act::Write { prev: Some(prev), next: None });
                }
            }
            _ => {}
        }
    }

    fn unknown(&mut self, call: &'a Call, txn: &'a Txn) {
        for op in txn.then.iter().chain(&txn.otherwise) {
            match op {
                Op::Put(put) => {
                    let Some(value) = &put.value else { continue };
                    let number = self.number(value.bytes());
                    if self.told.contains(&number) {
                        let act = Act::Write { prev: None, next: Some(number) };
                        self.add(call, &put.key, act);
                    }
                }
                Op::Delete(keys) if keys.end.is_none() => {
                    self.add(call, &keys.start, Act::Write { prev: None, next: None });
                }
                Op::Delete(keys) => self.wide.push((call, keys)),
                _ => {}
            }
        }
    }

    /// Adds the deletions of ranges without an answer, to every key they may have deleted.
    fn take_wide(&mut self) {
        let keys: Vec<Key> = self.acts.keys().cloned().collect();
        for (call, range) in std::mem::take(&mut self.wide) {
            for key in keys.iter().filter(|key| range.contains(key.as_bytes())) {
                self.add(call, key, Act::Write { prev: None, next: None });
            }
        }
    }

    fn read(&mut self, call: &Call, keys: &KeyRange, found: &[KeyValue]) {
        let found = found.first().map(|kv| self.number(kv.value.bytes()));
        self.add(call, &keys.start, Act::Read(found));
    }

    fn add(&mut self, call: &Call, key: &Key, op: Act) {
        if key.as_bytes().starts_with(LEASED) {
            return;
        }
        self.acts.entry(key.clone()).or_default().push(Operation {
            client_id: u32::try_from(call.client).ok(),
            call_time: time(call.begun.order),
            return_time: time(call.ended.order),
            op,
            metadata: None,
        });
    }

    fn number(&mut self, value: &Bytes) -> u32 {
        let next = u32::try_from(self.numbers.len()).expect("a run has few values");
        *self.numbers.entry(value.clone()).or_insert(next)
    }
}

fn time(order: u64) -> i64 {
    i64::try_from(order).unwrap_or(i64::MAX)
}
