//! A trace as it happened: tasks come and go, and wait where there is no room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::measure::{Average, Gauge, Load, Waits};
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
    /// What was in use, on average while tasks came; where all came at once, while any was there.
    pub load: Load,
    /// The GPU that was free and that typical tasks could not use, as a share of what there is,
    /// on average over the same time.
    pub fragmentation: f64,
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
    at_once: usize,
    events: BTreeSet<(u64, Event)>,
    places: BTreeMap<usize, Place>,
    /// Those that wait, the first that came first.
    waiting: VecDeque<(usize, u64)>,
    waited: Vec<u64>,
}

/// Replays a trace with its arrivals and departures; tasks without a time of arrival come at 0.
///
/// A task that finds no room waits, and is tried again whenever others depart, the longest
/// waiting first; those behind it that fit do not wait for it. Up to `at_once` tasks are placed
/// together.
pub(super) fn timeline(
    workload: &Workload,
    replay: Replay<'_>,
    at_once: usize,
    mut gauge: Gauge<'_>,
) -> Timeline {
    let arrivals = workload.tasks.iter().enumerate();
    let arrivals = arrivals.map(|(i, task)| (task.arrival_s.unwrap_or(0), Event::Arrives(i)));
    let events: BTreeSet<_> = arrivals.collect();
    let (places, waiting, waited) = (BTreeMap::new(), VecDeque::new(), Vec::new());
    let at_once = at_once.max(1);
    let mut run = Run { workload, replay, at_once, events, places, waiting, waited };
    let first = run.events.first().map_or(0, |(at, _)| *at);
    let last = run.events.last().map_or(0, |(at, _)| *at);
    // One task that stays for months after all others would hide what the rest was like.
    let until = if last > first { last } else { u64::MAX };
    let (mut now, mut load, mut useless, mut measured) = (first, Average::default(), 0.0, 0);
    while let Some((at, _)) = run.events.first().copied() {
        let seconds = at.min(until).saturating_sub(now);
        if seconds > 0 {
            let (now_used, now_useless) = gauge.measure(&mut run.replay);
            load.add(now_used, seconds);
            useless += now_useless * seconds as f64;
            measured += seconds;
        }
        now = at;
        run.step(now);
    }
    Timeline {
        arrived: workload.tasks.len(),
        unplaced: run.waiting.len(),
        waits: Waits::of(run.waited),
        load: load.load(),
        fragmentation: useless / measured.max(1) as f64,
        length_s: now - first,
    }
}

impl Run<'_> {
    fn shape(&self, task: usize) -> Shape {
        self.workload.tasks[task].shape
    }

    /// All that happens at `now`: departures, then those who wait for them, then arrivals.
    fn step(&mut self, now: u64) {
        let mut tasks = VecDeque::new();
        while self.events.first().is_some_and(|(at, _)| *at == now) {
            let (_, event) = self.events.pop_first().expect("there is a first one");
            match event {
                Event::Departs(task) => {
                    let place = self.places.remove(&task).expect("only placed tasks depart");
                    let shape = self.shape(task);
                    self.replay.remove(&shape, place);
                    // Nobody has room who had none before, unless somebody departs.
                    tasks.append(&mut self.waiting);
                }
                Event::Arrives(task) => tasks.push_back((task, now)),
            }
        }
        self.start(tasks, now);
    }

    /// Places tasks, by the time of their arrival; those without room wait.
    fn start(&mut self, tasks: VecDeque<(usize, u64)>, now: u64) {
        // Of each shape, one that finds no room speaks for all.
        let mut hopeless: BTreeSet<Shape> = BTreeSet::new();
        let mut tasks = tasks.into_iter().peekable();
        while tasks.peek().is_some() {
            let mut together = Vec::with_capacity(self.at_once);
            for (task, since) in tasks.by_ref() {
                match hopeless.contains(&self.shape(task)) {
                    true => self.waiting.push_back((task, since)),
                    false => together.push((task, since)),
                }
                if together.len() == self.at_once {
                    break;
                }
            }
            let shapes: Vec<_> = together.iter().map(|(task, _)| self.shape(*task)).collect();
            let places = self.replay.place_all(&shapes);
            for ((task, since), place) in together.into_iter().zip(places) {
                match place {
                    Some(place) => self.started(task, place, since, now),
                    None => {
                        hopeless.insert(self.shape(task));
                        self.waiting.push_back((task, since));
                    }
                }
            }
        }
    }

    /// Takes note of a task that came at `since` and has its place.
    fn started(&mut self, task: usize, place: Place, since: u64, now: u64) {
        self.waited.push(now - since);
        self.places.insert(task, place);
        if let Some(stay) = self.workload.tasks[task].duration_s {
            self.events.insert((now.saturating_add(stay), Event::Departs(task)));
        }
    }
}
