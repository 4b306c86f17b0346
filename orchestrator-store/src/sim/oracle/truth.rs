//! The one list of commits, put together from all watches of everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use orchestrator_core::store::{Event, Op, OpResult, Revision, Txn};

use super::Findings;
use crate::sim::history::{Answer, History, Request, Seen};

/// What really happened, as far as anybody saw it.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    commits: BTreeMap<Revision, Commit>,
}

/// The changes of one revision.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The changes, in their order.
    pub events: Arc<[Arc<Event>]>,
    /// The call that made it; `None` for the end of a lease and for deletions that nobody was
    /// told of.
    pub maker: Option<usize>,
    /// When it was first seen, as [`order`](crate::sim::history::Stamp::order).
    pub seen: u64,
    /// The same in virtual time.
    pub seen_at: Duration,
}

impl Truth {
    /// Puts together what the auditors saw; they must agree.
    pub(super) fn of(history: &History, findings: &mut Findings) -> Self {
        let mut truth = Self::default();
        for watched in history.watches.iter().filter(|watched| watched.auditor) {
            for (stamp, item) in &watched.items {
                let Seen::Events(revision, events) = item else { continue };
                let commit = Commit {
                    events: Arc::clone(events),
                    maker: None,
                    seen: stamp.order,
                    seen_at: stamp.at,
                };
                let known = truth.commits.entry(*revision).or_insert_with(|| commit.clone());
                findings.expect(known.events == commit.events, "agreement", || {
                    let place = watched.place;
                    let (one, other) = (brief(&known.events), brief(events));
                    format!("revision {revision} is [{one}], and [{other}] at member {place}")
                });
                if commit.seen < known.seen {
                    (known.seen, known.seen_at) = (commit.seen, commit.seen_at);
                }
            }
        }
        truth.find_makers(history, findings);
        truth.check_gaps(findings);
        truth
    }

    /// The newest revision that was seen; 1 where nothing was.
    pub fn newest(&self) -> Revision {
        self.commits.keys().next_back().copied().unwrap_or(Revision::new(1))
    }

    /// The commits, in order.
    pub fn commits(&self) -> impl Iterator<Item = (Revision, &Commit)> {
        self.commits.iter().map(|(revision, commit)| (*revision, commit))
    }

    /// The commit of `revision`.
    pub fn commit(&self, revision: Revision) -> Option<&Commit> {
        self.commits.get(&revision)
    }

    fn check_gaps(&self, findings: &mut Findings) {
        let mut next = Revision::new(2);
        for revision in self.commits.keys() {
            findings.expect(*revision == next, "gap", || {
                format!("no watch of everything was given revision {next}, but {revision}")
            });
            next = revision.next();
        }
    }

    /// Finds out which call made each commit: values are written once, and answers tell.
    fn find_makers(&mut self, history: &History, findings: &mut Findings) {
        let mut writers: BTreeMap<Bytes, usize> = BTreeMap::new();
        let mut told: BTreeMap<Revision, usize> = BTreeMap::new();
        for (index, call) in history.calls.iter().enumerate() {
            let Request::Txn(txn) = &call.request else { continue };
            written(txn, &mut |value| {
                writers.insert(value, index);
            });
            if let Answer::Txn(done) = &call.answer
                && deletes_only(txn)
                && deleted_any(&done.results)
            {
                told.entry(done.revision).or_insert(index);
            }
        }
        let mut made: BTreeMap<usize, Revision> = BTreeMap::new();
        for (revision, commit) in &mut self.commits {
            let puts = commit.events.iter().filter(|event| !event.deleted);
            let mut makers: Vec<_> =
                puts.map(|event| writers.get(event.kv.value.bytes()).copied()).collect();
            makers.dedup();
            commit.maker = match makers.as_slice() {
                [Some(maker)] => Some(*maker),
                [] => told.get(revision).copied(),
                _ => {
                    findings.tell("origin", || {
                        format!("no one call wrote revision {revision}: {}", brief(&commit.events))
                    });
                    None
                }
            };
            let Some(maker) = commit.maker else { continue };
            if let Some(before) = made.insert(maker, *revision) {
                findings.tell("once", || {
                    format!("one call made revisions {before} and {revision}: call {maker}")
                });
            }
        }
    }
}

/// Calls `with` for each value that `txn` may write.
fn written(txn: &Txn, with: &mut impl FnMut(Bytes)) {
    for op in txn.then.iter().chain(&txn.otherwise) {
        match op {
            Op::Put(put) => {
                if let Some(value) = &put.value {
                    with(value.bytes().clone());
                }
            }
            Op::Txn(inner) => written(inner, with),
            _ => {}
        }
    }
}

/// Whether `txn` deletes and puts nothing.
pub(super) fn deletes_only(txn: &Txn) -> bool {
    let mut ops = txn.then.iter().chain(&txn.otherwise);
    ops.clone().any(|op| matches!(op, Op::Delete(_))) && !ops.any(|op| matches!(op, Op::Put(_)))
}

/// Whether a transaction with these results deleted anything.
fn deleted_any(results: &[OpResult]) -> bool {
    results.iter().any(|result| match result {
        OpResult::Delete { prev } => !prev.is_empty(),
        OpResult::Txn(inner) => deleted_any(&inner.results),
        _ => false,
    })
}

/// `events` in a few words.
pub(super) fn brief(events: &[Arc<Event>]) -> String {
    let one = |event: &Arc<Event>| {
        let key = String::from_utf8_lossy(event.kv.key.as_bytes()).into_owned();
        if event.deleted {
            return format!("-{key}");
        }
        let value = event.kv.value.bytes();
        format!("+{key}={}", String::from_utf8_lossy(&value[..value.len().min(12)]))
    };
    events.iter().map(one).collect::<Vec<_>>().join(" ")
}
