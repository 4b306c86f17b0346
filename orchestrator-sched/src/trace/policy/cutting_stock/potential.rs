//! What a machine's CPU and memory still let its GPUs do.
//!
//! For each frequent shape: how many tasks of it the machine has room for, if only they came, and
//! how much GPU they would use; on average over the shapes.

use super::super::usable::most_frequent;
use crate::trace::fleet::Room;
use crate::trace::workload::{Shape, WHOLE_GPU, Workload};

/// The frequent shapes are those that make up this share of the tasks with GPUs.
const FREQUENT_SHARE: f64 = 0.95;

/// Added before a quotient is cut off, so that whole ones stay what they are.
const ROUNDING: f64 = 1e-6;

/// The frequent shapes of a workload.
#[derive(Debug)]
pub(super) struct Potential {
    frequent: Vec<Frequent>,
    /// For each size that is asked of one GPU, in order: how many of it fit, by how much is free.
    fitting: Vec<[u8; WHOLE_GPU as usize + 1]>,
}

#[derive(Debug)]
struct Frequent {
    models: u64,
    /// Over what a task asks for: multiplying is much faster than dividing.
    per_cpu: f64,
    per_memory: f64,
    /// How frequent it is, times the GPUs that it asks for.
    weight: f64,
    gpus: Gpus,
}

/// What a shape asks for.
#[derive(Clone, Copy, Debug)]
enum Gpus {
    /// A share of one GPU: the place of its size.
    Share(usize),
    /// So many whole ones.
    Whole(usize),
}

impl Potential {
    /// The frequent shapes are those of `workload`.
    pub(super) fn new(workload: &Workload) -> Self {
        let tasks = workload.tasks.iter().map(|task| task.shape).filter(|shape| shape.gpus > 0);
        let frequent = most_frequent(tasks, FREQUENT_SHARE, 1);
        let mut sizes: Vec<u16> =
            frequent.iter().filter(|(s, _)| s.shares()).map(|(s, _)| s.gpu_milli).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let place = |shape: &Shape| match sizes.binary_search(&shape.gpu_milli) {
            Ok(place) if shape.shares() => Gpus::Share(place),
            _ => Gpus::Whole(usize::from(shape.gpus)),
        };
        // Whoever asks for nothing is held up by nothing.
        let per = |asked: i64| if asked > 0 { 1.0 / asked as f64 } else { f64::MAX };
        let of = |(shape, frequency): &(Shape, f64)| Frequent {
            models: shape.models,
            per_cpu: per(shape.cpu_milli),
            per_memory: per(shape.memory_mib),
            weight: frequency * shape.gpu_total() as f64 / f64::from(WHOLE_GPU),
            gpus: place(shape),
        };
        // No more than 255 of the smallest shares are of interest.
        let table = |size: &u16| {
            std::array::from_fn(|free| (free / usize::from(*size).max(1)).min(255) as u8)
        };
        Self {
            frequent: frequent.iter().map(of).collect(),
            fitting: sizes.iter().map(table).collect(),
        }
    }

    /// How many GPUs the machine could give to the frequent shapes, each by itself.
    pub(super) fn of(&self, room: &Room) -> f64 {
        if room.gpu_free() == 0 {
            return 0.0;
        }
        let fitting = |table: &[u8; WHOLE_GPU as usize + 1]| -> u32 {
            room.cards().iter().map(|free| u32::from(table[usize::from(*free)])).sum()
        };
        let shares: smallvec::SmallVec<[u32; 64]> = self.fitting.iter().map(fitting).collect();
        let whole = room.whole_cards();
        let (cpu, memory) = (room.cpu_milli as f64, room.memory_mib as f64);
        let mut sum = 0.0;
        for shape in &self.frequent {
            let by_gpu = match shape.gpus {
                Gpus::Share(place) => shares[place],
                Gpus::Whole(gpus) => (whole / gpus) as u32,
            };
            if by_gpu == 0 || (shape.models >> room.model) & 1 == 0 {
                continue;
            }
            let beside = (cpu * shape.per_cpu).min(memory * shape.per_memory);
            let tasks = by_gpu.min((beside + ROUNDING) as u32);
            sum += shape.weight * f64::from(tasks);
        }
        sum
    }
}
