//! What a watch owes: ordered, unique, reliable, atomic, resumable, bookmarkable, and filtered.

use std::sync::Arc;

use orchestrator_core::store::{Event, Revision};

use super::truth::brief;
use super::{Circumstances, Findings, Truth};
use crate::sim::history::{History, Seen, Watched};

/// Every watch was given what it was owed, as far as it came.
pub(super) fn check(
    history: &History,
    truth: &Truth,
    circumstances: Circumstances,
    findings: &mut Findings,
) {
    // What came after the last that all was audited of cannot be judged where all is lost.
    let end = if circumstances.all_lost { truth.newest() } else { Revision::new(u64::MAX) };
    for watched in &history.watches {
        let next = first_due(watched, history, truth);
        Reader { watched, truth, next, end }.check(findings);
    }
}

/// The first revision that `watched` owes something in: where it began with what came next, that is
/// the first whose call began after it, or what it was given first.
fn first_due(watched: &Watched, history: &History, truth: &Truth) -> Revision {
    let after = |call: usize| history.calls[call].begun > watched.begun;
    let mut commits = truth.commits().filter(|_| watched.open);
    let due = commits.find(|(_, commit)| commit.maker.is_some_and(after));
    due.map_or(watched.from, |(revision, _)| watched.from.min(revision))
}

struct Reader<'a> {
    watched: &'a Watched,
    truth: &'a Truth,
    /// The first revision that can still come.
    next: Revision,
    /// The last revision that is judged.
    end: Revision,
}

impl Reader<'_> {
    fn check(&mut self, findings: &mut Findings) {
        let (watched, end) = (self.watched, self.end);
        for (_, item) in watched.items.iter().take_while(|(_, item)| item.revision() <= end) {
            match item {
                Seen::Events(revision, events) => self.events(*revision, events, findings),
                Seen::Progress(revision) => self.progress(*revision, findings),
            }
        }
    }

    fn events(&mut self, revision: Revision, events: &[Arc<Event>], findings: &mut Findings) {
        let place = self.watched.place;
        if revision < self.next {
            findings.tell("watch order", || {
                format!("member {place} gave {revision} again or late: [{}]", brief(events))
            });
            return;
        }
        let skipped = self.first_owed(self.next, revision);
        findings.expect(skipped.is_none(), "watch reliable", || {
            format!("member {place} gave {revision} before {}", skipped.expect("just looked at"))
        });
        let owed = self.owed(revision);
        let whole = owed.iter().copied().eq(events);
        findings.expect(whole, "watch atomic", || {
            let owed: Vec<_> = owed.into_iter().cloned().collect();
            let (given, owed) = (brief(events), brief(&owed));
            format!("member {place} gave [{given}] instead of [{owed}] in {revision}")
        });
        self.next = revision.next();
    }

    fn progress(&mut self, revision: Revision, findings: &mut Findings) {
        let place = self.watched.place;
        let ahead = revision > self.truth.newest();
        findings.expect(!ahead, "watch progress", || {
            format!("member {place} told progress {revision}, which never was")
        });
        let skipped = self.first_owed(self.next, revision.next());
        findings.expect(skipped.is_none(), "watch progress", || {
            let skipped = skipped.expect("just looked at");
            format!("member {place} told progress {revision} and owed {skipped}")
        });
        findings.expect(revision.next() >= self.next, "watch progress", || {
            format!("member {place} told progress {revision} after more had come")
        });
        self.next = self.next.max(revision.next());
    }

    fn owed(&self, revision: Revision) -> Vec<&Arc<Event>> {
        let events = self.truth.commit(revision).map(|commit| commit.events.iter());
        let matches = |event: &&Arc<Event>| self.watched.keys.contains(event.kv.key.as_bytes());
        events.into_iter().flatten().filter(matches).collect()
    }

    /// The first revision in `from..end` with something for this watch.
    fn first_owed(&self, from: Revision, end: Revision) -> Option<Revision> {
        let range = (from.get()..end.get()).map(Revision::new);
        range.into_iter().find(|revision| !self.owed(*revision).is_empty())
    }
}
