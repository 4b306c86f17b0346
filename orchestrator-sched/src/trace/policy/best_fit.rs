//! BestFit: the machine on which the least is left over.

use super::{MAX_SCORE, Policy, Shape, asked, free};
use crate::trace::fleet::Room;

/// Prefers fuller machines; CPU and GPU count the same.
#[derive(Debug)]
pub struct BestFit;

impl Policy for BestFit {
    fn name(&self) -> &str {
        "best-fit"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        let ([cpu, gpu], [cpu_asked, gpu_asked]) = (free(machine), asked(task));
        let left = (cpu - cpu_asked) * 0.5 + (gpu - gpu_asked) * 0.5;
        (1.0 - left) * MAX_SCORE as f64
    }
}
