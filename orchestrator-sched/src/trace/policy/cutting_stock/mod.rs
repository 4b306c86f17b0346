//! CuttingStock: what is left of each GPU is worth what can still be cut from it.
//!
//! Tasks that share GPUs are pieces, GPUs the stock. A rest of a GPU is worth what the dearest
//! set of [pieces] that fits it costs, so that a piece goes where its price is all that is lost.
//! What the machine's CPU and memory still let its GPUs do is worth something too: its
//! [potential]. GPUs of a model that many tasks insist on are spared by those that take any, and
//! fragmentation, as the published gradient has it, decides between the rest.

mod pieces;
mod potential;
mod scarcity;

use super::{FragmentationGradient, Policy, Shape, best_card};
use crate::trace::fleet::{Cards, Room};
use crate::trace::workload::{WHOLE_GPU, Workload};
use pieces::{Pieces, STEP, WHOLE};
use potential::Potential;
use scarcity::Scarcity;

/// How much the worth of GPUs counts, in units of a GPU that no task can use. This weight and the
/// next two were searched for on openb's default trace, and hold on the others.
const WORTH_WEIGHT: f64 = 67.5;

/// How much fragmentation counts.
const FRAGMENTATION_WEIGHT: f64 = 6.35;

/// How much the tasks that still fit count.
const POTENTIAL_WEIGHT: f64 = 0.63;

/// How much a GPU counts of a model that is insisted on as often as it is there. Between 3 and 20
/// it makes little difference.
const SCARCITY_WEIGHT: f64 = 5.0;

/// Prefers machines that lose the least worth.
#[derive(Debug)]
pub struct CuttingStock {
    gradient: FragmentationGradient,
    /// The worth of a rest of a GPU, by its length in steps; a whole one is worth 1.
    worth: [f64; WHOLE + 1],
    potential: Potential,
    scarcity: Scarcity,
}

/// What a machine is worth, part by part.
#[derive(Clone, Copy)]
struct Worth {
    cards: f64,
    fragmentation: f64,
    potential: f64,
}

impl CuttingStock {
    /// Prices and frequencies are those of `workload`.
    pub fn new(workload: &Workload) -> Self {
        Self {
            gradient: FragmentationGradient::by_steps(workload, 1),
            worth: Pieces::of(workload).worth(),
            potential: Potential::new(workload),
            scarcity: Scarcity::new(workload),
        }
    }

    fn worth(&self, room: &Room) -> Worth {
        let cards = room.cards().iter().map(|free| self.worth[usize::from(*free) / STEP]);
        Worth {
            cards: cards.sum(),
            fragmentation: self.gradient.fragmentation(room) / f64::from(WHOLE_GPU),
            potential: self.potential.of(room),
        }
    }

    /// What the machine's worth changes by if the task gets `cards`.
    fn gain(&self, task: &Shape, room: &Room, cards: Cards, before: Worth) -> f64 {
        let mut after = room.clone();
        after.add(task, cards);
        let after = self.worth(&after);
        WORTH_WEIGHT * (after.cards - before.cards)
            + FRAGMENTATION_WEIGHT * (before.fragmentation - after.fragmentation)
            + POTENTIAL_WEIGHT * (after.potential - before.potential)
            - SCARCITY_WEIGHT * self.scarcity.of(task, room.model)
    }

    /// The best gain and its cards.
    fn best(&self, task: &Shape, room: &Room) -> (f64, Cards) {
        let before = self.worth(room);
        if !task.shares() {
            let cards = room.tightest_cards(task);
            return (self.gain(task, room, cards, before), cards);
        }
        best_card(task, room, |card| self.gain(task, room, 1 << card, before))
    }
}

impl Policy for CuttingStock {
    fn name(&self) -> &str {
        "cutting-stock"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        self.best(task, machine).0
    }

    fn cards(&self, task: &Shape, machine: &Room, _: &mut fastrand::Rng) -> Cards {
        self.best(task, machine).1
    }

    fn resolution(&self) -> u32 {
        100_000
    }
}
