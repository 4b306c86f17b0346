//! What clients and watchers of a run saw, in the one order in which they saw it.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{
    Event, KeyRange, LeaseInfo, LeaseOp, Range, RangeResponse, Revision, StoreError, Txn,
    TxnResponse, WatchUpdate,
};

/// A moment of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// How many moments there were before; the order of all.
    pub order: u64,
    /// The virtual time since the run began.
    pub at: Duration,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The calls, by their beginning.
    pub calls: Vec<Call>,
    /// The watches, by their beginning.
    pub watches: Vec<Watched>,
    order: u64,
}

/// One call of one client.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who called.
    pub client: usize,
    /// Which member was called.
    pub place: usize,
    /// What was asked.
    pub request: Request,
    /// When the call began.
    pub begun: Stamp,
    /// When it ended; the end of time where it never did.
    pub ended: Stamp,
    /// What came of it.
    pub answer: Answer,
}

/// What a client asks.
#[derive(Clone, Debug)]
pub enum Request {
    /// A transaction.
    Txn(Txn),
    /// A read.
    Range(Range),
    /// Something about leases.
    Lease(LeaseOp),
    /// To forget.
    Compact(Revision),
}

/// What came of a call.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A transaction was done.
    Txn(TxnResponse),
    /// A read was done.
    Range(RangeResponse),
    /// A request about leases was done.
    Lease(Vec<LeaseInfo>),
    /// It was forgotten.
    Compacted,
    /// It was refused, and has not happened.
    Refused(Arc<StoreError>),
    /// Nobody knows whether it happened.
    Unknown,
}

/// One watch, as far as it came.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The member watched.
    pub place: usize,
    /// Which keys.
    pub keys: KeyRange,
    /// From which revision on.
    pub from: Revision,
    /// Whether this is the watch of everything that each member has at all times.
    pub auditor: bool,
    /// Whether it began with whatever came next, and not at a revision.
    pub open: bool,
    /// When it began.
    pub begun: Stamp,
    /// What it was given.
    pub items: Vec<(Stamp, Seen)>,
}

/// One item of a watch.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Changes of one revision.
    Events(Revision, Arc<[Arc<Event>]>),
    /// There is nothing else up to this revision.
    Progress(Revision),
}

impl Seen {
    /// The revision that the item tells of.
    pub fn revision(&self) -> Revision {
        match self {
            Self::Events(revision, _) | Self::Progress(revision) => *revision,
        }
    }
}

impl From<WatchUpdate> for Seen {
    fn from(update: WatchUpdate) -> Self {
        match update {
            WatchUpdate::Events { revision, events } => Self::Events(revision, events),
            WatchUpdate::Progress(revision) => Self::Progress(revision),
        }
    }
}

impl Answer {
    /// The revision that the answer tells, where it tells one.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Self::Txn(done) => Some(done.revision),
            Self::Range(found) => Some(found.revision),
            _ => None,
        }
    }
}

impl History {
    /// The moment `at`, after all others.
    pub fn stamp(&mut self, at: Duration) -> Stamp {
        self.order += 1;
        Stamp { order: self.order, at }
    }

    /// Notes the beginning of a call; returns its number.
    pub fn begin(&mut self, client: usize, place: usize, request: Request, at: Duration) -> usize {
        let begun = self.stamp(at);
        let ended = Stamp { order: u64::MAX, at: Duration::MAX };
        let answer = Answer::Unknown;
        self.calls.push(Call { client, place, request, begun, ended, answer });
        self.calls.len() - 1
    }

    /// Notes the end of a call; one without an answer may go on for ever.
    pub fn end(&mut self, call: usize, answer: Answer, at: Duration) {
        if !matches!(answer, Answer::Unknown) {
            self.calls[call].ended = self.stamp(at);
        }
        self.calls[call].answer = answer;
    }

    /// Notes the beginning of a watch; returns its number.
    pub fn watch(&mut self, place: usize, keys: KeyRange, from: Revision, at: Duration) -> usize {
        let begun = self.stamp(at);
        let items = Vec::new();
        let (auditor, open) = (false, false);
        self.watches.push(Watched { place, keys, from, auditor, open, begun, items });
        self.watches.len() - 1
    }

    /// Notes an item of a watch.
    pub fn item(&mut self, watch: usize, item: Seen, at: Duration) {
        let stamp = self.stamp(at);
        self.watches[watch].items.push((stamp, item));
    }
}
