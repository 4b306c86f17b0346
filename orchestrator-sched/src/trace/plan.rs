//! Many runs at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::contender::{Algorithm, Contender};
use super::inflate::{Arrivals, Point, inflate};
use super::measure::{Capacity, Gauge};
use super::policy::FragmentationGradient;
use super::replay::{Replay, Rules, Ties};
use super::timeline::{Timeline, timeline};
use super::workload::{Shape, Workload};

/// Which runs are made: each workload under each contender with each seed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan<'a> {
    /// The workloads.
    pub workloads: &'a [Workload],
    /// Who takes part.
    pub contenders: Vec<Contender>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// At which demands the state is told, in percent of the GPU that there is.
    pub demands: Vec<u32>,
    /// What changes results without being a policy's own.
    pub rules: Rules,
    /// The share of the GPU that could be in use at most, once such tasks have come.
    pub bound: Option<fn(&Workload, &[Shape]) -> f64>,
}

/// What one run gave.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome<T = Vec<Point>> {
    /// The name of the workload.
    pub workload: String,
    /// The name of the contender.
    pub policy: Arc<str>,
    /// The seed.
    pub seed: u64,
    /// Who won among equal scores.
    pub ties: Ties,
    /// How many steps of score were told apart within 1.
    pub resolution: u32,
    /// The state at each demand, or how the trace went.
    pub result: T,
}

/// What the runs of one workload share.
struct Shared<'a> {
    workload: &'a Workload,
    capacity: Capacity,
    gradient: FragmentationGradient,
    algorithms: Vec<Algorithm>,
}

impl<'a> Plan<'a> {
    /// All shipped policies on `workloads`, with the ten seeds and the two demands of the
    /// published figures.
    pub fn new(workloads: &'a [Workload]) -> Self {
        Self {
            workloads,
            contenders: Contender::shipped(),
            seeds: (42..=51).collect(),
            demands: vec![100, 130],
            rules: Rules::default(),
            bound: None,
        }
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        self.workloads.len() * self.contenders.len() * self.seeds.len()
    }

    /// Lets more and more tasks come that never leave, on so many threads; `done` is told of each
    /// run as it ends. The outcomes are in the order of workloads, contenders and seeds, whatever
    /// the threads did.
    pub fn run(&self, threads: usize, done: &(dyn Fn() + Sync)) -> Vec<Outcome> {
        let mut demands = self.demands.clone();
        demands.sort_unstable();
        demands.dedup();
        let draws = self.workloads.len() * self.seeds.len();
        // What came, and what could be had of it, is the same for all contenders.
        let drawn = in_parallel(threads, draws, &|index| {
            let (workload, seed) =
                (&self.workloads[index / self.seeds.len()], self.seeds[index % self.seeds.len()]);
            let arrivals = Arrivals::new(workload, seed, &demands);
            let bounds: Option<Vec<f64>> = self.bound.map(|bound| {
                arrivals.at_demands().map(|(_, tasks)| bound(workload, tasks)).collect()
            });
            (arrivals, bounds)
        });
        self.each(threads, done, &|run| {
            let (arrivals, bounds) = &drawn[run.draw];
            let mut points = inflate(run.replay(), arrivals, run.algorithm.at_once(), run.gauge());
            for (point, bound) in points.iter_mut().zip(bounds.iter().flatten()) {
                point.bound = Some(*bound);
            }
            points
        })
    }

    /// Replays the traces with their arrivals and departures, as [`run`](Self::run) does
    /// otherwise.
    pub fn timelines(&self, threads: usize, done: &(dyn Fn() + Sync)) -> Vec<Outcome<Timeline>> {
        self.each(threads, done, &|run| {
            timeline(run.shared.workload, run.replay(), run.algorithm.at_once(), run.gauge())
        })
    }

    fn each<T: Send>(
        &self,
        threads: usize,
        done: &(dyn Fn() + Sync),
        make: &(dyn Fn(&Run<'_>) -> T + Sync),
    ) -> Vec<Outcome<T>> {
        let shared = in_parallel(threads, self.workloads.len(), &|index| {
            let workload = &self.workloads[index];
            Shared {
                workload,
                capacity: Capacity::of(workload),
                gradient: FragmentationGradient::new(workload),
                algorithms: self.contenders.iter().map(|c| c.algorithm(workload)).collect(),
            }
        });
        in_parallel(threads, self.runs(), &|index| {
            let (pair, seed) = (index / self.seeds.len(), index % self.seeds.len());
            let (workload, contender) =
                (pair / self.contenders.len(), pair % self.contenders.len());
            let shared = &shared[workload];
            let algorithm = &shared.algorithms[contender];
            let draw = workload * self.seeds.len() + seed;
            let run = Run { shared, algorithm, rules: self.rules, seed: self.seeds[seed], draw };
            let outcome = Outcome {
                workload: shared.workload.name.clone(),
                policy: self.contenders[contender].shared_name(),
                seed: run.seed,
                ties: self.rules.ties,
                resolution: self.rules.resolution.unwrap_or_else(|| algorithm.resolution()),
                result: make(&run),
            };
            done();
            outcome
        })
    }
}

/// One run that is about to be made.
struct Run<'a> {
    shared: &'a Shared<'a>,
    algorithm: &'a Algorithm,
    rules: Rules,
    seed: u64,
    /// The place of its workload and seed among all such pairs.
    draw: usize,
}

impl<'a> Run<'a> {
    fn replay(&self) -> Replay<'a> {
        let (algorithm, rules) = (self.algorithm, self.rules);
        Replay::new(self.shared.workload, self.seed, |fleet| algorithm.chooser(fleet, rules))
    }

    fn gauge(&self) -> Gauge<'a> {
        Gauge::new(self.shared.capacity, &self.shared.gradient, self.shared.workload)
    }
}

/// Does `count` pieces of work on so many threads; the results are in order.
fn in_parallel<T: Send>(
    threads: usize,
    count: usize,
    work: &(dyn Fn(usize) -> T + Sync),
) -> Vec<T> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let result = work(index);
            results.lock().expect("no work panics").push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, count.max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let mut results = results.into_inner().expect("no work panics");
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
