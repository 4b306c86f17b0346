//! The Alibaba GPU trace of 2025: recommendation models on disaggregated machines.
//!
//! The trace names no machines. There are two kinds of instances, `HN` with GPUs and `CN` without;
//! here both run on machines of one size, as many as the busiest moment needs.

use std::path::Path;

use super::ReadError;
use super::table::{Row, Table};
use crate::trace::workload::{Groups, MAX_CARDS, Machine, Shape, Task, WHOLE_GPU, Workload};

/// Far more than any machine has.
const MAX_AMOUNT: f64 = 1e9;

/// The size of the machines that a trace runs on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MachineSize {
    /// Whole CPUs.
    pub cpus: i64,
    /// Gibibytes of memory.
    pub memory_gib: i64,
    /// GPUs.
    pub gpus: u8,
    /// Units of network bandwidth, as the trace has them.
    pub network: i64,
    /// Gibibytes of disk.
    pub disk_gib: i64,
    /// How many machines; `None` for as many as the busiest moment needs.
    pub count: Option<usize>,
}

impl Default for MachineSize {
    /// Room for eight of the trace's most frequent instances with a GPU, and some CPUs more.
    fn default() -> Self {
        let (cpus, memory_gib, gpus) = (128, 1024, 8);
        Self { cpus, memory_gib, gpus, network: 200, disk_gib: 8192, count: None }
    }
}

/// Reads one file.
///
/// # Errors
/// It is missing or malformed.
pub fn dlrm(path: &Path, size: MachineSize) -> Result<Workload, ReadError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut groups = Groups::default();
    let rows = Table::open(path)?;
    let tasks: Result<Vec<_>, _> = rows.map(|row| task(&row?, &mut groups)).collect();
    let tasks = tasks?;
    let count = size.count.unwrap_or_else(|| machines_needed(&tasks, &size));
    let machine = |index| Machine {
        name: format!("machine-{index}").into(),
        cpu_milli: size.cpus * 1000,
        memory_mib: size.memory_gib * 1024,
        gpus: size.gpus.min(MAX_CARDS as u8),
        model: 0,
        network: size.network,
        disk_gib: size.disk_gib,
    };
    let machines = (0..count).map(machine).collect();
    Ok(Workload { name, machines, tasks, models: vec!["any".to_owned()] })
}

fn task(row: &Row, groups: &mut Groups) -> Result<Task, ReadError> {
    let amount = |column| match row.optional::<f64>(column)? {
        None => Ok(0.0),
        Some(amount) if (0.0..=MAX_AMOUNT).contains(&amount) => Ok(amount),
        Some(amount) => Err(row.wrong(column, format!("{amount} is out of bounds"))),
    };
    let gpus = amount("gpu_request")?;
    if gpus.fract() != 0.0 || gpus > MAX_CARDS as f64 {
        return Err(row.wrong("gpu_request", format!("not a whole number up to {MAX_CARDS}")));
    }
    let seconds = |column| Ok(row.optional::<f64>(column)?.map(|s| s.max(0.0) as u64));
    // An instance that was there from the beginning, or to the end, has no such time.
    let arrival: Option<u64> = seconds("creation_time")?;
    let departure: Option<u64> = seconds("deletion_time")?;
    let from = arrival.unwrap_or(0);
    if departure.is_some_and(|to| to < from) {
        return Err(row.wrong("deletion_time", "before creation_time"));
    }
    // Without a limit the trace has -1.
    let limit = row.optional::<i64>("max_instance_per_node")?.unwrap_or_default().max(0);
    let shape = Shape {
        cpu_milli: (amount("cpu_request")? * 1000.0) as i64,
        memory_mib: (amount("memory_request")? * 1024.0) as i64,
        gpus: gpus as u8,
        gpu_milli: if gpus > 0.0 { WHOLE_GPU } else { 0 },
        models: Shape::ANY_MODEL,
        network: amount("rdma_request")?.ceil() as i64,
        disk_gib: amount("disk_request")?.ceil() as i64,
        group: groups.number(row.text("app_name")),
        max_per_machine: u16::try_from(limit).unwrap_or(u16::MAX),
    };
    let duration_s = departure.map(|to| to - from);
    Ok(Task { name: row.text("instance_sn").into(), shape, arrival_s: Some(from), duration_s })
}

/// How many machines have room for the busiest moment, were tasks divisible.
fn machines_needed(tasks: &[Task], size: &MachineSize) -> usize {
    let one = |shape: &Shape| {
        [
            (shape.cpu_milli, size.cpus * 1000),
            (shape.memory_mib, size.memory_gib * 1024),
            (i64::from(shape.gpus), i64::from(size.gpus)),
            (shape.network, size.network),
            (shape.disk_gib, size.disk_gib),
        ]
    };
    let mut changes: Vec<(u64, i64, &Shape)> = Vec::new();
    for task in tasks {
        let from = task.arrival_s.unwrap_or(0);
        changes.push((from, 1, &task.shape));
        changes.extend(task.duration_s.map(|stay| (from + stay, -1, &task.shape)));
    }
    changes.sort_by_key(|(at, sign, _)| (*at, *sign));
    let (mut used, mut most) = ([0; 5], 0);
    for (_, sign, shape) in changes {
        for (used, (asked, has)) in used.iter_mut().zip(one(shape)) {
            *used += sign * asked;
            if has > 0 {
                most = most.max((*used + has - 1) / has);
            }
        }
    }
    usize::try_from(most).unwrap_or_default()
}
