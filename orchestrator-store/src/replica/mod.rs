//! What an engine holds in memory: state machine and watch hub behind one lock.
//!
//! Every engine that runs the state machine itself has one of these and decides how commands
//! reach [`Replica::change`]. Reads and watches are the same for all.

pub(crate) mod retention;
pub(crate) mod timer;
mod watch;

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::Env;
use orchestrator_core::store::{
    KeyRange, Range, RangeResponse, StoreError, WatchRequest, WatchStream,
};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::hub::{Hub, Look, Wakers, WatcherId};
use crate::mvcc::{Limits, Mvcc};
use crate::planted::Planted;
use retention::Retention;

/// State machine and hub behind one lock, which is held for single commands and looks.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) env: Env,
    /// When the state machine's time was `base`.
    pub(crate) epoch: Instant,
    base: Duration,
    /// Wakes the timer when something may be due earlier than it knows.
    pub(crate) timer: Notify,
    planted: Planted,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    mvcc: Mvcc,
    hub: Hub,
    retention: Option<Retention>,
}

impl Replica {
    pub(crate) fn new(env: Env, epoch: Instant, mvcc: Mvcc, keep: Option<Duration>) -> Self {
        let hub = Hub::new(env.activity().clone());
        let retention = keep.map(Retention::new);
        let state = Mutex::new(State { mvcc, hub, retention });
        let (base, timer, planted) = (Duration::ZERO, Notify::new(), Planted::NONE);
        Self { env, epoch, base, timer, planted, state }
    }

    /// The same with faults in its watches.
    #[cfg(feature = "durable")]
    pub(crate) fn planted(self, planted: Planted) -> Self {
        Self { planted, ..self }
    }

    /// A state machine whose time stood still at `base` and goes on now.
    #[cfg(feature = "durable")]
    pub(crate) fn resumed(env: Env, base: Duration, mvcc: Mvcc, keep: Option<Duration>) -> Self {
        let (epoch, newest) = (env.instant(), mvcc.revision());
        let has_past = newest > mvcc.floor();
        let mut replica = Self { base, ..Self::new(env, epoch, mvcc, keep) };
        if has_past && let Some(retention) = &mut replica.state.get_mut().retention {
            // When the past was made is not known: it ages from now on.
            retention.note(newest, base);
        }
        replica
    }

    /// The state machine's time.
    pub(crate) fn elapsed(&self) -> Duration {
        self.base + self.env.instant().saturating_duration_since(self.epoch)
    }

    /// When the state machine's time will be `time`.
    pub(crate) fn instant_of(&self, time: Duration) -> Instant {
        self.epoch + time.saturating_sub(self.base)
    }

    /// Looks at the state machine.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Mvcc) -> T) -> T {
        look(&self.state.lock().mvcc)
    }

    /// Applies one command and tells the watchers.
    pub(crate) fn change<T>(&self, command: impl FnOnce(&mut Mvcc) -> T) -> T {
        let mut wakers = Wakers::new();
        let mut timer_changed = false;
        let mut guard = self.state.lock();
        let State { mvcc, hub, retention } = &mut *guard;
        let before = mvcc.revision();
        let answer = command(mvcc);
        let after = mvcc.revision();
        if after > before {
            debug_assert_eq!(before.next(), after, "a command makes one revision at most");
            let events = mvcc.events(after).expect("the newest revision is always kept");
            hub.publish(after, events, mvcc.floor(), &mut wakers);
            if let Some(retention) = retention {
                timer_changed = retention.note(before, self.elapsed());
            }
        }
        drop(guard);
        if timer_changed {
            self.timer.notify_one();
        }
        wakers.into_iter().for_each(Waker::wake);
        answer
    }

    /// Reads; anything but one present key is read outside the lock.
    pub(crate) fn range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        let snapshot = {
            let state = self.state.lock();
            if range.keys.end.is_none() && range.revision.is_zero() {
                return state.mvcc.range(range);
            }
            state.mvcc.check_keys(&range.keys)?;
            state.mvcc.snapshot(range.revision)?
        };
        Ok(snapshot.range(&range.keys, range.limit, range.count_only))
    }

    /// Watches; the stream holds this replica, and ends when it is closed.
    pub(crate) fn watch(
        self: &Arc<Self>,
        request: WatchRequest,
    ) -> Result<WatchStream, StoreError> {
        let id = self.add_watcher(&request)?;
        Ok(watch::Watch::new(Arc::clone(self), id, request.progress).boxed())
    }

    fn add_watcher(&self, request: &WatchRequest) -> Result<WatcherId, StoreError> {
        let mut guard = self.state.lock();
        let State { mvcc, hub, .. } = &mut *guard;
        mvcc.check_keys(&request.keys)?;
        if !request.from.is_zero() && request.from < mvcc.floor() {
            return Err(StoreError::Compacted { wanted: request.from, oldest: mvcc.floor() });
        }
        let wants_progress = request.progress.is_some();
        Ok(hub.add(request.keys.clone(), request.from, mvcc.revision(), wants_progress))
    }

    /// What the watcher `id` can have; registers `waker` if that is nothing.
    pub(crate) fn look(&self, id: WatcherId, due: bool, waker: &Waker) -> Look {
        let mut guard = self.state.lock();
        let State { mvcc, hub, .. } = &mut *guard;
        hub.look(id, mvcc, due, waker)
    }

    pub(crate) fn unwatch(&self, id: WatcherId) {
        let mut guard = self.state.lock();
        let newest = guard.mvcc.revision();
        let token = guard.hub.remove(id, newest);
        drop(guard);
        // Dropping the last token of all wakes those that wait for idleness: not under the lock.
        drop(token);
    }

    /// Makes progress due for every watcher of these ranges that wants it; of all, where none is
    /// named.
    pub(crate) fn demand_progress(&self, of: &[KeyRange]) {
        let mut wakers = Wakers::new();
        self.state.lock().hub.demand_progress(of, &mut wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// When the timer has something to do next.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let state = self.state.lock();
        let compaction = state.retention.as_ref().and_then(Retention::next_due);
        state.mvcc.leases().next_deadline().into_iter().chain(compaction).min()
    }

    /// The revision up to which the history is old enough to be forgotten, told once.
    #[cfg(feature = "durable")]
    pub(crate) fn compaction_due(&self) -> Option<orchestrator_core::store::Revision> {
        let at = self.elapsed();
        self.state.lock().retention.as_mut().and_then(|retention| retention.due(at))
    }

    /// Does what is due: ends leases, forgets old revisions.
    pub(crate) fn tick(&self) {
        let at = self.elapsed();
        while self.change(|mvcc| mvcc.expire(at)).is_some() {}
        let mut guard = self.state.lock();
        let State { mvcc, retention, .. } = &mut *guard;
        if let Some(revision) = retention.as_mut().and_then(|retention| retention.due(at)) {
            // The limits may have forgotten more than that already.
            let _ = mvcc.compact(revision);
        }
    }

    /// Goes on with `mvcc`, a later state of the same store; watchers take from its history what
    /// they missed.
    #[cfg(feature = "raft")]
    pub(crate) fn replace(&self, mvcc: Mvcc) {
        let mut wakers = Wakers::new();
        let mut guard = self.state.lock();
        let before = guard.mvcc.revision();
        guard.hub.jump(before, mvcc.revision(), &mut wakers);
        let old = std::mem::replace(&mut guard.mvcc, mvcc);
        drop(guard);
        drop(old);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends all watches and lets go of the data, which a forgotten watch would keep.
    pub(crate) fn close(&self) {
        let mut wakers = Wakers::new();
        let empty = Mvcc::new(Limits::default());
        let mut guard = self.state.lock();
        let tokens = guard.hub.close(&mut wakers);
        let data = std::mem::replace(&mut guard.mvcc, empty);
        drop(guard);
        drop((tokens, data));
        wakers.into_iter().for_each(Waker::wake);
    }
}
