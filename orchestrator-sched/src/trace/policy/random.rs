//! Random: any machine, any GPU.

use super::{Policy, Scope, Shape};
use crate::trace::fleet::{Cards, Room};

/// Takes any machine that fits.
#[derive(Debug)]
pub struct Random;

impl Policy for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn score(&self, _: &Shape, _: &Room) -> f64 {
        0.0
    }

    fn cards(&self, task: &Shape, machine: &Room, random: &mut fastrand::Rng) -> Cards {
        let has_room = |i: &usize| machine.cards[*i] >= task.gpu_milli;
        let mut open: Vec<usize> = (0..usize::from(machine.gpus)).filter(has_room).collect();
        random.shuffle(&mut open);
        open.iter().take(usize::from(task.gpus)).fold(0, |cards, i| cards | 1 << i)
    }

    fn scope(&self) -> Scope {
        Scope::Nothing
    }
}
