//! What one reader is owed, and what it has been given.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use orchestrator_core::store::{Event, Revision, StoreError, WatchUpdate};
use tokio::time::Instant;

use crate::etcd::keys::{Prefix, WireRange};
use crate::etcd::response;
use crate::proto::etcd as wire;

/// How many items wait for a reader before its watch is ended at the server: a burst of updates
/// passes, a reader that hangs costs little.
const MAX_QUEUE: usize = 4096;

/// How many bytes of keys and values may wait.
const MAX_QUEUE_BYTES: usize = 32 << 20;

/// The most bytes of one revision that is put together from pieces: what etcd can write in one
/// transaction, before and after, is less.
const MAX_REVISION_BYTES: usize = 512 << 20;

/// Where a watcher stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// It is to be asked for.
    Waiting,
    /// It is asked for, or accepted, on the present stream under this number.
    Open(i64),
    /// Its queue is full; it is asked for again when the queue has been read.
    Full,
    /// It is over; the error is given after the queue.
    Ended(Option<StoreError>),
}

/// What a reader gets.
#[derive(Debug)]
pub(super) enum Taken {
    Update(WatchUpdate),
    End(StoreError),
    Nothing {
        /// The watch is to be asked for again.
        again: bool,
    },
}

/// One reader's watch.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) keys: WireRange,
    /// The first revision that the queue does not cover: where a new stream goes on.
    pub(super) next: Revision,
    pub(super) phase: Phase,
    /// Whether etcd has taken it, once.
    pub(super) accepted: bool,
    /// The newest revision when it was taken on the present stream, where it had to begin before
    /// that, and how often progress had been asked for until then.
    behind: Option<(Revision, u64)>,
    pub(super) waker: Option<Waker>,
    queue: VecDeque<WatchUpdate>,
    queued_bytes: usize,
    /// The changes of one revision of which more may come.
    pieces: Vec<Arc<Event>>,
    piece_bytes: usize,
    /// How long it is silent before progress is told; `None` for never.
    every: Option<Duration>,
    last_item: Instant,
    /// Progress is to be told as soon as it is known.
    pub(super) due: bool,
    /// The newest progress that was not told.
    bookmark: Option<Revision>,
}

impl Watcher {
    pub(super) fn new(
        keys: WireRange,
        from: Revision,
        every: Option<Duration>,
        now: Instant,
    ) -> Self {
        Self {
            keys,
            next: from,
            phase: Phase::Waiting,
            accepted: false,
            behind: None,
            waker: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            pieces: Vec::new(),
            piece_bytes: 0,
            every,
            last_item: now,
            due: false,
            bookmark: None,
        }
    }

    /// The server has taken it, when `newest` was the newest revision and progress had been asked
    /// for `asks` times.
    pub(super) fn accept(&mut self, newest: Revision, asks: u64) {
        self.accepted = true;
        self.behind = (self.next <= newest).then_some((newest, asks));
    }

    /// Whether an answer for the whole stream, the one numbered `answers`, holds for this watch.
    ///
    /// An answer that was made before the watch began, but comes after the word that it has, says
    /// nothing about the past that this watch still waits for. It is later than that if it tells a
    /// later revision, or if there are more answers than questions that came before.
    pub(super) fn is_covered(&self, revision: Revision, answers: u64) -> bool {
        self.behind.is_none_or(|(newest, asks)| revision > newest || answers > asks)
    }

    /// When the reader was given something last.
    pub(super) fn last_item(&self) -> Instant {
        self.last_item
    }

    /// Takes changes; with `more`, the last revision among them goes on in the next message.
    pub(super) fn changes(
        &mut self,
        prefix: &Prefix,
        events: Vec<wire::Event>,
        more: bool,
        now: Instant,
    ) -> Result<(), StoreError> {
        for event in events {
            let revision = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
            let revision = response::revision(revision);
            if revision < self.next {
                continue;
            }
            if self.pieces.first().is_some_and(|first| first.kv.mod_revision != revision) {
                self.whole(now);
            }
            let event = response::event(prefix, event)
                .map_err(|misfit| StoreError::Unavailable(misfit.into()))?
                .ok_or(StoreError::Compacted { wanted: revision, oldest: revision.next() })?;
            self.piece_bytes += bytes_of(&event);
            if self.piece_bytes > MAX_REVISION_BYTES {
                return Err(StoreError::Unavailable("a revision has no end".into()));
            }
            self.pieces.push(Arc::new(event));
        }
        if !more {
            self.whole(now);
        }
        Ok(())
    }

    /// The revision in pieces is whole.
    fn whole(&mut self, now: Instant) {
        let Some(first) = self.pieces.first() else { return };
        let revision = first.kv.mod_revision;
        self.queued_bytes += std::mem::take(&mut self.piece_bytes);
        let events = std::mem::take(&mut self.pieces).into();
        self.queue.push_back(WatchUpdate::Events { revision, events });
        self.next = revision.next();
        self.last_item = now;
        self.due = false;
        self.bookmark = None;
    }

    /// Everything up to `revision` has come.
    pub(super) fn progress(&mut self, revision: Revision, now: Instant) {
        // Before the start of a watch, or behind its changes, it says nothing.
        if revision.next() < self.next || !self.pieces.is_empty() {
            return;
        }
        self.next = revision.next();
        self.bookmark = Some(revision);
        if self.due {
            self.tell(now);
        }
    }

    /// Tells progress if some is known; otherwise as soon as it is.
    pub(super) fn tell(&mut self, now: Instant) {
        self.due = true;
        let Some(revision) = self.bookmark.take() else { return };
        if let Some(WatchUpdate::Progress(last)) = self.queue.back_mut() {
            *last = revision;
        } else {
            self.queue.push_back(WatchUpdate::Progress(revision));
        }
        self.due = false;
        self.last_item = now;
    }

    /// Forgets what progress is known: only what comes from now on counts.
    pub(super) fn demand(&mut self) {
        self.bookmark = None;
        self.due = true;
    }

    /// Whether it is told of progress at all, be it on demand only.
    pub(super) fn takes_progress(&self) -> bool {
        self.every.is_some()
    }

    /// When progress is due, unless something else comes before; `None` where none is taken, or
    /// only on demand.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.last_item.checked_add(self.every?)
    }

    /// Whether no more fits.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MAX_QUEUE || self.queued_bytes >= MAX_QUEUE_BYTES
    }

    /// The stream is gone, or this watch on it: what is in pieces comes again.
    pub(super) fn close(&mut self, phase: Phase) {
        if matches!(self.phase, Phase::Ended(_)) {
            return;
        }
        self.pieces.clear();
        self.piece_bytes = 0;
        self.phase = phase;
    }

    /// Takes the next item for the reader.
    pub(super) fn take(&mut self, waker: &Waker) -> Taken {
        if let Some(update) = self.queue.pop_front() {
            if let WatchUpdate::Events { events, .. } = &update {
                let bytes: usize = events.iter().map(|event| bytes_of(event)).sum();
                self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
            }
            return Taken::Update(update);
        }
        if let Phase::Ended(error) = &mut self.phase {
            let error = error.take();
            return Taken::End(
                error.unwrap_or_else(|| StoreError::Unavailable("the watch is over".into())),
            );
        }
        self.waker = Some(waker.clone());
        let again = matches!(self.phase, Phase::Full);
        if again {
            self.phase = Phase::Waiting;
        }
        Taken::Nothing { again }
    }
}

/// About how much a change takes.
fn bytes_of(event: &Event) -> usize {
    let prev = event.prev.as_ref().map_or(0, |prev| prev.value.bytes().len());
    event.kv.key.as_bytes().len() + event.kv.value.bytes().len() + prev
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::Env;
    use orchestrator_core::store::KeyRange;

    fn watcher(from: u64, every: Option<Duration>) -> (Watcher, Instant) {
        let keys = Prefix::default().range(&KeyRange::prefix("")).expect("a good range");
        let now = Env::system().instant();
        (Watcher::new(keys, Revision::new(from), every, now), now)
    }

    fn put(key: &'static str, revision: i64) -> wire::Event {
        let kv = wire::KeyValue {
            key: key.into(),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            ..wire::KeyValue::default()
        };
        wire::Event { kv: Some(kv), ..wire::Event::default() }
    }

    fn seen(watcher: &mut Watcher) -> String {
        let mut seen = Vec::new();
        loop {
            seen.push(match watcher.take(Waker::noop()) {
                Taken::Update(WatchUpdate::Events { revision, events }) => {
                    format!("{revision}x{}", events.len())
                }
                Taken::Update(WatchUpdate::Progress(revision)) => format!("to {revision}"),
                Taken::End(error) => return format!("{} end: {error}", seen.join(" ")),
                Taken::Nothing { .. } => return seen.join(" "),
            });
        }
    }

    #[test]
    fn pieces_become_whole_revisions_and_nothing_comes_twice() {
        let (mut watcher, now) = watcher(5, None);
        let prefix = Prefix::default();
        let mut give = |events: Vec<wire::Event>, more| {
            watcher.changes(&prefix, events, more, now).expect("good changes");
            seen(&mut watcher)
        };
        assert_eq!(give(vec![put("a", 4), put("a", 5), put("a", 6)], true), "5x1");
        assert_eq!(give(vec![put("b", 6), put("c", 6)], true), "");
        assert_eq!(give(vec![put("d", 6), put("a", 8)], false), "6x4 8x1");
        assert_eq!(give(vec![put("a", 6), put("b", 8), put("a", 9)], false), "9x1");
    }

    #[test]
    fn pieces_are_forgotten_with_the_stream_they_came_on() {
        let (mut watcher, now) = watcher(5, None);
        let prefix = Prefix::default();
        watcher.changes(&prefix, vec![put("a", 5), put("a", 6)], true, now).expect("changes");
        watcher.close(Phase::Waiting);
        assert_eq!((seen(&mut watcher).as_str(), watcher.next.get()), ("5x1", 6));
        watcher.changes(&prefix, vec![put("a", 6), put("b", 6)], false, now).expect("changes");
        assert_eq!(seen(&mut watcher), "6x2");
    }

    #[test]
    fn progress_is_told_when_due_never_early_and_moves_the_start() {
        let second = Duration::from_secs(1);
        let (mut watcher, now) = watcher(5, Some(second));
        watcher.progress(Revision::new(3), now);
        assert_eq!((seen(&mut watcher).as_str(), watcher.next.get()), ("", 5), "before its start");
        watcher.progress(Revision::new(9), now);
        assert_eq!((seen(&mut watcher).as_str(), watcher.next.get()), ("", 10), "not due");
        watcher.tell(now + second);
        assert_eq!(seen(&mut watcher), "to 9");
        assert_eq!(watcher.due_at(), Some(now + second * 2));
        watcher.tell(now + second);
        assert_eq!(seen(&mut watcher), "", "nothing is known");
        watcher.progress(Revision::new(9), now);
        assert_eq!(seen(&mut watcher), "to 9", "told as soon as it is known");
        watcher.progress(Revision::new(10), now);
        watcher.demand();
        assert_eq!(seen(&mut watcher), "", "what was known before the demand does not count");
        watcher.changes(&Prefix::default(), vec![put("a", 11)], false, now).expect("changes");
        watcher.progress(Revision::new(10), now);
        assert_eq!((seen(&mut watcher).as_str(), watcher.next.get()), ("11x1", 12));
    }

    #[test]
    fn an_answer_from_before_a_watch_began_says_nothing_about_its_past() {
        let (mut watcher, _) = watcher(5, None);
        watcher.accept(Revision::new(9), 2);
        let covered = |revision, answers| watcher.is_covered(Revision::new(revision), answers);
        assert!(!covered(9, 1) && !covered(9, 2), "the two that were asked for before it");
        assert!(covered(9, 3) && covered(10, 1), "a third, and one that tells more");
        let (mut current, _) = self::watcher(10, None);
        current.accept(Revision::new(9), 2);
        assert!(current.is_covered(Revision::new(9), 1), "it waits for nothing of the past");
    }

    #[test]
    fn a_change_whose_past_is_gone_ends_the_watch_after_what_came_before() {
        let (mut watcher, now) = watcher(5, None);
        let mut update = put("a", 7);
        update.kv.as_mut().expect("a key").create_revision = 2;
        let ended = watcher.changes(&Prefix::default(), vec![put("a", 6), update], false, now);
        let error = ended.expect_err("its past is gone");
        watcher.close(Phase::Ended(Some(error)));
        let seen = seen(&mut watcher);
        assert_eq!(seen, "6x1 end: revision 7 is compacted, the oldest is 8");
    }

    #[test]
    fn a_full_queue_is_told_and_reading_it_asks_again() {
        let (mut watcher, now) = watcher(2, None);
        let events = (2..2 + MAX_QUEUE as i64).map(|revision| put("a", revision)).collect();
        watcher.changes(&Prefix::default(), events, false, now).expect("changes");
        assert!(watcher.is_full());
        watcher.close(Phase::Full);
        for _ in 0..MAX_QUEUE {
            assert!(matches!(watcher.take(Waker::noop()), Taken::Update(_)));
        }
        assert!(matches!(watcher.take(Waker::noop()), Taken::Nothing { again: true }));
        assert!(matches!(watcher.phase, Phase::Waiting));
    }
}
