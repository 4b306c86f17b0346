//! The published experiment: more and more tasks, none of which leaves.

use super::measure::{Gauge, Load};
use super::replay::Replay;
use super::workload::{Shape, Workload};

/// The state when so much was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Point {
    /// The GPU asked for so far, as a percentage of what there is.
    pub demand_percent: u32,
    /// How many tasks came.
    pub arrived: usize,
    /// How many of them have a place.
    pub placed: usize,
    /// What is in use.
    pub load: Load,
    /// The GPU that is free and that typical tasks cannot use, as a share of what there is: the
    /// average over the typical tasks.
    pub fragmentation: f64,
    /// The share of the GPU that could be in use at most, where a bound was asked for.
    pub bound: Option<f64>,
}

impl Point {
    /// The GPU that nobody uses, in percent.
    pub fn unallocated(&self) -> f64 {
        100.0 * (1.0 - self.load.gpu)
    }

    /// By how much less GPU is in use than could be at most, in percent of the latter.
    pub fn gap(&self) -> Option<f64> {
        self.bound.map(|most| if most > 0.0 { 100.0 * (1.0 - self.load.gpu / most) } else { 0.0 })
    }
}

/// The tasks of a run in their order, and how many have come at each demand.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    shapes: Vec<Shape>,
    /// A demand, in percent of the GPU that there is, and how many tasks have come by then.
    demands: Vec<(u32, usize)>,
}

impl Arrivals {
    /// Tasks that ask for GPU up to the last of `demands`, which are in order.
    ///
    /// The tasks come in an order drawn by `seed`; where they are not enough, uniformly drawn
    /// copies follow.
    pub(super) fn new(workload: &Workload, seed: u64, demands: &[u32]) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
        let mut tasks: Vec<_> = workload.tasks.iter().collect();
        tasks.sort_by(|a, b| a.name.cmp(&b.name));
        let mut shapes: Vec<Shape> = tasks.into_iter().map(|task| task.shape).collect();
        random.shuffle(&mut shapes);
        let capacity = workload.gpu_capacity();
        let limit = capacity * i64::from(demands.last().copied().unwrap_or_default()) / 100;
        let mut asked: i64 = shapes.iter().map(Shape::gpu_total).sum();
        let own = shapes.len();
        // Tasks without GPUs would never make the demand.
        while asked > 0 {
            let copy = shapes[random.usize(..own)];
            asked += copy.gpu_total();
            if asked > limit {
                break;
            }
            shapes.push(copy);
        }
        let mut arrivals = Self { demands: Vec::with_capacity(demands.len()), shapes };
        let mut wanted = demands.iter().copied().peekable();
        let mut asked = 0;
        for (index, shape) in arrivals.shapes.iter().enumerate() {
            asked += shape.gpu_total();
            while let Some(demand) =
                wanted.next_if(|demand| asked * 100 > capacity * i64::from(*demand))
            {
                arrivals.demands.push((demand, index));
            }
        }
        let all = arrivals.shapes.len();
        arrivals.demands.extend(wanted.map(|demand| (demand, all)));
        arrivals
    }

    /// The tasks that have come at each demand.
    pub(super) fn at_demands(&self) -> impl Iterator<Item = (u32, &[Shape])> {
        self.demands.iter().map(|(demand, count)| (*demand, &self.shapes[..*count]))
    }
}

/// Lets the tasks come, `at_once` at a time, and tells the state at each demand.
pub(super) fn inflate(
    mut replay: Replay<'_>,
    arrivals: &Arrivals,
    at_once: usize,
    mut gauge: Gauge<'_>,
) -> Vec<Point> {
    let mut done = 0;
    let point = |(demand_percent, tasks): (u32, &[Shape])| {
        for tasks in tasks[done..].chunks(at_once.max(1)) {
            replay.place_all(tasks);
        }
        done = tasks.len();
        let (load, fragmentation) = gauge.measure(&mut replay);
        Point {
            demand_percent,
            arrived: done,
            placed: replay.fleet().used().tasks,
            load,
            fragmentation,
            bound: None,
        }
    };
    arrivals.at_demands().map(point).collect()
}
