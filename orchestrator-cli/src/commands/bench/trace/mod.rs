//! `orchestrator bench trace`: scheduling algorithms on recorded or generated workloads.

mod options;
mod plot;
mod timeline;

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use orchestrator::core::BoxError;
use orchestrator::sched::trace::report::{csv, markdown, summaries, table};
use orchestrator::sched::trace::{Plan, Rules, linear_bound};

use crate::args::BenchTrace;

pub fn run(bench: &BenchTrace) -> Result<(), BoxError> {
    let workloads = options::workloads(bench)?;
    let workloads: Vec<_> =
        workloads.into_iter().map(|workload| workload.faster(bench.speed.get())).collect();
    let mut plan = Plan::new(&workloads);
    plan.contenders = options::contenders(&bench.policy)?;
    plan.seeds = options::seeds(&bench.seeds)?;
    plan.demands.clone_from(&bench.demand);
    let resolution = bench.resolution.map(std::num::NonZeroU32::get);
    plan.rules = Rules { ties: options::ties(bench.ties), resolution };
    plan.bound = bench.bound.then_some(linear_bound);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = bench.threads.map_or(cores, std::num::NonZeroUsize::get);
    let bar = bar(plan.runs());
    if bench.timeline {
        let outcomes = plan.timelines(threads, &|| bar.inc(1));
        bar.finish_and_clear();
        return timeline::report(bench, &outcomes);
    }
    let outcomes = plan.run(threads, &|| bar.inc(1));
    bar.finish_and_clear();
    let summaries = summaries(&outcomes);
    println!("Unused GPU in percent, average and deviation over {} seeds:\n", plan.seeds.len());
    print!("{}", table(&summaries, |summary| Some(summary.unallocated)));
    if bench.bound {
        println!("\nThe same of what could be in use at most:\n");
        print!("{}", table(&summaries, |summary| summary.gap));
    }
    if let Some(file) = &bench.csv {
        write(file, &csv(&outcomes))?;
    }
    if let Some(file) = &bench.markdown {
        write(file, &markdown(&summaries))?;
    }
    if let Some(file) = &bench.plot {
        plot::write(file, &plot::unused(&summaries))?;
        eprintln!("plotted into {}", file.display());
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), BoxError> {
    std::fs::write(file, text).map_err(|why| format!("{}: {why}", file.display()))?;
    eprintln!("written into {}", file.display());
    Ok(())
}

fn bar(runs: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("[{bar:40}] {pos}/{len} runs, {eta} left")
        .expect("the template is well formed");
    ProgressBar::new(runs as u64).with_style(style.progress_chars("=> "))
}
