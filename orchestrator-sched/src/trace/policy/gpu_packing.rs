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
    fn name(&self) -> &str {
        "gpu-packing"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        if task.gpus == 0 {
            return 0.0;
        }
        let whole = machine.whole_cards();
        if whole == usize::from(machine.gpus) {
            return (MAX_SCORE / 3 - whole as i64).max(whole as i64) as f64;
        }
        let cards = machine.tightest_cards(task);
        let used = || (0..usize::from(machine.gpus)).filter(|i| cards >> i & 1 == 1);
        let opened = used().filter(|i| machine.cards[*i] == WHOLE_GPU).count() as i64;
        if opened > 0 {
            return (MAX_SCORE / 2 - opened).max(MAX_SCORE / 3) as f64;
        }
        let free: i64 = used().map(|i| i64::from(machine.cards[i]) * 100 / 1000).sum();
        (MAX_SCORE - free / 10).max(MAX_SCORE / 2) as f64
    }
}
