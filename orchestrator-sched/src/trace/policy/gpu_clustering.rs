//! GpuClustering: tasks that use as many GPUs go together.
//!
//! # Source
//! Xiao et al., Gandiva, OSDI 2018.

use super::{LARGEST, MAX_SCORE, Policy, Shape};
use crate::trace::fleet::Room;

/// Prefers machines whose tasks use as many GPUs as this one; among them, fuller ones.
#[derive(Debug)]
pub struct GpuClustering;

impl Policy for GpuClustering {
    fn name(&self) -> &str {
        "gpu-clustering"
    }

    fn score(&self, task: &Shape, machine: &Room) -> f64 {
        let Some(group) = Room::user_group(task) else { return 0.0 };
        let largest = LARGEST[1] as i64;
        let quarter = MAX_SCORE / 4;
        let fullness = quarter * (largest - machine.gpu_free()) / largest;
        let groups = machine.users.iter().filter(|users| **users > 0).count();
        let quarters_below = match (machine.users[group] > 0, groups) {
            (true, 1) => 3,
            (true, _) => 2,
            (false, 0) => 1,
            (false, _) => 0,
        };
        (fullness + quarters_below * quarter) as f64
    }
}
