//! All watchers of one store: whom a message concerns, and what is to be asked of the server.
//!
//! Each time a watch is asked for it gets a new number, so that what still comes for an old one is
//! known for that. Numbers never come back, not even on another stream.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Poll, Waker};
use std::time::Duration;

use orchestrator_core::store::{Revision, StoreError};
use tokio::time::Instant;
use tonic::Code;

use super::watcher::{Phase, Taken, Watcher};
use crate::etcd::error::{Refusal, refusal};
use crate::etcd::keys::{Prefix, WireRange};
use crate::etcd::request::signed;
use crate::etcd::response::{header_revision, revision};
use crate::proto::etcd as wire;
use crate::proto::etcd::watch_request::RequestUnion;

/// How long an answer about progress may stay away before it is asked for again: etcd gives none
/// while a watch of the stream is behind.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The name of a watcher here.
pub(super) type Key = u64;

/// What becomes of the stream after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Keep,
    /// It is opened again.
    Restart,
}

/// All watchers.
#[derive(Debug, Default)]
pub(super) struct Board {
    prefix: Prefix,
    watchers: BTreeMap<Key, Watcher>,
    last_key: Key,
    last_id: i64,
    /// Those that are open on the present stream.
    open: BTreeMap<i64, Key>,
    /// Those that are not accepted yet, in the order in which they were asked for.
    asked: VecDeque<i64>,
    waiting: BTreeSet<Key>,
    /// Watches at the server that nobody reads.
    cancels: Vec<i64>,
    /// When progress of whom is due; one entry each at most.
    due: BTreeSet<(Instant, Key)>,
    /// Watches are asked for from one revision before what is wanted.
    early: bool,
    /// Progress is to be asked for.
    ask: bool,
    /// How often it was asked for on the present stream, and answered.
    asks: u64,
    answers: u64,
    last_failure: Option<String>,
}

impl Board {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self { prefix, ..Self::default() }
    }

    pub(super) fn add(&mut self, watcher: Watcher) -> Key {
        self.last_key += 1;
        let key = self.last_key;
        self.due.extend(watcher.due_at().map(|at| (at, key)));
        self.watchers.insert(key, watcher);
        self.waiting.insert(key);
        key
    }

    pub(super) fn remove(&mut self, key: Key) {
        let Some(watcher) = self.watchers.remove(&key) else { return };
        self.waiting.remove(&key);
        if let Phase::Open(id) = watcher.phase {
            self.open.remove(&id);
            self.cancels.push(id);
        }
    }

    /// Whether somebody waits for a stream.
    pub(super) fn needs_stream(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes the next item for the reader `key`.
    pub(super) fn take(&mut self, key: Key, waker: &Waker) -> Taken {
        let watcher = self.watchers.get_mut(&key).expect("a reader removes its watcher itself");
        let taken = watcher.take(waker);
        if matches!(taken, Taken::Nothing { again: true }) {
            self.waiting.insert(key);
        }
        taken
    }

    /// Whether etcd has taken the watch of `key`; its error where it refused.
    pub(super) fn poll_accepted(
        &mut self,
        key: Key,
        waker: &Waker,
    ) -> Poll<Result<(), StoreError>> {
        let watcher = self.watchers.get_mut(&key).expect("a reader removes its watcher itself");
        if let Phase::Ended(Some(_)) = watcher.phase {
            return match watcher.take(waker) {
                Taken::End(error) => Poll::Ready(Err(error)),
                _ => Poll::Ready(Ok(())),
            };
        }
        if watcher.accepted {
            return Poll::Ready(Ok(()));
        }
        watcher.waker = Some(waker.clone());
        Poll::Pending
    }

    /// The server is one that forgets what was deleted in the revision that it compacted last: a
    /// watch asked for from one revision earlier is refused where that has happened.
    pub(super) fn be_early(&mut self, early: bool) {
        self.early = early;
    }

    /// What to ask of the server now.
    pub(super) fn requests(&mut self) -> Vec<wire::WatchRequest> {
        let cancels = std::mem::take(&mut self.cancels)
            .into_iter()
            .map(|watch_id| RequestUnion::CancelRequest(wire::WatchCancelRequest { watch_id }));
        let mut unions: Vec<_> = cancels.collect();
        for key in std::mem::take(&mut self.waiting) {
            let Some(watcher) = self.watchers.get_mut(&key) else { continue };
            self.last_id += 1;
            watcher.phase = Phase::Open(self.last_id);
            // What is sent of the revision before is passed over as seen.
            let start = signed(watcher.next) - i64::from(self.early);
            self.open.insert(self.last_id, key);
            self.asked.push_back(self.last_id);
            unions.push(RequestUnion::CreateRequest(wire::WatchCreateRequest {
                key: watcher.keys.key.clone(),
                range_end: watcher.keys.end.clone(),
                start_revision: start.max(1),
                // Whoever wants none is at least asked for again from a later revision.
                progress_notify: true,
                prev_kv: true,
                fragment: true,
                watch_id: self.last_id,
                ..wire::WatchCreateRequest::default()
            }));
        }
        if std::mem::take(&mut self.ask) {
            self.asks += 1;
            unions.push(RequestUnion::ProgressRequest(wire::WatchProgressRequest {}));
        }
        let request = |union| wire::WatchRequest { request_union: Some(union) };
        unions.into_iter().map(request).collect()
    }

    /// Takes a message of the stream; `fresh` says that the stream's token is new.
    pub(super) fn message(
        &mut self,
        message: wire::WatchResponse,
        fresh: bool,
        now: Instant,
        wakers: &mut Vec<Waker>,
    ) -> Verdict {
        if message.created {
            self.created(&message, wakers);
        }
        if message.canceled {
            return self.canceled(&message, fresh, wakers);
        }
        if message.created {
            return Verdict::Keep;
        }
        if message.events.is_empty() {
            let revision = header_revision(message.header.as_ref());
            self.progress(message.watch_id, revision, now, wakers);
            return Verdict::Keep;
        }
        let Some(key) = self.open.get(&message.watch_id).copied() else { return Verdict::Keep };
        let watcher = self.watchers.get_mut(&key).expect("an open watch has a watcher");
        let taken = watcher.changes(&self.prefix, message.events, message.fragment, now);
        wakers.extend(watcher.waker.take());
        let phase = match taken {
            Err(error) => Phase::Ended(Some(error)),
            Ok(()) if watcher.is_full() => Phase::Full,
            Ok(()) => return Verdict::Keep,
        };
        watcher.close(phase);
        self.open.remove(&message.watch_id);
        self.cancels.push(message.watch_id);
        Verdict::Keep
    }

    fn created(&mut self, message: &wire::WatchResponse, wakers: &mut Vec<Waker>) {
        if message.canceled {
            return;
        }
        self.answered(message.watch_id);
        let key = self.open.get(&message.watch_id);
        if let Some(watcher) = key.and_then(|key| self.watchers.get_mut(key)) {
            watcher.accept(header_revision(message.header.as_ref()), self.asks);
            wakers.extend(watcher.waker.take());
        }
    }

    /// The server answered the request for the watch `id`: nearly always the oldest.
    fn answered(&mut self, id: i64) {
        match self.asked.front() {
            Some(oldest) if *oldest == id => drop(self.asked.pop_front()),
            _ => self.asked.retain(|asked| *asked != id),
        }
    }

    /// The server ended a watch, or never began it.
    fn canceled(
        &mut self,
        message: &wire::WatchResponse,
        fresh: bool,
        wakers: &mut Vec<Waker>,
    ) -> Verdict {
        // One that is refused is not always told by its number; they are answered in order.
        let refused = message.created.then(|| self.asked.front().copied()).flatten();
        let id = match message.watch_id {
            id if self.open.contains_key(&id) => id,
            id if id < 0 => refused.unwrap_or(id),
            id => id,
        };
        self.answered(id);
        let Some(key) = self.open.remove(&id) else { return Verdict::Keep };
        let watcher = self.watchers.get_mut(&key).expect("an open watch has a watcher");
        if message.compact_revision > 0 {
            let oldest = revision(message.compact_revision);
            let error = StoreError::Compacted { wanted: watcher.next, oldest };
            watcher.close(Phase::Ended(Some(error)));
            wakers.extend(watcher.waker.take());
            return Verdict::Keep;
        }
        match refusal(Code::PermissionDenied, &message.cancel_reason) {
            Some(Refusal::Invalid(why)) if fresh => {
                watcher.close(Phase::Ended(Some(StoreError::Invalid(why))));
                wakers.extend(watcher.waker.take());
                Verdict::Keep
            }
            _ => {
                let reason = &message.cancel_reason;
                self.last_failure = Some(format!("etcd ended the watch: {reason:?}"));
                watcher.close(Phase::Waiting);
                self.waiting.insert(key);
                Verdict::Restart
            }
        }
    }

    /// Everything up to `revision` has come, to one watcher or, with an id below zero, to all that
    /// were there when that was asked.
    fn progress(&mut self, id: i64, revision: Revision, now: Instant, wakers: &mut Vec<Waker>) {
        let mut keys: Vec<Key> = self.open.get(&id).copied().into_iter().collect();
        if id < 0 {
            self.answers += 1;
            let accepted = self.open.iter().filter(|(open, _)| !self.asked.contains(open));
            keys.extend(accepted.map(|(_, key)| *key));
        }
        for key in keys {
            let watcher = self.watchers.get_mut(&key).expect("an open watch has a watcher");
            if id < 0 && !watcher.is_covered(revision, self.answers) {
                continue;
            }
            let was_due = watcher.due;
            watcher.progress(revision, now);
            if was_due && !watcher.due {
                wakers.extend(watcher.waker.take());
            }
        }
    }

    /// When something about progress is to be done next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Tells progress that is due; where it is not known, it is asked for if `asks`, and comes at
    /// the server's time otherwise.
    pub(super) fn tick(&mut self, now: Instant, asks: bool, wakers: &mut Vec<Waker>) {
        while let Some((at, key)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            let Some(watcher) = self.watchers.get_mut(&key) else { continue };
            let due_at = watcher.due_at();
            if !watcher.due && due_at.is_none_or(|due_at| due_at > now) {
                // Something came since: the entry was not moved then, it is moved now.
                self.due.extend(due_at.map(|due_at| (due_at, key)));
                continue;
            }
            watcher.tell(now);
            let again = match watcher.due {
                true if asks => {
                    self.ask = true;
                    Some(now + ASK_AGAIN)
                }
                true => due_at.map(|at| now + (at - watcher.last_item()).max(ASK_AGAIN)),
                false => {
                    wakers.extend(watcher.waker.take());
                    watcher.due_at()
                }
            };
            self.due.extend(again.map(|again| (again, key)));
        }
    }

    /// Makes progress due for all watchers of these ranges that take it; of all, where none is
    /// named.
    pub(super) fn demand_progress(&mut self, of: &[WireRange], now: Instant) {
        let Self { watchers, due, .. } = self;
        let mut asked = BTreeSet::new();
        for (key, watcher) in watchers {
            let is_asked = of.is_empty() || of.contains(&watcher.keys);
            if is_asked && watcher.takes_progress() {
                watcher.demand();
                asked.insert(*key);
            }
        }
        // One entry each at most.
        due.retain(|(_, key)| !asked.contains(key));
        due.extend(asked.into_iter().map(|key| (now, key)));
    }

    /// Progress is asked for with the next requests.
    pub(super) fn ask(&mut self) {
        self.ask = true;
    }

    /// The stream is gone: all that were open are asked for again.
    pub(super) fn disconnect(&mut self, why: Option<String>) {
        for key in std::mem::take(&mut self.open).into_values() {
            if let Some(watcher) = self.watchers.get_mut(&key) {
                watcher.close(Phase::Waiting);
                self.waiting.insert(key);
            }
        }
        self.asked.clear();
        self.cancels.clear();
        (self.asks, self.answers) = (0, 0);
        if why.is_some() {
            self.last_failure = why;
        }
    }

    /// Why the last stream failed.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.last_failure.clone()
    }

    /// Ends all watches: the store is gone.
    pub(super) fn close(&mut self, wakers: &mut Vec<Waker>) {
        for watcher in self.watchers.values_mut() {
            let error = StoreError::Unavailable("the store is closed".into());
            watcher.close(Phase::Ended(Some(error)));
            wakers.extend(watcher.waker.take());
        }
    }
}
