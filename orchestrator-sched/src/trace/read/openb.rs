//! The Alibaba GPU cluster trace of 2023.
//!
//! A folder has one list of machines, and lists of pods by name; a list may lack the columns after
//! the first five.

use std::path::Path;

use super::ReadError;
use super::table::{Row, Table};
use crate::trace::workload::{MAX_CARDS, Machine, Shape, Task, WHOLE_GPU, Workload};

/// The machines with GPUs, on which the published figures rest.
const MACHINES: &str = "openb_node_list_gpu_node.csv";

/// The lists of pods of the published comparison.
pub const PUBLISHED: [&str; 17] = [
    "default",
    "multigpu20",
    "multigpu30",
    "multigpu40",
    "multigpu50",
    "gpushare40",
    "gpushare60",
    "gpushare80",
    "gpushare100",
    "gpuspec10",
    "gpuspec20",
    "gpuspec25",
    "gpuspec33",
    "cpu050",
    "cpu100",
    "cpu200",
    "cpu250",
];

/// What the names of lists of pods begin and end with.
const PODS: (&str, &str) = ("openb_pod_list_", ".csv");

/// Far more than any machine has, in thousandths or mebibytes.
const MAX_AMOUNT: i64 = 1 << 40;

/// Reads the list of pods called `name`, as in `default`, from `folder`.
///
/// # Errors
/// A file is missing or malformed.
pub fn openb(folder: &Path, name: &str) -> Result<Workload, ReadError> {
    let mut workload = Workload { name: name.to_owned(), ..Workload::default() };
    for row in Table::open(&folder.join(MACHINES))? {
        let row = row?;
        let model = model(&mut workload.models, row.text("model"), &row)?;
        workload.machines.push(Machine {
            name: row.text("sn").into(),
            cpu_milli: row.bounded("cpu_milli", 0, MAX_AMOUNT)?,
            memory_mib: row.bounded("memory_mib", 0, MAX_AMOUNT)?,
            gpus: row.bounded("gpu", 0, MAX_CARDS as i64)? as u8,
            model,
            network: 0,
            disk_gib: 0,
        });
    }
    let (begin, end) = PODS;
    for row in Table::open(&folder.join(format!("{begin}{name}{end}")))? {
        workload.tasks.push(task(&row?, &workload.models)?);
    }
    Ok(workload)
}

/// The names of the lists of pods in `folder`, in order.
///
/// # Errors
/// The folder cannot be read.
pub fn openb_names(folder: &Path) -> Result<Vec<String>, ReadError> {
    let failed = |source| ReadError::File { path: folder.to_owned(), source };
    let (begin, end) = PODS;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let name = name.to_string_lossy();
        names.extend(name.strip_prefix(begin).and_then(|n| n.strip_suffix(end)).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// The number of a model, which is given to it where it is new.
pub(super) fn model(models: &mut Vec<String>, name: &str, row: &Row) -> Result<u8, ReadError> {
    if let Some(index) = models.iter().position(|other| other == name) {
        return Ok(index as u8);
    }
    if models.len() == u64::BITS as usize {
        return Err(row.wrong("model", format!("more than {} models", u64::BITS)));
    }
    models.push(name.to_owned());
    Ok((models.len() - 1) as u8)
}

/// The models that a list names, with bars between them; any where it is empty.
pub(super) fn models(names: &str, known: &[String]) -> u64 {
    if names.is_empty() {
        return Shape::ANY_MODEL;
    }
    // A model that no machine has adds nothing.
    let bit = |name: &str| known.iter().position(|other| other == name).map(|index| 1 << index);
    names.split('|').filter_map(bit).sum()
}

/// The GPUs of a row: how many, and how much of each.
pub(super) fn gpus(row: &Row, count: &str, milli: &str) -> Result<(u8, u16), ReadError> {
    let gpus = row.bounded(count, 0, MAX_CARDS as i64)? as u8;
    if gpus == 0 {
        return Ok((0, 0));
    }
    let gpu_milli = row.bounded(milli, 1, i64::from(WHOLE_GPU))? as u16;
    match gpus > 1 && gpu_milli < WHOLE_GPU {
        true => Err(row.wrong(milli, "only one GPU can be shared")),
        false => Ok((gpus, gpu_milli)),
    }
}

fn task(row: &Row, known: &[String]) -> Result<Task, ReadError> {
    let (gpus, gpu_milli) = gpus(row, "num_gpu", "gpu_milli")?;
    let arrival_s: Option<u64> = row.optional("creation_time")?;
    let departure: Option<u64> = row.optional("deletion_time")?;
    let duration_s = match (arrival_s, departure) {
        (Some(from), Some(to)) if to >= from => Some(to - from),
        (Some(_), Some(_)) => return Err(row.wrong("deletion_time", "before creation_time")),
        _ => None,
    };
    let shape = Shape {
        cpu_milli: row.bounded("cpu_milli", 0, MAX_AMOUNT)?,
        memory_mib: row.bounded("memory_mib", 0, MAX_AMOUNT)?,
        gpus,
        gpu_milli,
        models: models(row.text("gpu_spec"), known),
        ..Shape::default()
    };
    Ok(Task { name: row.text("name").into(), shape, arrival_s, duration_s })
}
