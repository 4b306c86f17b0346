//! `orchestrator bench trace`: placement policies on recorded or generated workloads.

mod plot;
mod timeline;

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use orchestrator::core::BoxError;
use orchestrator::sched::trace::policy::{Make, POLICIES};
use orchestrator::sched::trace::report::{csv, markdown, summaries};
use orchestrator::sched::trace::{Plan, Workload, generate, read};

use crate::UsageError;
use crate::args::BenchTrace;

/// The most seeds of one run: far more than any average needs.
const MAX_SEEDS: usize = 10_000;

/// The seed of the workload that is generated where no trace is given.
const GENERATED: u64 = 1;

pub fn run(bench: &BenchTrace) -> Result<(), BoxError> {
    let workloads = workloads(bench)?;
    let mut plan = Plan::new(&workloads);
    plan.policies = policies(&bench.policy)?;
    plan.seeds = seeds(&bench.seeds)?;
    plan.demands.clone_from(&bench.demand);
    plan.demands.sort_unstable();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let threads = bench.threads.map_or(cores, std::num::NonZeroUsize::get);
    if bench.timeline {
        return timeline::run(&plan);
    }
    let bar = bar(plan.runs());
    let outcomes = plan.run(threads, &|| bar.inc(1));
    bar.finish_and_clear();
    let summaries = summaries(&outcomes);
    let table = markdown(&summaries);
    println!("Unused GPU in percent, average and deviation over {} seeds:\n", plan.seeds.len());
    print!("{table}");
    if let Some(file) = &bench.csv {
        write(file, &csv(&outcomes))?;
    }
    if let Some(file) = &bench.markdown {
        write(file, &table)?;
    }
    if let Some(file) = &bench.plot {
        plot::write(file, &summaries)?;
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

/// The workloads that are asked for.
fn workloads(bench: &BenchTrace) -> Result<Vec<Workload>, BoxError> {
    let usage = |why: read::ReadError| -> BoxError {
        let source = std::error::Error::source(&why).map(|s| format!(": {s}")).unwrap_or_default();
        UsageError(format!("{why}{source}").into()).into()
    };
    let Some(path) = &bench.trace else { return Ok(vec![generate(GENERATED)]) };
    if path.is_dir() {
        let all = read::openb_names(path).map_err(usage)?;
        let names = match bench.workload.iter().any(|name| name == "all") {
            true => all,
            false => bench.workload.clone(),
        };
        return names.iter().map(|name| read::openb(path, name).map_err(usage)).collect();
    }
    let text = std::fs::read_to_string(path)
        .map_err(|why| UsageError(format!("{}: {why}", path.display()).into()))?;
    let workload = match text.starts_with("instance_sn") {
        true => read::dlrm(path, read::MachineSize::default()),
        false => read::plain(path),
    };
    Ok(vec![workload.map_err(usage)?])
}

fn policies(names: &[String]) -> Result<Vec<(&'static str, Make)>, BoxError> {
    if names.iter().any(|name| name == "all") {
        return Ok(POLICIES.to_vec());
    }
    let find = |name: &String| {
        POLICIES.into_iter().find(|(other, _)| other == name).ok_or_else(|| {
            let known: Vec<_> = POLICIES.iter().map(|(name, _)| *name).collect();
            let why = format!("--policy {name:?}: the policies are {}", known.join(", "));
            UsageError(why.into()).into()
        })
    };
    names.iter().map(find).collect()
}

/// Numbers, and ranges with both ends.
fn seeds(texts: &[String]) -> Result<Vec<u64>, BoxError> {
    let mut seeds = Vec::new();
    for text in texts {
        let wrong = || UsageError(format!("--seeds {text:?} is no number and no range").into());
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
            None => (number(text)?, number(text)?),
        };
        seeds.extend((first..=last).take(MAX_SEEDS + 1));
        if seeds.len() > MAX_SEEDS || last < first {
            return Err(
                UsageError(format!("--seeds {text:?}: 1 to {MAX_SEEDS} seeds").into()).into()
            );
        }
    }
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_and_ranges_with_both_ends() {
        let read = |texts: &[&str]| {
            seeds(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(read(&["42..44", "7"]), Some(vec![42, 43, 44, 7]));
        for wrong in ["x", "3..1", "1..99999999999", ".."] {
            assert_eq!(read(&[wrong]), None, "{wrong}");
        }
    }

    #[test]
    fn an_unknown_policy_is_told_those_that_there_are() {
        let why = policies(&["best".to_owned()]).unwrap_err().to_string();
        assert!(why.contains("best-fit") && why.contains("cutting-stock"), "{why}");
    }
}
