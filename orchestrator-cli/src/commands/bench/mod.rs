//! `orchestrator bench`: [`trace`] and [`scheduler`] are about placement; the rest is `bench store`, what the engines
//! do on this machine, beside a real etcd.
//!
//! ```text
//!  in_process ── a store in this process, on one thread ──▶ figures
//!  over_grpc ─── servers of our own and etcd's ◀── load ──▶ figures, with what a put costs them
//! ```
//!
//! A figure is measured once, for a bounded time, after a warm-up. Peers get the same load from
//! the same driver in the same run: compare ratios, since everything else depends on the machine.

mod canvas;
mod cost;
mod figure;
mod in_process;
mod latency;
mod load;
mod node;
mod over_grpc;
mod plot;
mod scheduler;
mod server;
mod trace;
mod wire;

use std::path::Path;
use std::time::Duration;

use orchestrator::core::BoxError;

use crate::UsageError;
use crate::args::{Bench, BenchStore};
use figure::Figure;

/// How the figures are measured.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// How long each is measured, after a fifth of that for warming up.
    pub time: Duration,
    /// How many clients write at the same time.
    pub clients: usize,
    /// Where the stores keep their files.
    pub folder: &'a Path,
    /// Whether a real etcd is measured too.
    pub with_etcd: bool,
}

pub async fn run(bench: Bench) -> Result<(), BoxError> {
    let bench = match bench {
        Bench::Store(bench) => bench,
        Bench::Trace(bench) => return trace::run(&bench),
        Bench::Node(bench) => return node::run(&bench).await,
        Bench::Scheduler(bench) => return scheduler::run(&bench).await,
    };
    if bench.dir.exists() {
        let why = format!("{} is there already; name a new folder by --dir", bench.dir.display());
        return Err(UsageError(why.into()).into());
    }
    std::fs::create_dir_all(&bench.dir)?;
    let outcome = measure(&bench).await;
    std::fs::remove_dir_all(&bench.dir)?;
    let figures = outcome?;
    match bench.json {
        true => println!("{}", figure::as_json(&figures)),
        false => println!("{}", figure::as_table(&figures)),
    }
    if let Some(file) = &bench.plot {
        plot::write(file, &figures)?;
        eprintln!("plotted into {}", file.display());
    }
    Ok(())
}

async fn measure(bench: &BenchStore) -> Result<Vec<Figure>, BoxError> {
    let plan = Plan {
        time: Duration::from_secs(bench.seconds.get().into()),
        clients: bench.clients.get().into(),
        folder: &bench.dir,
        with_etcd: !bench.no_etcd && server::etcd_is_here(),
    };
    if !plan.with_etcd {
        eprintln!("no etcd beside ours: it is not on PATH, or was not wanted");
    }
    let wanted = |name: &str| bench.only.is_empty() || bench.only.iter().any(|o| name.contains(o));
    let mut figures = Vec::new();
    for (name, row) in in_process::ROWS {
        if wanted(name) {
            eprintln!("measuring {name}");
            figures.push(in_process::measure(name, row, &plan)?);
        }
    }
    for row in over_grpc::ROWS {
        if wanted(row.name) {
            eprintln!("measuring {}", row.name);
            match over_grpc::measure(&row, &plan).await {
                Ok(figure) => figures.push(figure),
                Err(why) => eprintln!("{}: not measured: {why}", row.name),
            }
        }
    }
    Ok(figures)
}
