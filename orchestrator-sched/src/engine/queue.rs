//! The pods that wait: to be tried, for their backoff, for a change that helps, or for a gate.
//!
//! A plain data structure: time is an argument. A pod is in one state at a time; an event moves
//! those that it may help. The heap and the timers may hold positions that are out of date;
//! a position counts only while its number is still that of the pod.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::env::{Activity, Busy};
use orchestrator_core::scheduler::{ClusterEvent, PodId, PodInfo, Rejection, Scheduler, Waiting};

/// How long pods wait before they are tried again.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure; doubled with each further one.
    pub initial: Duration,
    /// At most.
    pub max: Duration,
    /// How long a pod waits for a change that helps before it is tried anyway, in case that a
    /// plugin's idea of what helps is wrong.
    pub unschedulable: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(10),
            unschedulable: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// How long a pod that was tried `attempts` times waits.
    fn after(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        self.initial.saturating_mul(1 << doublings).min(self.max)
    }
}

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
    active: BinaryHeap<Position>,
    timers: BTreeSet<(Duration, u64, PodId)>,
    /// Those of the timers whose pods may be tried early.
    early: BTreeSet<(Duration, u64, PodId)>,
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

/// A place in the heap; the greatest is tried first.
#[derive(Debug)]
struct Position {
    pod: Arc<PodInfo>,
    since: Duration,
    number: u64,
    scheduler: Arc<dyn Scheduler>,
}

impl Position {
    fn waiting(&self) -> Waiting<'_> {
        Waiting { pod: &self.pod, since: self.since }
    }
}

impl Ord for Position {
    fn cmp(&self, other: &Self) -> Ordering {
        let order = self.scheduler.order(&other.waiting(), &self.waiting());
        order.then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Position {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Position {}

impl Queue {
    /// An empty queue, for the pods of `scheduler`.
    pub fn new(scheduler: Arc<dyn Scheduler>, backoff: Backoff, activity: Activity) -> Self {
        Self {
            scheduler,
            backoff,
            activity,
            pods: BTreeMap::new(),
            waiting: BTreeSet::new(),
            active: BinaryHeap::new(),
            timers: BTreeSet::new(),
            early: BTreeSet::new(),
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
            let (_, _, id) = self.first_early()?;
            self.activate(&id);
        }
        loop {
            let position = self.active.pop()?;
            let Some(entry) = self.pods.get_mut(&position.pod.id) else { continue };
            if entry.number != position.number {
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
        while let Some((due, _, _)) = self.timers.first()
            && *due <= now
        {
            let (_, number, id) = self.timers.pop_first().expect("looked at above");
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
        loop {
            let (due, number, id) = self.timers.first()?;
            if self.pods.get(id).is_some_and(|entry| entry.number == *number) {
                return Some(*due);
            }
            self.timers.pop_first();
        }
    }

    /// Whether a pod may be tried now: one whose turn it is, or, where there is none, one that
    /// waits for its backoff only to let others go first.
    pub fn has_active(&mut self) -> bool {
        self.has_active_position() || self.first_early().is_some()
    }

    /// The pod that may be tried early, the one first whose time comes first.
    fn first_early(&mut self) -> Option<(Duration, u64, PodId)> {
        loop {
            let first = self.early.first()?;
            if self.pods.get(&first.2).is_some_and(|entry| entry.number == first.1) {
                return Some(first.clone());
            }
            self.early.pop_first();
        }
    }

    fn has_active_position(&mut self) -> bool {
        while let Some(position) = self.active.peek() {
            let entry = self.pods.get(&position.pod.id);
            if entry.is_some_and(|entry| entry.number == position.number) {
                return true;
            }
            self.active.pop();
        }
        false
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
            self.early.insert((until, number, id.clone()));
        }
        if matches!(state, State::Unschedulable(_)) {
            self.waiting.insert(id.clone());
        }
        (entry.state, entry.since, entry.number) = (state, since, number);
        self.timers.insert((until, number, id.clone()));
    }

    fn activate(&mut self, id: &PodId) {
        let number = self.number();
        let Some(entry) = self.pods.get_mut(id) else { return };
        entry.number = number;
        if !matches!(entry.state, State::Active { .. }) {
            entry.state = State::Active { _busy: self.activity.begin() };
        }
        self.active.push(Position {
            pod: Arc::clone(&entry.pod),
            since: entry.since,
            number,
            scheduler: Arc::clone(&self.scheduler),
        });
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

/// Whether a change of the pod itself may change the answer; a status may not.
fn asks_differently(old: &PodInfo, new: &PodInfo) -> bool {
    old.pod.spec != new.pod.spec || old.labels() != new.labels() || old.requests != new.requests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins;
    use crate::testing::pod;
    use serde_json::json;

    fn queue() -> Queue {
        let scheduler = Arc::new(plugins::defaults("default-scheduler").build().unwrap());
        Queue::new(scheduler, Backoff::default(), Activity::default())
    }

    fn rejected_by(plugin: &'static str) -> Rejection {
        let mut rejection = Rejection::default();
        rejection.rejected_by.insert(plugin);
        rejection
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn popped(queue: &mut Queue, now: Duration) -> Vec<String> {
        let mut names = Vec::new();
        while let Some((pod, _)) = queue.pop(now) {
            names.push(pod.key.name.to_string());
        }
        names
    }

    #[test]
    fn priority_comes_first_and_then_age() {
        let mut queue = queue();
        for (name, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", 9)] {
            queue.set(Arc::new(pod(name, json!({"priority": priority}))), at(0));
        }
        assert_eq!(popped(&mut queue, at(0)), ["d", "b", "a", "c"]);
    }

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let seconds: Vec<_> = (1..7).map(|n| Backoff::default().after(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn a_pod_waits_for_an_event_that_helps_and_for_its_backoff() {
        let mut queue = queue();
        let waiting = Arc::new(pod("a", json!({})));
        queue.set(Arc::clone(&waiting), at(0));
        let _ = queue.pop(at(0)).unwrap();
        queue.put_back(&waiting.id, rejected_by("NodeResourcesFit"), at(0));
        assert_eq!(queue.activity.busy(), 0);
        let gone = pod("gone", json!({}));
        queue.wake(&ClusterEvent::PodBound { pod: &gone }, at(0));
        assert_eq!(queue.next_due(), Some(at(300)));
        queue.wake(&ClusterEvent::PodRemoved { pod: &gone }, at(0));
        let other = Arc::new(pod("b", json!({})));
        queue.set(Arc::clone(&other), at(0));
        let first = queue.pop(at(0)).unwrap();
        assert_eq!((&*first.0.key.name, queue.next_due()), ("b", Some(at(1))));
        queue.tick(at(1));
        assert_eq!(queue.activity.busy(), 2);
        drop(first);
        assert_eq!(popped(&mut queue, at(1)), ["a"]);
    }

    #[test]
    fn backoff_lets_others_go_first_and_keeps_nobody_waiting_when_there_are_none() {
        let mut queue = queue();
        let waiting = Arc::new(pod("a", json!({})));
        queue.set(Arc::clone(&waiting), at(0));
        let _ = queue.pop(at(0)).unwrap();
        queue.put_back(&waiting.id, rejected_by("NodeResourcesFit"), at(0));
        assert!(!queue.has_active(), "nothing has helped it yet");
        queue.wake(&ClusterEvent::PodRemoved { pod: &pod("gone", json!({})) }, at(0));
        assert!(queue.has_active());
        queue.set(Arc::new(pod("b", json!({}))), at(0));
        assert_eq!(popped(&mut queue, at(0)), ["b", "a"]);
        queue.retry(&waiting.id, at(0));
        assert!(!queue.has_active(), "after an error the backoff counts");
    }

    #[test]
    fn a_pod_that_nothing_is_known_to_help_is_tried_by_time() {
        let mut queue = queue();
        let waiting = Arc::new(pod("a", json!({})));
        queue.set(Arc::clone(&waiting), at(0));
        let _ = queue.pop(at(0)).unwrap();
        queue.put_back(&waiting.id, Rejection::default(), at(0));
        assert_eq!(queue.next_due(), Some(at(1)));
    }

    #[test]
    fn gates_hold_and_removal_forgets() {
        let mut queue = queue();
        let gated = json!({"schedulingGates": [{"name": "g"}]});
        queue.set(Arc::new(pod("a", gated)), at(0));
        assert!(!queue.has_active());
        queue.set(Arc::new(pod("a", json!({}))), at(0));
        queue.set(Arc::new(pod("b", json!({}))), at(0));
        queue.remove(&pod("b", json!({})).id);
        assert_eq!(popped(&mut queue, at(0)), ["a"]);
        assert_eq!(queue.activity.busy(), 0);
    }
}
