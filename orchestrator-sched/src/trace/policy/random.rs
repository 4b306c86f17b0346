//! Random: any machine, any GPU.

use super::{Policy, Shape};
use crate::trace::fleet::{Cards, Room};

/// Takes any machine that fits.
#[derive(Debug)]
pub struct Random;

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn score(&self, _: &Shape, _: &Room) -> i64 {
        0
    }

    fn cards(&self, shape: &Shape, room: &Room, random: &mut fastrand::Rng) -> Cards {
        let has_room = |i: &usize| room.cards[*i] >= shape.gpu_milli;
        let mut open: Vec<usize> = (0..usize::from(room.gpus)).filter(has_room).collect();
        random.shuffle(&mut open);
        open.iter().take(usize::from(shape.gpus)).fold(0, |cards, i| cards | 1 << i)
    }

    fn is_blind(&self) -> bool {
        true
    }
}
