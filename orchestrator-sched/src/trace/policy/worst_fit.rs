//! WorstFit: the machine on which the most is left over.

use super::{BestFit, MAX_SCORE, Policy, Shape};
use crate::trace::fleet::Room;

/// Prefers emptier machines; CPU and GPU count the same.
#[derive(Debug)]
pub struct WorstFit;

impl Policy for WorstFit {
    fn name(&self) -> &str {
        "worst-fit"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        MAX_SCORE as f64 - BestFit.score(task, machine)
    }
}
