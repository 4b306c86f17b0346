//! The pods that can be tried, in the order of their scheduler.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::scheduler::{PodId, PodInfo, Scheduler, Waiting};

/// Positions of pods, some of them out of date.
#[derive(Debug)]
pub(super) struct Order {
    scheduler: Arc<dyn Scheduler>,
    positions: BinaryHeap<Position>,
}

impl Order {
    /// No pods, in the order of `scheduler`.
    pub fn new(scheduler: Arc<dyn Scheduler>) -> Self {
        Self { scheduler, positions: BinaryHeap::new() }
    }

    /// Adds the position of this number of a pod that has waited since then.
    pub fn push(&mut self, pod: Arc<PodInfo>, since: Duration, number: u64) {
        let scheduler = Arc::clone(&self.scheduler);
        self.positions.push(Position { pod, since, number, scheduler });
    }

    /// Takes out the first position.
    pub fn pop(&mut self) -> Option<(Arc<PodInfo>, u64)> {
        self.positions.pop().map(|position| (position.pod, position.number))
    }

    /// Whether any position is not out of date; those before it are dropped.
    pub fn has_any(&mut self, is_newest: impl Fn(&PodId, u64) -> bool) -> bool {
        while let Some(first) = self.positions.peek() {
            if is_newest(&first.pod.id, first.number) {
                return true;
            }
            self.positions.pop();
        }
        false
    }
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
