//! A workload of openb's shape, for when the trace is not at hand.
//!
//! Machines and tasks are drawn from the kinds that make up most of the trace, as often as they
//! occur there; the figures are therefore near those of the trace, and not the same.

use super::workload::{Machine, Shape, Task, WHOLE_GPU, Workload};

/// How many machines there are of a kind: CPUs, memory in GiB, GPUs, and the number of the model.
const MACHINES: [(usize, i64, i64, u8, u8); 9] = [
    (549, 96, 384, 8, 0),
    (387, 104, 512, 2, 1),
    (107, 16, 120, 2, 2),
    (39, 128, 768, 8, 3),
    (28, 32, 128, 4, 4),
    (22, 64, 256, 2, 2),
    (21, 96, 768, 8, 5),
    (19, 8, 32, 1, 4),
    (41, 64, 384, 4, 1),
];

/// The models, by number.
const MODELS: [&str; 6] = ["G2", "T4", "P100", "G3", "V100M16", "V100M32"];

/// How frequent a kind of task is: CPUs in thousandths, memory in MiB, GPUs, thousandths of each.
const TASKS: [(u32, i64, i64, u8, u16); 20] = [
    (1047, 3152, 5600, 1, 810),
    (857, 11_300, 49_152, 1, 1000),
    (534, 11_400, 48_128, 1, 1000),
    (470, 3152, 5600, 1, 1000),
    (750, 11_908, 47_104, 1, 470),
    (328, 5960, 12_032, 1, 320),
    (253, 4000, 15_258, 1, 650),
    (140, 2000, 4096, 1, 230),
    (128, 6000, 12_288, 1, 460),
    (75, 8000, 16_384, 1, 590),
    (72, 5000, 9536, 1, 550),
    (74, 2000, 3072, 1, 160),
    (62, 4000, 8192, 1, 220),
    (47, 4000, 8192, 1, 370),
    (24, 1000, 2048, 1, 110),
    (1600, 8000, 30_517, 1, 1000),
    (130, 32_000, 131_072, 2, 1000),
    (60, 48_000, 196_608, 4, 1000),
    (170, 88_000, 327_680, 8, 1000),
    (1088, 8000, 24_000, 0, 0),
];

/// How many tasks the trace has.
const TASK_COUNT: usize = 8152;

/// The average time between arrivals and the average stay, in seconds: such that some nine tenths
/// of the GPUs are in use.
const ARRIVAL_EVERY_S: f64 = 60.0;
const STAY_S: f64 = 400_000.0;

/// Machines of openb's kinds, and as many tasks as it has, drawn by `seed`.
pub fn generate(seed: u64) -> Workload {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut workload = Workload {
        name: format!("generated-{seed}"),
        models: MODELS.map(str::to_owned).to_vec(),
        ..Workload::default()
    };
    for (count, cpus, memory_gib, gpus, model) in MACHINES {
        for _ in 0..count {
            workload.machines.push(Machine {
                name: format!("machine-{:04}", workload.machines.len()).into(),
                cpu_milli: cpus * 1000,
                memory_mib: memory_gib * 1024,
                gpus,
                model,
                network: 0,
                disk_gib: 0,
            });
        }
    }
    let total: u32 = TASKS.iter().map(|(frequency, ..)| frequency).sum();
    let mut arrival = 0.0;
    for index in 0..TASK_COUNT {
        let shape = shape(random.u32(..total));
        arrival += exponential(&mut random, ARRIVAL_EVERY_S);
        workload.tasks.push(Task {
            name: format!("task-{index:04}").into(),
            shape,
            arrival_s: Some(arrival as u64),
            duration_s: Some(exponential(&mut random, STAY_S) as u64),
        });
    }
    workload
}

/// The kind of task at a place in the sum of their frequencies.
fn shape(mut place: u32) -> Shape {
    for (frequency, cpu_milli, memory_mib, gpus, gpu_milli) in TASKS {
        if place < frequency {
            debug_assert!(gpu_milli <= WHOLE_GPU);
            let models = Shape::ANY_MODEL;
            return Shape { cpu_milli, memory_mib, gpus, gpu_milli, models, ..Shape::default() };
        }
        place -= frequency;
    }
    Shape::default()
}

/// A time of this average, as between events that do not know of each other.
fn exponential(random: &mut fastrand::Rng, average: f64) -> f64 {
    -average * (1.0 - random.f64()).ln()
}
