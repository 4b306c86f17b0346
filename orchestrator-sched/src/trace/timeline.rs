//! A trace as it happened: tasks come and go, and wait where there is no room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::measure::{Load, Waits};
use super::policy::Policy;
use super::replay::{Place, Replay};
use super::workload::{Shape, Workload};

/// How a trace went under a policy.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Timeline {
    /// How many tasks came.
    pub arrived: usize,
    /// How many never had room.
    pub unplaced: usize,
    /// How long those that had room waited for it.
    pub waits: Waits,
    /// What was in use, averaged over time.
    pub load: Load,
    /// Seconds from the first arrival to the last event.
    pub length_s: u64,
}

/// What happens at one moment, departures first: their room is there for those who come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Departs(usize),
    Arrives(usize),
}

/// A run under way.
struct Run<'a> {
    workload: &'a Workload,
    replay: Replay<'a>,
    events: BTreeSet<(u64, Event)>,
    places: BTreeMap<usize, Place>,
    /// Those that wait, the first that came first.
    waiting: VecDeque<(usize, u64)>,
    waited: Vec<u64>,
}

/// Replays a trace with its arrivals and departures; tasks without a time of arrival come at 0.
///
/// A task that finds no room waits, and is tried again whenever another departs, the longest
/// waiting first; those behind it that fit do not wait for it.
pub fn timeline(workload: &Workload, policy: &dyn Policy, seed: u64) -> Timeline {
    let arrivals = workload.tasks.iter().enumerate();
    let arrivals = arrivals.map(|(i, task)| (task.arrival_s.unwrap_or(0), Event::Arrives(i)));
    let mut run = Run {
        workload,
        replay: Replay::new(workload, policy, seed),
        events: arrivals.collect(),
        places: BTreeMap::new(),
        waiting: VecDeque::new(),
        waited: Vec::new(),
    };
    let first = run.events.first().map_or(0, |(at, _)| *at);
    let (mut now, mut load) = (first, Load::default());
    while let Some((at, event)) = run.events.pop_first() {
        load.add(run.replay.rooms(), &workload.machines, at - now);
        now = at;
        match event {
            Event::Departs(task) => run.depart(task, now),
            Event::Arrives(task) => run.arrive(task, now),
        }
    }
    Timeline {
        arrived: workload.tasks.len(),
        unplaced: run.waiting.len(),
        waits: Waits::of(run.waited),
        load: load.averaged(),
        length_s: now - first,
    }
}

impl Run<'_> {
    fn shape(&self, task: usize) -> Shape {
        self.workload.tasks[task].shape
    }

    fn arrive(&mut self, task: usize, now: u64) {
        if !self.start(task, now, now) {
            self.waiting.push_back((task, now));
        }
    }

    fn depart(&mut self, task: usize, now: u64) {
        let place = self.places.remove(&task).expect("only placed tasks depart");
        let shape = self.shape(task);
        self.replay.remove(&shape, place);
        // Of each shape, one that finds no room speaks for all.
        let mut hopeless: BTreeSet<Shape> = BTreeSet::new();
        for _ in 0..self.waiting.len() {
            let Some((waiting, since)) = self.waiting.pop_front() else { break };
            let shape = self.shape(waiting);
            if hopeless.contains(&shape) || !self.start(waiting, since, now) {
                hopeless.insert(shape);
                self.waiting.push_back((waiting, since));
            }
        }
    }

    /// Places a task that came at `since`; returns whether it had room.
    fn start(&mut self, task: usize, since: u64, now: u64) -> bool {
        let Some(place) = self.replay.place(&self.shape(task)) else { return false };
        self.waited.push(now - since);
        self.places.insert(task, place);
        if let Some(stay) = self.workload.tasks[task].duration_s {
            self.events.insert((now.saturating_add(stay), Event::Departs(task)));
        }
        true
    }
}
