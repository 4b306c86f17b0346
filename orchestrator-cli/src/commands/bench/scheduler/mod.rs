//! `orchestrator bench scheduler`: how fast pods get nodes, by upstream's workloads.
//!
//! ```text
//!  workload ── a table of steps ──▶ drive ── makes objects ──▶ target: our cluster, or a kubeconfig
//!                                    ▲                            │
//!                                  tally ◀──── a watch of bound pods
//! ```
//!
//! A pod counts when the watch shows it bound, so what is measured is the whole way of a pod
//! through the API server, the scheduler and back, for any scheduler alike.

mod drive;
mod maker;
mod outcome;
mod plot;
mod shape;
mod tally;
mod target;
mod usage;
mod workload;

#[cfg(test)]
mod tests;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use orchestrator::core::{BoxError, Json};

use crate::UsageError;
use crate::args::BenchScheduler;
use crate::commands::scheduler::read;
use crate::report::table;
use drive::Plan;
use target::Target;
use workload::{WORKLOADS, Workload};

pub async fn run(bench: &BenchScheduler) -> Result<(), BoxError> {
    if bench.list {
        println!("{}", listing());
        return Ok(());
    }
    let workloads = chosen(&bench.workload)?;
    let earlier = bench.compare.as_deref().map(earlier).transpose()?;
    let configuration = bench.config.as_deref().map(|path| read(Some(path))).transpose()?;
    let bar = bar();
    let mut outcomes = Vec::new();
    for workload in workloads {
        let target = match &bench.kubeconfig {
            Some(kubeconfig) => Target::remote(kubeconfig)?,
            None => Target::in_process(configuration.as_ref()).await?,
        };
        let plan = Plan {
            workload,
            counts: workload.counts.with(bench.counts),
            scheduler: &bench.scheduler_name,
            creators: bench.creators.get().into(),
            patience: Duration::from_secs(bench.patience.get().into()),
            pids: &bench.pid,
        };
        let outcome = drive::run(&target, &plan, &bar).await;
        outcomes.push(outcome.map_err(|why| format!("{}: {why}", workload.name))?);
    }
    bar.finish_and_clear();
    let label = bench.label.as_deref().unwrap_or(&bench.scheduler_name);
    if bench.json {
        println!("{}", outcome::as_json(&outcomes, label));
    } else {
        println!("{}", outcome::as_table(&outcomes, earlier.as_ref()));
        outcomes.iter().for_each(|done| print!("\n{}", outcome::histogram(done)));
    }
    if let Some(file) = &bench.svg {
        plot::write(file, &outcomes, label, earlier.as_ref())?;
        eprintln!("plotted into {}", file.display());
    }
    Ok(())
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {per_sec}")
        .expect("the template is well formed");
    ProgressBar::new(0).with_style(style.progress_chars("=> "))
}

fn earlier(file: &std::path::Path) -> Result<Json, BoxError> {
    let wrong = |why: &dyn std::fmt::Display| -> BoxError {
        UsageError(format!("--compare {}: {why}", file.display()).into()).into()
    };
    let text = std::fs::read_to_string(file).map_err(|why| wrong(&why))?;
    serde_json::from_str(&text).map_err(|why| wrong(&why))
}

/// The workloads of these names.
fn chosen(names: &[String]) -> Result<Vec<&'static Workload>, BoxError> {
    if names.iter().any(|name| name == "all") {
        return Ok(WORKLOADS.iter().collect());
    }
    let find = |name: &String| {
        workload::find(name).ok_or_else(|| {
            let known: Vec<_> = WORKLOADS.iter().map(|workload| workload.name).collect();
            let why = format!("--workload {name:?}: the workloads are {}", known.join(", "));
            UsageError(why.into()).into()
        })
    };
    names.iter().map(find).collect()
}

fn listing() -> String {
    let mut shown = table(&["WORKLOAD", "NODES", "INIT PODS", "PODS", "WHAT IS MEASURED"]);
    for workload in WORKLOADS {
        let counts = workload.counts;
        let init = match counts.namespaces {
            0 => counts.init.to_string(),
            namespaces => format!("{} x {namespaces}", counts.init),
        };
        shown.add_row([
            workload.name,
            &counts.nodes.to_string(),
            &init,
            &counts.pods.to_string(),
            workload.about,
        ]);
    }
    shown.to_string()
}
