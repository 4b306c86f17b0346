//! What a watch owes: ordered, unique, reliable, atomic, resumable, bookmarkable, and filtered.

use std::sync::Arc;

use orchestrator_core::store::{Event, Revision};

use super::truth::brief;
use super::{Findings, Truth};
use crate::sim::history::{History, Seen, Watched};

/// Every watch was given what it was owed, as far as it came.
pub(super) fn check(history: &History, truth: &Truth, findings: &mut Findings) {
    for watched in &history.watches {
        Reader { watched, truth, next: watched.from }.check(findings);
    }
}

struct Reader<'a> {
    watched: &'a Watched,
    truth: &'a Truth,
    /// The first revision that can still come.
    next: Revision,
}

impl Reader<'_> {
    fn check(&mut self, findings: &mut Findings) {
        for (_, item) in &self.watched.items {
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
