//! Policies: which machine is best for a task, and which of its GPUs.
//!
//! A policy scores machines from what is free there and what the task asks for. Unless it says
//! that it looks further, its scores are remembered per shape of task and per machine until the
//! machine changes, so that the next task of a shape costs little. How finely scores are told is
//! the policy's wish and the run's decision; equal ones are common, and who wins then is part of
//! what a run records.

mod best_fit;
mod cutting_stock;
mod dot_product;
mod fragmentation;
mod gpu_clustering;
mod gpu_packing;
mod random;
mod usable;
mod worst_fit;

pub use best_fit::BestFit;
pub use cutting_stock::CuttingStock;
pub use dot_product::DotProduct;
pub use fragmentation::FragmentationGradient;
pub use gpu_clustering::GpuClustering;
pub use gpu_packing::GpuPacking;
pub use random::Random;
pub use worst_fit::WorstFit;

use super::fleet::{Cards, Room};
use super::workload::Shape;

/// The best score of the published policies.
pub const MAX_SCORE: i64 = 100;

/// The most CPU and GPU that a machine has, by which shares are counted: those of the published
/// figures, in thousandths.
const LARGEST: [f64; 2] = [128_000.0, 8_000.0];

/// Chooses machines for tasks.
///
/// # Contract
/// - **Pure.** A score depends on the arguments only, and [`score_block`](Self::score_block)
///   gives what [`score`](Self::score) gives unless the [`scope`](Self::scope) is the fleet.
/// - **Bounded.** Scores of machines that fit, times the resolution, lie within `i32`.
///
/// # Examples
/// ```
/// use orchestrator_sched::trace::policy::Policy;
/// use orchestrator_sched::trace::{Contender, Plan, Room, Shape, generate};
///
/// /// Keeps CPUs free on machines with many GPUs.
/// #[derive(Debug)]
/// struct FewestGpus;
///
/// impl Policy for FewestGpus {
///     fn name(&self) -> &str {
///         "fewest-gpus"
///     }
///     fn score(&self, _: &Shape, machine: &Room) -> f64 {
///         -f64::from(machine.gpus)
///     }
/// }
///
/// let workloads = [generate(1)];
/// let mut plan = Plan::new(&workloads);
/// plan.contenders = vec![Contender::policy("fewest-gpus", |_| FewestGpus)];
/// plan.seeds = vec![42];
/// assert!(plan.run(1, &|| {})[0].result[0].unallocated() < 30.0);
/// ```
pub trait Policy: std::fmt::Debug + Send + Sync + 'static {
    /// What people call it.
    fn name(&self) -> &str;

    /// How good a machine is that fits; the highest is taken.
    fn score(&self, task: &Shape, machine: &Room) -> f64;

    /// Scores a block of machines that fit, one after the other unless overridden.
    fn score_block(&self, task: &Shape, machines: &[&Room], scores: &mut [f64]) {
        for (score, machine) in scores.iter_mut().zip(machines) {
            *score = self.score(task, machine);
        }
    }

    /// Which GPUs the task gets; those with the least room unless said otherwise.
    fn cards(&self, task: &Shape, machine: &Room, random: &mut fastrand::Rng) -> Cards {
        let _ = random;
        machine.tightest_cards(task)
    }

    /// What a score depends on besides the task.
    fn scope(&self) -> Scope {
        Scope::Machine
    }

    /// How many steps of score are told apart within 1; what is between them is cut off.
    fn resolution(&self) -> u32 {
        1
    }
}

/// What a score depends on besides the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On nothing: any machine that fits is as good as any other, and chance decides.
    Nothing,
    /// On the machine alone: scores are remembered until it changes.
    Machine,
    /// On all machines that fit: all are scored, in one block, for every task.
    Fleet,
}

/// CPU and GPU that are free, as shares of the largest machine.
fn free(room: &Room) -> [f64; 2] {
    [room.cpu_milli as f64 / LARGEST[0], room.gpu_free() as f64 / LARGEST[1]]
}

/// CPU and GPU that are asked for, as shares of the largest machine.
fn asked(shape: &Shape) -> [f64; 2] {
    [shape.cpu_milli as f64 / LARGEST[0], shape.gpu_total() as f64 / LARGEST[1]]
}

/// The card that gains most, the first among equals, of those that a task may share; cards with
/// as much room are as good as each other.
fn best_card<T: PartialOrd>(shape: &Shape, room: &Room, gain: impl Fn(usize) -> T) -> (T, Cards) {
    let mut best: Option<(T, Cards)> = None;
    for (index, free) in room.cards().iter().enumerate() {
        if *free < shape.gpu_milli || room.cards[..index].contains(free) {
            continue;
        }
        let gained = gain(index);
        if best.as_ref().is_none_or(|(most, _)| gained > *most) {
            best = Some((gained, 1 << index));
        }
    }
    best.expect("a machine that fits has a GPU with room")
}
