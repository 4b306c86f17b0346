//! Plays the truth again, and compares every answer with what the machine gives at its revision.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{
    Event, Key, KeyRange, LeaseId, LeaseOp, MAX_LEASE_TTL, Op, Revision, StoreError, Txn,
};

use super::truth::{Commit, brief, deletes_only};
use super::{Circumstances, Findings, Truth};
use crate::mvcc::{Limits, Mvcc};
use crate::sim::history::{Answer, History, Request};

/// Leases do not end by themselves here: their ends are in the truth.
const AT: Duration = Duration::ZERO;

/// Every answer equals that of a replay at its revision.
pub(super) fn check(
    history: &History,
    truth: &Truth,
    circumstances: Circumstances,
    findings: &mut Findings,
) {
    let mut replay = Replay { history, findings, machine: Mvcc::new(limits()) };
    replay.grant_all();
    let mut questions: BTreeMap<Revision, Vec<usize>> = BTreeMap::new();
    for (index, call) in history.calls.iter().enumerate() {
        if let Some(revision) = call.answer.revision() {
            questions.entry(revision).or_default().push(index);
        }
    }
    replay.answer(questions.remove(&Revision::new(1)), None);
    for (revision, commit) in truth.commits() {
        if !replay.commit(revision, commit) {
            return;
        }
        replay.answer(questions.remove(&revision), commit.maker);
    }
    let ahead = questions.into_iter().next().filter(|_| !circumstances.all_lost);
    replay.findings.expect(ahead.is_none(), "lost", || {
        let (revision, calls) = ahead.expect("just looked at");
        let call = &history.calls[calls[0]];
        format!("revision {revision} was answered and is in no watch: {:?}", call.request)
    });
}

/// A machine that forgets nothing.
fn limits() -> Limits {
    Limits { history_events: usize::MAX, history_bytes: u64::MAX, ..Limits::default() }
}

struct Replay<'a> {
    history: &'a History,
    findings: &'a mut Findings,
    machine: Mvcc,
}

impl Replay<'_> {
    /// Makes every lease that anybody asked for.
    fn grant_all(&mut self) {
        for call in &self.history.calls {
            if let Request::Lease(LeaseOp::Grant { id, .. }) = call.request {
                let _ = self.machine.lease(LeaseOp::Grant { id, ttl: MAX_LEASE_TTL }, AT);
            }
        }
    }

    /// Makes one revision; false where what follows would make no sense.
    fn commit(&mut self, revision: Revision, commit: &Commit) -> bool {
        let before = self.machine.fork();
        let made = match commit.maker {
            Some(call) => self.play(call, revision),
            None => self.end_keys(&commit.events),
        };
        if let Err(error) = made {
            self.findings.tell("replay", || format!("revision {revision} is refused: {error}"));
            return false;
        }
        if commit.maker.is_none() {
            self.explain(&before, revision, &commit.events);
        }
        let events = self.machine.events(revision);
        let equal = events.is_some_and(|events| *events == commit.events);
        self.findings.expect(equal, "replay", || {
            let wanted = events.map(|events| brief(events)).unwrap_or_default();
            format!("revision {revision} is [{}] and should be [{wanted}]", brief(&commit.events))
        });
        equal && self.machine.revision() == revision
    }

    fn play(&mut self, call: usize, revision: Revision) -> Result<(), StoreError> {
        let call = &self.history.calls[call];
        let Request::Txn(txn) = &call.request else { return Ok(()) };
        if let Answer::Refused(error) = &call.answer {
            self.findings.tell("refused", || {
                format!("a call that was refused ({error}) made revision {revision}")
            });
        }
        let done = self.machine.txn(txn.clone())?;
        if let Answer::Txn(answer) = &call.answer {
            self.findings.expect(*answer == done, "answer", || {
                format!("a write answered {answer:?} and should have answered {done:?}")
            });
        }
        Ok(())
    }

    /// Deletes what the end of a lease deleted.
    fn end_keys(&mut self, events: &[Arc<Event>]) -> Result<(), StoreError> {
        let delete = |event: &Arc<Event>| Op::Delete(KeyRange::key(event.kv.key.clone()));
        let then = events.iter().map(delete).collect();
        self.machine.txn(Txn { then, ..Txn::default() }).map(|_| ())
    }

    /// Deletions that no call made are all keys of one lease, or of a call without an answer.
    fn explain(&mut self, before: &Mvcc, revision: Revision, events: &[Arc<Event>]) {
        let lease = lease_of(events);
        let deleted: Vec<&Key> = events.iter().map(|event| &event.kv.key).collect();
        let whole = lease.is_some_and(|lease| {
            let keys = before.leases().describe(lease, AT).map(|info| info.keys);
            keys.is_ok_and(|keys| keys.iter().eq(deleted.iter().copied()))
        });
        let asked = || {
            self.history.calls.iter().any(|call| match (&call.request, &call.answer) {
                (Request::Txn(txn), Answer::Unknown) => {
                    deletes_only(txn) && deleted.iter().all(|key| deletes(txn, key))
                }
                _ => false,
            })
        };
        let explained = whole || asked();
        self.findings.expect(explained, "origin", || {
            format!("nothing made revision {revision}: {} (lease {lease:?})", brief(events))
        });
    }

    /// Compares the answers that tell the machine's revision, that of its maker aside.
    fn answer(&mut self, calls: Option<Vec<usize>>, maker: Option<usize>) {
        for index in calls.into_iter().flatten().filter(|index| Some(*index) != maker) {
            let call = &self.history.calls[index];
            match (&call.request, &call.answer) {
                (Request::Txn(txn), Answer::Txn(answer)) => {
                    let mut fork = self.machine.fork();
                    let done = fork.txn(txn.clone());
                    if fork.revision() > self.machine.revision() {
                        self.findings.tell("lost", || {
                            format!("a write answered {} and is not there", answer.revision)
                        });
                    } else {
                        self.same(done.as_ref().ok(), answer, &call.request);
                    }
                }
                (Request::Range(range), Answer::Range(answer)) => {
                    let found = self.machine.range(range);
                    self.same(found.as_ref().ok(), answer, &call.request);
                }
                _ => {}
            }
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, due: Option<&T>, got: &T, asked: &Request) {
        self.findings.expect(due == Some(got), "answer", || {
            format!("{asked:?} was answered {got:?} and should have been answered {due:?}")
        });
    }
}

/// The one lease of all the deleted keys.
pub(super) fn lease_of(events: &[Arc<Event>]) -> Option<LeaseId> {
    let lease = |event: &Arc<Event>| event.prev.as_ref().map_or(0, |prev| prev.lease);
    let first = lease(events.first()?);
    (first != 0 && events.iter().all(|event| event.deleted && lease(event) == first))
        .then_some(first)
}

fn deletes(txn: &Txn, key: &Key) -> bool {
    txn.then.iter().chain(&txn.otherwise).any(|op| match op {
        Op::Delete(keys) => keys.contains(key.as_bytes()),
        _ => false,
    })
}
