//! What is measured: how full machines are, how evenly, and how long tasks wait.

use super::fleet::Room;
use super::workload::{Machine, WHOLE_GPU};

/// What is in use, as shares of what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Load {
    /// The CPU in use.
    pub cpu: f64,
    /// The memory in use.
    pub memory: f64,
    /// The GPU in use.
    pub gpu: f64,
    /// How evenly the GPU in use is spread over machines, by Jain's index: 1 for evenly, and the
    /// share of machines in use where each is full or empty.
    pub jain: f64,
    seconds: f64,
}

impl Load {
    /// Adds the state of some seconds.
    pub(super) fn add(&mut self, rooms: &[Room], machines: &[Machine], seconds: u64) {
        if seconds == 0 {
            return;
        }
        let now = Self::of(rooms, machines);
        let seconds = seconds as f64;
        self.cpu += now.cpu * seconds;
        self.memory += now.memory * seconds;
        self.gpu += now.gpu * seconds;
        self.jain += now.jain * seconds;
        self.seconds += seconds;
    }

    /// The averages of what was added.
    pub(super) fn averaged(self) -> Self {
        let by = if self.seconds > 0.0 { self.seconds } else { 1.0 };
        let Self { cpu, memory, gpu, jain, seconds } = self;
        Self { cpu: cpu / by, memory: memory / by, gpu: gpu / by, jain: jain / by, seconds }
    }

    /// The state of some machines.
    pub(super) fn of(rooms: &[Room], machines: &[Machine]) -> Self {
        let all = |of: fn(&Machine) -> i64| machines.iter().map(of).sum::<i64>() as f64;
        let free = |of: fn(&Room) -> i64| rooms.iter().map(of).sum::<i64>() as f64;
        let used = |all: f64, free: f64| if all > 0.0 { 1.0 - free / all } else { 0.0 };
        let whole = i64::from(WHOLE_GPU);
        let shares: Vec<f64> = rooms
            .iter()
            .filter(|room| room.gpus > 0)
            .map(|room| 1.0 - room.gpu_free() as f64 / (i64::from(room.gpus) * whole) as f64)
            .collect();
        Self {
            cpu: used(all(|m| m.cpu_milli), free(|room| room.cpu_milli)),
            memory: used(all(|m| m.memory_mib), free(|room| room.memory_mib)),
            gpu: used(all(|m| i64::from(m.gpus) * 1000), free(Room::gpu_free)),
            jain: jain(&shares),
            seconds: 0.0,
        }
    }
}

/// Jain's index: the square of the sum over the sum of the squares, per value; 1 for no load.
fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares > 0.0 { sum * sum / (values.len() as f64 * squares) } else { 1.0 }
}

/// How long tasks waited, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Waits {
    /// How many waited at all.
    pub waited: usize,
    /// The average over all tasks.
    pub mean_s: f64,
    /// Half waited no longer.
    pub p50_s: u64,
    /// One in a hundred waited longer.
    pub p99_s: u64,
    /// The longest wait.
    pub max_s: u64,
}

impl Waits {
    /// Sums up the waits of all tasks, those of none among them.
    pub(super) fn of(mut waits: Vec<u64>) -> Self {
        waits.sort_unstable();
        let at = |percent: usize| {
            let index = (waits.len() * percent).div_ceil(100).saturating_sub(1);
            waits.get(index).copied().unwrap_or_default()
        };
        Self {
            waited: waits.iter().filter(|wait| **wait > 0).count(),
            mean_s: waits.iter().sum::<u64>() as f64 / waits.len().max(1) as f64,
            p50_s: at(50),
            p99_s: at(99),
            max_s: at(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jains_index_is_the_share_of_machines_in_use() {
        assert_eq!(jain(&[0.5, 0.5]), 1.0);
        assert_eq!(jain(&[1.0, 0.0, 0.0, 0.0]), 0.25);
        assert_eq!(jain(&[]), 1.0);
    }

    #[test]
    fn waits_are_ranked() {
        let waits = Waits::of((0..100).rev().collect());
        assert_eq!((waits.p50_s, waits.p99_s, waits.max_s, waits.waited), (49, 98, 99, 99));
        assert_eq!(Waits::of(Vec::new()), Waits::default());
    }
}
