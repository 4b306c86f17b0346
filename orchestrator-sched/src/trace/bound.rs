//! How much GPU could be in use at most: a linear program.
//!
//! Machines of one kind are one pool, tasks may be split, and a task may be in part on each kind
//! that it takes; so no placement of whole tasks on single machines uses more. A pool's CPU,
//! memory, network and disk are not overdrawn. That single GPUs are cut into pieces is not lost
//! altogether: a *dual feasible function* measures pieces such that those that fit one GPU
//! together measure one GPU at most, and for every such function the measures of a pool's tasks
//! are not more than its GPUs. Two pieces larger than half a GPU, say, measure 1 each.
//!
//! # Source
//! Fekete and Schepers, New classes of fast lower bounds for bin packing problems, 2001.

use std::collections::BTreeMap;

use microlp::{ComparisonOp, OptimizationDirection, Problem, Variable};

use super::workload::{Machine, Shape, WHOLE_GPU, Workload};

/// A whole GPU.
const WHOLE: u32 = WHOLE_GPU as u32;

/// CPU and memory are asked for in such steps, rounded down, which leaves fewer shapes and the
/// bound a bound.
const CPU_STEP: i64 = 1000;
const MEMORY_STEP: i64 = 4096;

/// What a piece of a GPU measures, in whole GPUs.
#[derive(Clone, Copy, Debug)]
enum Measure {
    /// What it is.
    Size,
    /// Pieces larger than the rest beside one of this size measure a whole GPU, smaller ones than
    /// this size nothing. The size is at most half a GPU.
    Ends(u32),
    /// With `k`: pieces count in parts of `k`, rounded down to what exceeds one part more than
    /// `k` of them would have.
    Parts(u32),
}

impl Measure {
    fn of(self, size: u32) -> f64 {
        let share = f64::from(size) / f64::from(WHOLE);
        match self {
            Self::Size => share,
            Self::Ends(small) if size > WHOLE - small => 1.0,
            Self::Ends(small) if size < small => 0.0,
            Self::Ends(_) => share,
            Self::Parts(k) if ((k + 1) * size).is_multiple_of(WHOLE) => share,
            Self::Parts(k) => f64::from((k + 1) * size / WHOLE) / f64::from(k),
        }
    }
}

/// The share of the GPU of a workload's machines that `tasks` can use at most.
pub fn linear_bound(workload: &Workload, tasks: &[Shape]) -> f64 {
    let capacity = workload.gpu_capacity();
    if capacity == 0 {
        return 0.0;
    }
    let kinds = kinds(workload);
    let shapes = shapes(tasks);
    let asked: i64 = shapes.iter().map(|(shape, count)| shape.gpu_total() * *count as i64).sum();
    let most = match solve(&kinds, &shapes) {
        Some(most) => most.min(asked as f64),
        // No answer is no bound but what there is and what is asked for.
        None => asked as f64,
    };
    (most / capacity as f64).min(1.0)
}

/// The machines, by kind, and how many there are of each.
fn kinds(workload: &Workload) -> Vec<(&Machine, f64)> {
    let mut kinds: Vec<(&Machine, f64)> = Vec::new();
    let is_alike = |a: &Machine, b: &Machine| {
        let beside = |m: &Machine| (m.cpu_milli, m.memory_mib, m.network, m.disk_gib);
        (a.gpus, a.model) == (b.gpus, b.model) && beside(a) == beside(b)
    };
    for machine in workload.machines.iter().filter(|machine| machine.gpus > 0) {
        match kinds.iter_mut().find(|(other, _)| is_alike(other, machine)) {
            Some((_, count)) => *count += 1.0,
            None => kinds.push((machine, 1.0)),
        }
    }
    kinds
}

/// The tasks with GPUs, by shape, and how many there are of each. Those without can only be in
/// the way.
fn shapes(tasks: &[Shape]) -> Vec<(Shape, usize)> {
    let mut shapes: BTreeMap<Shape, usize> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.gpus > 0) {
        let shape = Shape {
            cpu_milli: task.cpu_milli / CPU_STEP * CPU_STEP,
            memory_mib: task.memory_mib / MEMORY_STEP * MEMORY_STEP,
            group: 0,
            max_per_machine: 0,
            ..*task
        };
        *shapes.entry(shape).or_default() += 1;
    }
    shapes.into_iter().collect()
}

/// The measures that may make a difference to some sizes.
fn measures(shapes: &[(Shape, usize)]) -> Vec<Measure> {
    let shares = shapes.iter().filter(|(shape, _)| shape.shares());
    let mut ends: Vec<u32> = shares
        .map(|(shape, _)| u32::from(shape.gpu_milli))
        .map(|size| if size > WHOLE / 2 { WHOLE - size + 1 } else { size })
        .filter(|size| *size <= WHOLE / 2)
        .collect();
    ends.sort_unstable();
    ends.dedup();
    let ends = ends.into_iter().map(Measure::Ends);
    std::iter::once(Measure::Size).chain((1..=4).map(Measure::Parts)).chain(ends).collect()
}

fn solve(kinds: &[(&Machine, f64)], shapes: &[(Shape, usize)]) -> Option<f64> {
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let mut of_shape: Vec<Vec<(Variable, f64)>> = vec![Vec::new(); shapes.len()];
    let measures = measures(shapes);
    for (machine, count) in kinds {
        let mut takers: Vec<(Variable, &Shape)> = Vec::new();
        for (index, (shape, wanted)) in shapes.iter().enumerate() {
            let is_right = (shape.models >> machine.model) & 1 == 1 && shape.gpus <= machine.gpus;
            if is_right && shape.cpu_milli <= machine.cpu_milli {
                let most = *wanted as f64;
                let variable = problem.add_var(shape.gpu_total() as f64, (0.0, most));
                takers.push((variable, shape));
                of_shape[index].push((variable, 1.0));
            }
        }
        let mut limit = |asked: &dyn Fn(&Shape) -> f64, has: f64| {
            let row = takers.iter().map(|(variable, shape)| (*variable, asked(shape)));
            let row: Vec<_> = row.filter(|(_, amount)| *amount > 0.0).collect();
            if !row.is_empty() {
                problem.add_constraint(row, ComparisonOp::Le, has);
            }
        };
        let cpus = machine.cpu_milli as f64 / 1000.0 * count;
        limit(&|shape| shape.cpu_milli as f64 / 1000.0, cpus);
        limit(
            &|shape| shape.memory_mib as f64 / 1024.0,
            machine.memory_mib as f64 / 1024.0 * count,
        );
        limit(&|shape| shape.network as f64, machine.network as f64 * count);
        limit(&|shape| shape.disk_gib as f64, machine.disk_gib as f64 * count);
        for measure in &measures {
            let of = |shape: &Shape| f64::from(shape.gpus) * measure.of(u32::from(shape.gpu_milli));
            limit(&of, f64::from(machine.gpus) * count);
        }
    }
    for (row, (_, wanted)) in of_shape.into_iter().zip(shapes) {
        if row.len() > 1 {
            problem.add_constraint(row, ComparisonOp::Le, *wanted as f64);
        }
    }
    let outcome = problem.solve().ok()?;
    Some(outcome.solution()?.objective())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::workload::{Machine, Task};
    use super::*;

    fn gpus(count: u8) -> Workload {
        let mut machine = Machine::new("m", 64_000, 1 << 20);
        machine.gpus = count;
        Workload::new("w", vec![machine], Vec::<Task>::new())
    }

    #[test]
    fn pieces_larger_than_half_a_gpu_do_not_share_one() {
        let piece = |milli| Shape::new(1000, 1024).share(milli);
        for (tasks, most) in [
            (vec![piece(600); 4], 0.6),
            (vec![piece(500); 4], 1.0),
            (vec![piece(340); 6], 0.68),
            (vec![piece(600), piece(600), piece(400)], 0.8),
            (vec![Shape::new(64_000, 1).gpus(1); 2], 0.5),
            (vec![Shape::new(1, 1).gpus(4)], 0.0),
            (vec![], 0.0),
        ] {
            let found = linear_bound(&gpus(2), &tasks);
            assert!((found - most).abs() < 1e-6, "{tasks:?}: {found}");
        }
    }

    proptest! {
        #[test]
        fn pieces_that_fit_one_gpu_measure_one_at_most(
            sizes in prop::collection::vec(1..=1000u32, 1..8), small in 1..=500u32, k in 1..9u32,
        ) {
            let mut left = WHOLE;
            let together: Vec<u32> = sizes.into_iter().filter(|size| {
                let fits = *size <= left;
                left -= if fits { *size } else { 0 };
                fits
            }).collect();
            for measure in [Measure::Size, Measure::Ends(small), Measure::Parts(k)] {
                let sum: f64 = together.iter().map(|size| measure.of(*size)).sum();
                prop_assert!(sum < 1.0 + 1e-9, "{measure:?} {together:?}: {sum}");
            }
        }
    }
}
