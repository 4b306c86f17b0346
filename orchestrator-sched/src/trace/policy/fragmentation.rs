//! FragmentationGradient: the machine where the task makes the least GPU useless for others.
//!
//! The GPU on a machine that a typical task cannot use, times how frequent that task is, summed
//! over the typical tasks, is the machine's fragmentation; the policy descends it.
//!
//! # Source
//! Weng et al., Beware of fragmentation, USENIX ATC 2023.

use super::usable::Usable;
use super::{MAX_SCORE, Policy, Shape, best_card};
use crate::trace::fleet::{Cards, Room};
use crate::trace::workload::{WHOLE_GPU, Workload};

/// The typical tasks are the most frequent ones that make up this share of all.
const TYPICAL_SHARE: f64 = 0.95;

/// The published figures come from taking so many at a time. It matters where there are many rare
/// shapes: with one at a time, `gpuspec25` would end up 0.6 points away from them.
const TYPICAL_STEP: usize = 10;

/// How much GPU a difference of one unit under the sigmoid is.
const UNIT_MILLI: f64 = 1000.0;

/// Prefers machines whose fragmentation grows least.
#[derive(Debug)]
pub struct FragmentationGradient {
    usable: Usable,
}

impl FragmentationGradient {
    /// The typical tasks are those of `workload`.
    pub fn new(workload: &Workload) -> Self {
        Self::by_steps(workload, TYPICAL_STEP)
    }

    /// The typical tasks are taken so many at a time.
    pub(super) fn by_steps(workload: &Workload, step: usize) -> Self {
        Self { usable: Usable::new(workload, TYPICAL_SHARE, step) }
    }

    /// The GPU of the machine, in thousandths, that typical tasks cannot use.
    pub fn fragmentation(&self, room: &Room) -> f64 {
        self.usable.fragmentation(room)
    }

    /// By how much fragmentation falls if the task takes the card with so much room, or, where
    /// it shares none, whole ones; the best card by what `told` makes of that.
    pub(super) fn best<T: PartialOrd>(
        &self,
        task: &Shape,
        room: &Room,
        told: impl Fn(f64) -> T,
    ) -> (T, Cards) {
        let usable = &self.usable;
        let before = usable.with_row(room, |row| usable.cards(row, room));
        let useful = before - usable.total() * task.gpu_total() as f64;
        usable.with_row_after(room, task, |row| {
            if !task.shares() {
                let mut after = room.clone();
                let cards = room.tightest_cards(task);
                after.add(task, cards);
                return (told(usable.cards(row, &after) - useful), cards);
            }
            let whole = room.whole_cards();
            let others = usable.cards(row, room) - useful;
            best_card(task, room, |card| {
                let free = room.cards[card];
                let mut fall = others + usable.card(row, free - task.gpu_milli);
                fall -= usable.card(row, free);
                if free == WHOLE_GPU {
                    fall += Usable::whole(row, whole - 1) - Usable::whole(row, whole);
                }
                told(fall)
            })
        })
    }
}

/// The score of a fall of fragmentation.
fn score(fall: f64) -> f64 {
    MAX_SCORE as f64 / (1.0 + (-fall / UNIT_MILLI).exp())
}

impl Policy for FragmentationGradient {
    fn name(&self) -> &str {
        "fragmentation-gradient"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        score(self.best(task, machine, |fall| fall).0)
    }

    fn cards(&self, task: &Shape, machine: &Room, _: &mut fastrand::Rng) -> Cards {
        // As published, cards are told apart as finely as machines.
        self.best(task, machine, |fall| score(fall) as i64).1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::workload::{Machine, Task};

    /// Fragmentation as it is defined, task by task.
    fn slow(typical: &[(Shape, f64)], room: &Room) -> f64 {
        let free = room.gpu_free();
        let useless = |shape: &Shape| {
            if shape.gpus == 0 || !room.fits(shape) {
                return free;
            }
            let small = room.cards().iter().filter(|free| **free < shape.gpu_milli);
            small.map(|free| i64::from(*free)).sum()
        };
        typical.iter().map(|(shape, frequency)| frequency * useless(shape) as f64).sum()
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let gpu = prop_oneof![
            Just((0u8, 0u16)),
            (1..=1000u16).prop_map(|milli| (1, milli)),
            (1..=4u8).prop_map(|gpus| (gpus, WHOLE_GPU)),
        ];
        (gpu, 1..20i64, 1..4u64, 0..3i64).prop_map(|((gpus, gpu_milli), cpus, models, network)| {
            let mut shape = Shape::new(cpus * 1000, 1);
            (shape.gpus, shape.gpu_milli, shape.models) = (gpus, gpu_milli, models);
            shape.network = network / 2;
            shape
        })
    }

    proptest! {
        #[test]
        fn tables_agree_with_the_definition(
            shapes in prop::collection::vec(shape(), 1..20), model in 0..2u8,
        ) {
            let mut machine = Machine::new("m", 40_000, 1 << 20);
            (machine.gpus, machine.model, machine.network) = (4, model, 3);
            let tasks = shapes.iter().map(|shape| Task::new("t", *shape)).collect();
            let machines = vec![machine.clone()];
            let workload = Workload { machines, tasks, ..Workload::default() };
            let policy = FragmentationGradient::new(&workload);
            let typical = policy.usable.typical();
            let mut room = Room::new(&machine);
            for shape in &shapes {
                prop_assert!((policy.fragmentation(&room) - slow(typical, &room)).abs() < 1e-6);
                if !room.fits(shape) || shape.gpus == 0 {
                    continue;
                }
                let (fall, cards) = policy.best(shape, &room, |fall| fall);
                let mut after = room.clone();
                after.add(shape, cards);
                let wanted = slow(typical, &room) - slow(typical, &after);
                prop_assert!((fall - wanted).abs() < 1e-6, "{fall} {wanted}");
                room = after;
            }
        }
    }
}
