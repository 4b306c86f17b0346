//! Policies: which machine is best for a task, and which of its GPUs.
//!
//! A policy scores one machine at a time, from what is free there and what the task asks for. The
//! scores are remembered per shape of task and per machine until the machine changes, so a policy
//! must not look at anything else. Scores are whole numbers, and equal ones are common: who wins
//! then is the replay's matter, and part of what a run records.

mod best_fit;
mod cutting_stock;
mod dot_product;
mod fragmentation;
mod gpu_clustering;
mod gpu_packing;
mod random;
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
use super::workload::{Shape, Workload};

/// The best score.
pub const MAX_SCORE: i64 = 100;

/// The most CPU and GPU that a machine has, by which shares are counted: those of the published
/// figures, in thousandths.
const LARGEST: [f64; 2] = [128_000.0, 8_000.0];

/// Chooses machines for tasks.
///
/// # Contract
/// - **Pure.** A score depends on the arguments only.
/// - **Bounded.** Scores of machines that fit lie within `i32`.
pub trait Policy: std::fmt::Debug + Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// How good a machine is that fits; the highest is taken.
    fn score(&self, shape: &Shape, room: &Room) -> i64;

    /// Which GPUs the task gets; those with the least room unless said otherwise.
    fn cards(&self, shape: &Shape, room: &Room, random: &mut fastrand::Rng) -> Cards {
        let _ = random;
        room.tightest_cards(shape)
    }

    /// Whether any machine that fits is as good as any other; then nothing is scored.
    fn is_blind(&self) -> bool {
        false
    }
}

/// Makes a policy for a workload.
pub type Make = fn(&Workload) -> Box<dyn Policy>;

/// The policies that are here, by name.
pub const POLICIES: [(&str, Make); 8] = [
    ("random", |_| Box::new(Random)),
    ("dot-product", |_| Box::new(DotProduct)),
    ("gpu-clustering", |_| Box::new(GpuClustering)),
    ("gpu-packing", |_| Box::new(GpuPacking)),
    ("best-fit", |_| Box::new(BestFit)),
    ("worst-fit", |_| Box::new(WorstFit)),
    ("fragmentation-gradient", |workload| Box::new(FragmentationGradient::new(workload))),
    ("cutting-stock", |workload| Box::new(CuttingStock::new(workload))),
];

/// CPU and GPU that are free, as shares of the largest machine.
fn free(room: &Room) -> [f64; 2] {
    [room.cpu_milli as f64 / LARGEST[0], room.gpu_free() as f64 / LARGEST[1]]
}

/// CPU and GPU that are asked for, as shares of the largest machine.
fn asked(shape: &Shape) -> [f64; 2] {
    [shape.cpu_milli as f64 / LARGEST[0], shape.gpu_total() as f64 / LARGEST[1]]
}

/// The cards that gain most: of a task that shares one, each card is tried; else there is no
/// choice, for only whole ones will do.
fn best_cards<T: PartialOrd>(shape: &Shape, room: &Room, gain: impl Fn(Cards) -> T) -> (T, Cards) {
    if !shape.shares() {
        let cards = room.tightest_cards(shape);
        return (gain(cards), cards);
    }
    let mut best: Option<(T, Cards)> = None;
    for (index, free) in room.cards().iter().enumerate() {
        // Cards with as much room are as good as each other.
        let seen = room.cards[..index].contains(free);
        if *free >= shape.gpu_milli && !seen {
            let gained = gain(1 << index);
            if best.as_ref().is_none_or(|(most, _)| gained > *most) {
                best = Some((gained, 1 << index));
            }
        }
    }
    best.expect("a machine that fits has a GPU with room")
}
