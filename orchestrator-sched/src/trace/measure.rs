//! What is measured: how full machines are, how evenly, and how long tasks wait.

use super::fleet::Room;
use super::policy::FragmentationGradient;
use super::replay::Replay;
use super::workload::{Machine, WHOLE_GPU, Workload};

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
}

/// What machines have in all, in thousandths and mebibytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    cpu_milli: i64,
    memory_mib: i64,
    gpu_milli: i64,
}

impl Capacity {
    pub(super) fn of(workload: &Workload) -> Self {
        let all = |of: fn(&Machine) -> i64| workload.machines.iter().map(of).sum::<i64>();
        Self {
            cpu_milli: all(|machine| machine.cpu_milli),
            memory_mib: all(|machine| machine.memory_mib),
            gpu_milli: workload.gpu_capacity(),
        }
    }
}

/// Measures one run; only machines that changed are looked at again.
#[derive(Clone, Debug)]
pub(super) struct Gauge<'a> {
    capacity: Capacity,
    gradient: &'a FragmentationGradient,
    /// By seat: the share of the GPUs in use, and the GPU that typical tasks cannot use. Empty
    /// before the first measurement.
    machines: Vec<(f64, f64)>,
    /// How many machines have GPUs.
    with_gpus: f64,
    /// Sums over the machines: shares, their squares, and what typical tasks cannot use.
    sums: [f64; 3],
}

impl<'a> Gauge<'a> {
    /// For a run that begins with empty machines.
    pub(super) fn new(
        capacity: Capacity,
        gradient: &'a FragmentationGradient,
        workload: &Workload,
    ) -> Self {
        let with_gpus = workload.machines.iter().filter(|machine| machine.gpus > 0).count() as f64;
        Self { capacity, gradient, machines: Vec::new(), with_gpus, sums: [0.0; 3] }
    }

    fn look_at(&mut self, seat: usize, room: &Room) {
        if room.gpus == 0 {
            return;
        }
        let now = (gpu_in_use(room), self.gradient.fragmentation(room));
        let before = std::mem::replace(&mut self.machines[seat], now);
        let parts = |(share, useless): (f64, f64)| [share, share * share, useless];
        for ((sum, now), before) in self.sums.iter_mut().zip(parts(now)).zip(parts(before)) {
            *sum += now - before;
        }
    }

    /// What is in use now, and the GPU that is free and that typical tasks cannot use, as a share
    /// of what there is.
    pub(super) fn measure(&mut self, replay: &mut Replay<'_>) -> (Load, f64) {
        let mut changed = replay.take_changed();
        let seats = replay.fleet().rooms().len();
        if self.machines.len() < seats {
            self.machines.resize(seats, (0.0, 0.0));
            changed = (0..seats as u32).collect();
        }
        for seat in changed {
            self.look_at(seat as usize, &replay.fleet().rooms()[seat as usize]);
        }
        let used = replay.fleet().used();
        let share = |used: i64, all: i64| if all > 0 { used as f64 / all as f64 } else { 0.0 };
        let [sum, squares, useless] = self.sums;
        let load = Load {
            cpu: share(used.cpu_milli, self.capacity.cpu_milli),
            memory: share(used.memory_mib, self.capacity.memory_mib),
            gpu: share(used.gpu_milli, self.capacity.gpu_milli),
            jain: if used.gpu_milli > 0 { jain(sum, squares, self.with_gpus) } else { 1.0 },
        };
        (load, useless / self.capacity.gpu_milli.max(1) as f64)
    }
}

/// The share of a machine's GPUs that is in use.
fn gpu_in_use(room: &Room) -> f64 {
    1.0 - room.gpu_free() as f64 / (f64::from(room.gpus) * f64::from(WHOLE_GPU))
}

/// The average of loads over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Average {
    sum: Load,
    seconds: f64,
}

impl Average {
    /// Adds a load that lasted for some seconds.
    pub(super) fn add(&mut self, load: Load, seconds: u64) {
        let seconds = seconds as f64;
        self.sum.cpu += load.cpu * seconds;
        self.sum.memory += load.memory * seconds;
        self.sum.gpu += load.gpu * seconds;
        self.sum.jain += load.jain * seconds;
        self.seconds += seconds;
    }

    /// The average.
    pub(super) fn load(self) -> Load {
        let by = if self.seconds > 0.0 { self.seconds } else { 1.0 };
        let Load { cpu, memory, gpu, jain } = self.sum;
        Load { cpu: cpu / by, memory: memory / by, gpu: gpu / by, jain: jain / by }
    }
}

/// Jain's index: the square of the sum over the sum of the squares, per value; 1 for no load.
fn jain(sum: f64, squares: f64, count: f64) -> f64 {
    if squares > 0.0 { sum * sum / (count * squares) } else { 1.0 }
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
        assert_eq!(jain(1.0, 0.5, 2.0), 1.0);
        assert_eq!(jain(1.0, 1.0, 4.0), 0.25);
        assert_eq!(jain(0.0, 0.0, 0.0), 1.0);
    }

    #[test]
    fn waits_are_ranked() {
        let waits = Waits::of((0..100).rev().collect());
        assert_eq!((waits.p50_s, waits.p99_s, waits.max_s, waits.waited), (49, 98, 99, 99));
        assert_eq!(Waits::of(Vec::new()), Waits::default());
    }
}
