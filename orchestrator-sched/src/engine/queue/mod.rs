//! The pods that wait: to be tried, for their backoff, for a change that helps, or for a gate.
//!
//! A plain data structure: time is an argument. A pod is in one state at a time; an event moves
//! those that it may help. The [order](order) and the [timers](timers) may hold positions that are
//! out of date; a position counts only while its number is still that of the pod.

mod backoff;
mod order;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::env::{Activity, Busy};
use orchestrator_core::scheduler::{ClusterEvent, PodId, PodInfo, Rejection, Scheduler};

pub use backoff::Backoff;
use order::Order;
use timers::Timers;

/// The waiting pods of one scheduler.
#[derive(Debug)]
pub struct Queue {
    scheduler: Arc<dyn Scheduler>,
    backoff: Backoff,
    activity: Activity,
    pods: BTreeMap<PodId, Entry>,
    /// The pods that wait for a change, and some that did until lately: most pods never do, and
    /// changes are many.
    waiting: BTreeSet<PodId>,
    active: Order,
    timers: Timers,
    /// Those of the timers whose pods may be tried early.
    early: Timers,
    next_number: u64,
}

#[derive(Debug)]
struct Entry {
    pod: Arc<PodInfo>,
    state: State,
    /// When it was added, or put back after its last attempt.
    since: Duration,
    attempts: u32,
    last_attempt: Duration,
    /// Its newest position.
    number: u64,
}

#[derive(Debug)]
enum State {
    /// To be tried.
    Active { _busy: Busy },
    /// To be tried when the time has come, or, unless after an error, when no other pod is.
    BackingOff { after_error: bool },
    /// To be tried when something changes.
    Unschedulable(Box<Rejection>),
    /// Not to be tried.
    Gated,
    /// Being tried, or bound.
    InFlight,
}

impl Queue {
    /// An empty queue, for the pods of `scheduler`.
    pub fn new(scheduler: Arc<dyn Scheduler>, backoff: Backoff, activity: Activity) -> Self {
        Self {
            active: Order::new(Arc::clone(&scheduler)),
            scheduler,
            backoff,
            activity,
            pods: BTreeMap::new(),
            waiting: BTreeSet::new(),
            timers: Timers::default(),
            early: Timers::default(),
            next_number: 0,
        }
    }

    /// Adds a pod, or takes note that one has changed.
    pub fn set(&mut self, pod: Arc<PodInfo>, now: Duration) {
        let gated = self.scheduler.gate(&pod).is_some();
        let Some(entry) = self.pods.get_mut(&pod.id) else {
            let id = pod.id.clone();
            let (state, number, last_attempt) = (State::Gated, 0, Duration::ZERO);
            let entry = Entry { pod, state, since: now, attempts: 0, last_attempt, number };
            self.pods.insert(id.clone(), entry);
            if !gated {
                self.activate(&id);
            }
            return;
        };
        let old = std::mem::replace(&mut entry.pod, Arc::clone(&pod));
        match &entry.state {
            State::Active { .. } => self.activate(&pod.id),
            State::Gated if !gated => self.activate(&pod.id),
            State::Unschedulable(rejection) if asks_differently(&old, &pod) => {
                let event = ClusterEvent::Updated { old: &old };
                if self.scheduler.helped_by(&pod, rejection, &event) {
                    self.release(&pod.id, now);
                }
            }
            _ => {}
        }
    }

    /// Takes a pod out.
    pub fn remove(&mut self, id: &PodId) {
        self.pods.remove(id);
    }

    /// The pod to try now.
    pub fn pop(&mut self, now: Duration) -> Option<(Arc<PodInfo>, Busy)> {
        if !self.has_active_position() {
            let id = self.first_early()?.clone();
            self.activate(&id);
        }
        loop {
            let (pod, number) = self.active.pop()?;
            let Some(entry) = self.pods.get_mut(&pod.id) else { continue };
            if entry.number != number {
                continue;
            }
            entry.attempts = entry.attempts.saturating_add(1);
            entry.last_attempt = now;
            if let State::Active { _busy } = std::mem::replace(&mut entry.state, State::InFlight) {
                return Some((Arc::clone(&entry.pod), _busy));
            }
        }
    }

    /// Takes a pod out of its turn, to be tried with others; `None` where it may not be tried.
    pub fn take(&mut self, id: &PodId, now: Duration) -> Option<(Arc<PodInfo>, Busy)> {
        let number = self.number();
        let entry = self.pods.get_mut(id)?;
        if matches!(entry.state, State::Gated | State::InFlight) {
            return None;
        }
        entry.number = number;
        entry.attempts = entry.attempts.saturating_add(1);
        entry.last_attempt = now;
        let busy = match std::mem::replace(&mut entry.state, State::InFlight) {
            State::Active { _busy } => _busy,
            _ => self.activity.begin(),
        };
        Some((Arc::clone(&entry.pod), busy))
    }

    /// Lets a pod be tried again that waits for a change, or that something held back which is no
    /// part of it.
    pub fn look_again(&mut self, pod: Arc<PodInfo>, now: Duration) {
        let id = pod.id.clone();
        self.set(pod, now);
        if matches!(self.pods.get(&id).map(|entry| &entry.state), Some(State::Unschedulable(_))) {
            self.release(&id, now);
        }
    }

    /// Puts a pod back that no node takes: it waits for a change that helps.
    ///
    /// Where no part of the scheduler gives a reason, nothing is known to help, and it waits for
    /// its backoff only.
    pub fn put_back(&mut self, id: &PodId, rejection: Rejection, now: Duration) {
        if rejection.rejected_by.is_empty() {
            return self.retry(id, now);
        }
        let deadline = now + self.backoff.unschedulable;
        self.wait(id, State::Unschedulable(Box::new(rejection)), deadline, now);
    }

    /// Puts a pod back that is to be tried again after its backoff, for nothing that the cluster
    /// does would help it.
    pub fn retry(&mut self, id: &PodId, now: Duration) {
        let attempts = self.pods.get(id).map_or(0, |entry| entry.attempts);
        let state = State::BackingOff { after_error: true };
        self.wait(id, state, now + self.backoff.after(attempts), now);
    }

    /// Moves the pods that `event` may help.
    pub fn wake(&mut self, event: &ClusterEvent<'_>, now: Duration) {
        self.wake_up_to(i32::MAX, event, now);
    }

    /// Moves the pods of at most this priority that `event` may help.
    pub fn wake_up_to(&mut self, priority: i32, event: &ClusterEvent<'_>, now: Duration) {
        let Self { pods, scheduler, waiting, .. } = self;
        let mut helped = Vec::new();
        waiting.retain(|id| match pods.get(id).map(|entry| (&entry.state, &entry.pod)) {
            Some((State::Unschedulable(rejection), pod)) => {
                if pod.priority <= priority && scheduler.helped_by(pod, rejection, event) {
                    helped.push(id.clone());
                }
                true
            }
            _ => false,
        });
        for id in helped {
            self.release(&id, now);
        }
    }

    /// Moves the pods whose time has come.
    pub fn tick(&mut self, now: Duration) {
        while let Some((id, number)) = self.timers.pop_due(now) {
            let entry = self.pods.get(&id).filter(|entry| entry.number == number);
            match entry.map(|entry| &entry.state) {
                Some(State::BackingOff { .. }) => self.activate(&id),
                Some(State::Unschedulable(_)) => self.release(&id, now),
                _ => {}
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub fn next_due(&mut self) -> Option<Duration> {
        let Self { pods, timers, .. } = self;
        timers.first(|id, number| is_newest(pods, id, number)).map(|(due, _)| due)
    }

    /// Whether a pod may be tried now: one whose turn it is, or, where there is none, one that
    /// waits for its backoff only to let others go first.
    pub fn has_active(&mut self) -> bool {
        self.has_active_position() || self.first_early().is_some()
    }

    /// The pod that may be tried early, the one first whose time comes first.
    fn first_early(&mut self) -> Option<&PodId> {
        let Self { pods, early, .. } = self;
        early.first(|id, number| is_newest(pods, id, number)).map(|(_, id)| id)
    }

    fn has_active_position(&mut self) -> bool {
        let Self { pods, active, .. } = self;
        active.has_any(|id, number| is_newest(pods, id, number))
    }

    /// Whether the pod waits here, or is being tried.
    pub fn contains(&self, id: &PodId) -> bool {
        self.pods.contains_key(id)
    }

    /// Lets a pod be tried, at once or when its backoff has passed.
    fn release(&mut self, id: &PodId, now: Duration) {
        let Some(entry) = self.pods.get(id) else { return };
        let ready = entry.last_attempt + self.backoff.after(entry.attempts);
        if ready <= now {
            return self.activate(id);
        }
        let since = entry.since;
        self.wait(id, State::BackingOff { after_error: false }, ready, since);
    }

    fn wait(&mut self, id: &PodId, state: State, until: Duration, since: Duration) {
        let number = self.number();
        let Some(entry) = self.pods.get_mut(id) else { return };
        if matches!(state, State::BackingOff { after_error: false }) {
            self.early.add(until, number, id.clone());
        }
        if matches!(state, State::Unschedulable(_)) {
            self.waiting.insert(id.clone());
        }
        (entry.state, entry.since, entry.number) = (state, since, number);
        self.timers.add(until, number, id.clone());
    }

    fn activate(&mut self, id: &PodId) {
        let number = self.number();
        let Some(entry) = self.pods.get_mut(id) else { return };
        entry.number = number;
        if !matches!(entry.state, State::Active { .. }) {
            entry.state = State::Active { _busy: self.activity.begin() };
        }
        self.active.push(Arc::clone(&entry.pod), entry.since, number);
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

/// Whether a position of this number is the pod's newest.
fn is_newest(pods: &BTreeMap<PodId, Entry>, id: &PodId, number: u64) -> bool {
    pods.get(id).is_some_and(|entry| entry.number == number)
}

/// Whether a change of the pod itself may change the answer; a status may not.
fn asks_differently(old: &PodInfo, new: &PodInfo) -> bool {
    old.pod.spec != new.pod.spec || old.labels() != new.labels() || old.requests != new.requests
}
