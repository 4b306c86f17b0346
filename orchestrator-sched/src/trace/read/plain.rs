//! A plain format for traces of one's own: one file, machines and tasks in any order.
//!
//! ```csv
//! kind,name,cpu_milli,memory_mib,gpus,gpu_milli,models,network,disk_gib,group,max_per_machine,arrival_s,duration_s
//! machine,m1,64000,262144,4,,A10,100,2000,,,,
//! task,t1,4000,16384,1,500,,,,,,0,3600
//! task,t2,8000,32768,2,1000,A10|H20,25,100,app-1,8,60,
//! ```
//!
//! Columns may be left out or be empty, except `kind`, `name`, `cpu_milli` and `memory_mib`. A
//! machine has one model, its GPUs are whole. A task that names no models takes any, one without
//! `gpu_milli` takes whole GPUs, one without a duration stays for ever.

use std::path::Path;

use super::ReadError;
use super::openb::{gpus, model, models};
use super::table::{Row, Table};
use crate::trace::workload::{Groups, MAX_CARDS, Machine, Shape, Task, WHOLE_GPU, Workload};

/// Far more than any machine has.
const MAX_AMOUNT: i64 = 1 << 40;

/// Reads one file.
///
/// # Errors
/// It is missing or malformed.
pub fn plain(path: &Path) -> Result<Workload, ReadError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut workload = Workload { name, ..Workload::default() };
    let table = Table::open(path)?;
    for column in ["kind", "name", "cpu_milli", "memory_mib"] {
        if !table.has(column) {
            return Err(ReadError::row(path, 1, format!("there is no column {column:?}")));
        }
    }
    let mut tasks = Vec::new();
    for row in table {
        let row = row?;
        match row.text("kind") {
            "machine" => {
                let machine = machine(&row, &mut workload.models)?;
                workload.machines.push(machine);
            }
            "task" => tasks.push(row),
            other => return Err(row.wrong("kind", format!("{other:?} is no machine and no task"))),
        }
    }
    let mut groups = Groups::default();
    for row in &tasks {
        workload.tasks.push(task(row, &workload.models, &mut groups)?);
    }
    Ok(workload)
}

fn machine(row: &Row, known: &mut Vec<String>) -> Result<Machine, ReadError> {
    let or_none = |column| Ok(row.optional::<u32>(column)?.map_or(0, i64::from));
    Ok(Machine {
        name: row.text("name").into(),
        cpu_milli: row.bounded("cpu_milli", 0, MAX_AMOUNT)?,
        memory_mib: row.bounded("memory_mib", 0, MAX_AMOUNT)?,
        gpus: match row.text("gpus") {
            "" => 0,
            _ => row.bounded("gpus", 0, MAX_CARDS as i64)? as u8,
        },
        model: model(known, row.text("models"), row)?,
        network: or_none("network")?,
        disk_gib: or_none("disk_gib")?,
    })
}

fn task(row: &Row, known: &[String], groups: &mut Groups) -> Result<Task, ReadError> {
    let (gpus, gpu_milli) = match (row.text("gpus"), row.text("gpu_milli")) {
        ("", _) => (0, 0),
        (_, "") => match row.bounded("gpus", 0, MAX_CARDS as i64)? as u8 {
            0 => (0, 0),
            gpus => (gpus, WHOLE_GPU),
        },
        _ => gpus(row, "gpus", "gpu_milli")?,
    };
    let max_per_machine = row.optional("max_per_machine")?.unwrap_or_default();
    let shape = Shape {
        cpu_milli: row.bounded("cpu_milli", 0, MAX_AMOUNT)?,
        memory_mib: row.bounded("memory_mib", 0, MAX_AMOUNT)?,
        gpus,
        gpu_milli,
        models: models(row.text("models"), known),
        network: row.optional::<u32>("network")?.map_or(0, i64::from),
        disk_gib: row.optional::<u32>("disk_gib")?.map_or(0, i64::from),
        group: groups.number(row.text("group")),
        max_per_machine,
    };
    let (arrival_s, duration_s) = (row.optional("arrival_s")?, row.optional("duration_s")?);
    Ok(Task { name: row.text("name").into(), shape, arrival_s, duration_s })
}
