//! The published experiment: more and more tasks, none of which leaves.

use super::policy::Policy;
use super::replay::Replay;
use super::workload::{Shape, Workload};

/// What is left unused when so much was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unallocated {
    /// The GPU asked for so far, as a percentage of what there is.
    pub demand_percent: u32,
    /// The GPU that nobody uses, as a percentage.
    pub gpu_percent: f64,
}

/// Lets tasks come until the GPU that they ask for passes the last of `demands`, which are
/// percentages of what there is, and tells what is unused at each.
///
/// The tasks come in an order drawn by `seed`; where they are not enough, uniformly drawn copies
/// follow.
pub fn inflate(
    workload: &Workload,
    policy: &dyn Policy,
    seed: u64,
    demands: &[u32],
) -> Vec<Unallocated> {
    let capacity = workload.gpu_capacity();
    let mut results = Vec::with_capacity(demands.len());
    let mut wanted = demands.iter().copied();
    let Some(mut demand) = wanted.next() else { return results };
    let mut replay = Replay::new(workload, policy, seed);
    let mut arrived = 0;
    for shape in arrivals(workload, seed, demands.iter().copied().max().unwrap_or_default()) {
        let after = arrived + shape.gpu_total();
        while after * 100 > capacity * i64::from(demand) {
            results.push(unallocated(&replay, capacity, demand));
            match wanted.next() {
                Some(next) => demand = next,
                None => return results,
            }
        }
        arrived = after;
        replay.place(&shape);
    }
    results.push(unallocated(&replay, capacity, demand));
    results.extend(wanted.map(|demand| unallocated(&replay, capacity, demand)));
    results
}

fn unallocated(replay: &Replay<'_>, capacity: i64, demand: u32) -> Unallocated {
    let used = replay.allocated_gpu() as f64 / capacity as f64;
    Unallocated { demand_percent: demand, gpu_percent: 100.0 * (1.0 - used) }
}

/// The tasks in their order, with copies up to `demand` percent of the GPU that there is.
fn arrivals(workload: &Workload, seed: u64, demand: u32) -> Vec<Shape> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
    let mut tasks: Vec<_> = workload.tasks.iter().collect();
    tasks.sort_by(|a, b| a.name.cmp(&b.name));
    let mut shapes: Vec<Shape> = tasks.into_iter().map(|task| task.shape).collect();
    random.shuffle(&mut shapes);
    let limit = workload.gpu_capacity() * i64::from(demand) / 100;
    let mut asked: i64 = shapes.iter().map(Shape::gpu_total).sum();
    let own = shapes.len();
    // Tasks without GPUs would never make the demand.
    if asked == 0 {
        return shapes;
    }
    loop {
        let copy = shapes[random.usize(..own)];
        asked += copy.gpu_total();
        if asked > limit {
            return shapes;
        }
        shapes.push(copy);
    }
}
