//! FragmentationGradient: the machine where the task makes the least GPU useless for others.
//!
//! The GPU on a machine that a typical task cannot use, times how frequent that task is, summed
//! over the typical tasks, is the machine's fragmentation; the policy descends it.
//!
//! # Source
//! Weng et al., Beware of fragmentation, USENIX ATC 2023.

use std::collections::BTreeMap;

use super::{MAX_SCORE, Policy, Shape, best_cards};
use crate::trace::fleet::{Cards, Room};
use crate::trace::workload::Workload;

/// The typical tasks are the most frequent ones that make up this share of all.
const TYPICAL_SHARE: f64 = 0.95;

/// How much GPU a difference of one unit under the sigmoid is.
const UNIT_MILLI: f64 = 1000.0;

/// Prefers machines whose fragmentation grows least.
#[derive(Debug)]
pub struct FragmentationGradient {
    /// Shapes without their memory, which does not count, and their frequencies.
    typical: Vec<(Shape, f64)>,
}

impl FragmentationGradient {
    /// The typical tasks are those of `workload`.
    pub fn new(workload: &Workload) -> Self {
        let mut counts: BTreeMap<Shape, usize> = BTreeMap::new();
        for task in &workload.tasks {
            *counts.entry(Shape { memory_mib: 0, ..task.shape }).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let total = workload.tasks.len() as f64;
        let mut typical = Vec::new();
        let mut share = 0.0;
        for (shape, count) in counts {
            if share >= TYPICAL_SHARE {
                break;
            }
            share += count as f64 / total;
            typical.push((shape, count as f64 / total));
        }
        Self { typical }
    }

    /// The GPU of the machine, in thousandths, that typical tasks cannot use.
    pub fn fragmentation(&self, room: &Room) -> f64 {
        let free = room.gpu_free();
        if free == 0 {
            return 0.0;
        }
        let useless = |shape: &Shape| {
            if shape.gpus == 0 || !room.fits(shape) {
                return free;
            }
            let small = room.cards().iter().filter(|free| **free < shape.gpu_milli);
            small.map(|free| i64::from(*free)).sum()
        };
        self.typical.iter().map(|(shape, frequency)| frequency * useless(shape) as f64).sum()
    }

    /// The score of the machine if the task gets `cards`, where it was `before`.
    fn with(&self, shape: &Shape, room: &Room, cards: Cards, before: f64) -> i64 {
        let mut after = room.clone();
        after.add(shape, cards);
        let gained = (before - self.fragmentation(&after)) / UNIT_MILLI;
        (MAX_SCORE as f64 / (1.0 + (-gained).exp())) as i64
    }

    /// The best score and its cards.
    fn best(&self, shape: &Shape, room: &Room) -> (i64, Cards) {
        let before = self.fragmentation(room);
        best_cards(shape, room, |cards| self.with(shape, room, cards, before))
    }
}

impl Policy for FragmentationGradient {
    fn name(&self) -> &'static str {
        "fragmentation-gradient"
    }

    fn score(&self, shape: &Shape, room: &Room) -> i64 {
        self.best(shape, room).0
    }

    fn cards(&self, shape: &Shape, room: &Room, _: &mut fastrand::Rng) -> Cards {
        self.best(shape, room).1
    }
}
