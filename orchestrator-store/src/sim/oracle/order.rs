//! What was known before a call began bounds what it may tell; nobody sees what nobody asked for.

use orchestrator_core::store::{Revision, StoreError};

use super::{Findings, Truth};
use crate::sim::history::{Answer, Call, History, Request, Seen};

/// Answers respect real time.
pub(super) fn check(history: &History, truth: &Truth, findings: &mut Findings) {
    let known = Known::of(history);
    for (index, call) in history.calls.iter().enumerate() {
        if let Some(revision) = call.answer.revision() {
            check_answer(index, call, revision, &known, truth, findings);
        }
        check_compaction(call, history, findings);
    }
    for (revision, commit) in truth.commits() {
        let Some(maker) = commit.maker else { continue };
        let call = &history.calls[maker];
        let before = known.before(call.begun.order);
        findings.expect(revision > before, "real time", || {
            format!("call {maker} made revision {revision}, but {before} was known before it began")
        });
        findings.expect(call.begun.order < commit.seen, "real time", || {
            format!("revision {revision} was seen before call {maker} began, which made it")
        });
    }
}

fn check_answer(
    index: usize,
    call: &Call,
    revision: Revision,
    known: &Known,
    truth: &Truth,
    findings: &mut Findings,
) {
    let serializable = matches!(&call.request, Request::Range(range) if range.serializable);
    let before = known.before(call.begun.order);
    findings.expect(serializable || revision >= before, "stale", || {
        let Call { client, place, begun, .. } = call;
        format!(
            "call {index} of client {client} at member {place} (at {:?}) answered {revision}, but \
             {before} was known before it began",
            begun.at
        )
    });
    let maker = truth.commit(revision).and_then(|commit| commit.maker);
    let begun = maker.map_or(0, |maker| known.begun[maker]);
    findings.expect(begun < call.ended.order, "real time", || {
        format!("call {index} ended before the call began whose revision {revision} it tells")
    });
}

/// What was forgotten stays forgotten, and nothing else is.
fn check_compaction(call: &Call, history: &History, findings: &mut Findings) {
    let Request::Range(range) = &call.request else { return };
    if range.revision.is_zero() || range.serializable {
        return;
    }
    let compactions = history.calls.iter().filter_map(|call| match call.request {
        Request::Compact(revision) => Some((call, revision)),
        _ => None,
    });
    match &call.answer {
        Answer::Range(_) => {
            let done = compactions.filter(|(other, _)| {
                matches!(other.answer, Answer::Compacted) && other.ended < call.begun
            });
            let floor = done.map(|(_, revision)| revision).max().unwrap_or_default();
            findings.expect(range.revision >= floor, "compaction", || {
                format!("revision {} was read after a compaction at {floor}", range.revision)
            });
        }
        Answer::Refused(error) => {
            let StoreError::Compacted { wanted, .. } = &**error else { return };
            let most = compactions
                .filter(|(other, _)| other.begun < call.ended)
                .map(|(_, revision)| revision)
                .max()
                .unwrap_or_default();
            findings.expect(*wanted < most, "compaction", || {
                format!("revision {wanted} is gone, and the newest compaction was at {most}")
            });
        }
        _ => {}
    }
}

/// The newest revision that somebody had seen, by moment.
struct Known {
    /// Moment and newest revision, both growing.
    seen: Vec<(u64, Revision)>,
    /// When each call began.
    begun: Vec<u64>,
}

impl Known {
    fn of(history: &History) -> Self {
        let answers = history.calls.iter().filter_map(|call| {
            let revision = call.answer.revision()?;
            Some((call.ended.order, revision))
        });
        let items = history.watches.iter().flat_map(|watched| &watched.items);
        let items = items.map(|(stamp, item)| match item {
            Seen::Events(revision, _) | Seen::Progress(revision) => (stamp.order, *revision),
        });
        let mut seen: Vec<_> = answers.chain(items).collect();
        seen.sort_unstable();
        let mut newest = Revision::ZERO;
        for (_, revision) in &mut seen {
            newest = newest.max(*revision);
            *revision = newest;
        }
        Self { seen, begun: history.calls.iter().map(|call| call.begun.order).collect() }
    }

    /// The newest revision seen before the moment `order`.
    fn before(&self, order: u64) -> Revision {
        let index = self.seen.partition_point(|(seen, _)| *seen < order);
        index.checked_sub(1).map_or(Revision::ZERO, |index| self.seen[index].1)
    }
}
