//! GpuPacking: first GPUs in use, then free GPUs of machines in use, then free machines.
//!
//! # Source
//! Weng et al., MLaaS in the wild, NSDI 2022.

use super::{MAX_SCORE, Policy, Shape};
use crate::trace::fleet::Room;
use crate::trace::workload::WHOLE_GPU;

/// Prefers GPUs, then machines, that are in use.
#[derive(Debug)]
pub struct GpuPacking;

impl Policy for GpuPacking {
    fn name(&self) -> &'static str {
        "gpu-packing"
    }

    fn score(&self, shape: &Shape, room: &Room) -> i64 {
        if shape.gpus == 0 {
            return 0;
        }
        let whole = room.whole_cards();
        if whole == usize::from(room.gpus) {
            return (MAX_SCORE / 3 - whole as i64).max(whole as i64);
        }
        let cards = room.tightest_cards(shape);
        let used = || (0..usize::from(room.gpus)).filter(|i| cards >> i & 1 == 1);
        let opened = used().filter(|i| room.cards[*i] == WHOLE_GPU).count() as i64;
        if opened > 0 {
            return (MAX_SCORE / 2 - opened).max(MAX_SCORE / 3);
        }
        let free: i64 = used().map(|i| i64::from(room.cards[i]) * 100 / 1000).sum();
        (MAX_SCORE - free / 10).max(MAX_SCORE / 2)
    }
}
