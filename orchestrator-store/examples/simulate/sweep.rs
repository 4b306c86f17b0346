//! Plays many seeds, some at a time, and tells how far it is.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use orchestrator_store::sim::coverage::Table;

use crate::options::Options;

/// How many failing seeds are told in full.
const MOST_TOLD: usize = 5;

/// What a sweep has counted.
#[derive(Default)]
struct Tally {
    failed: Vec<u64>,
    calls: usize,
    table: Table,
}

/// Plays the seeds; true if none failed, or if some did and a fault was planted.
pub fn run(options: &Options) -> bool {
    let bar = bar(options.seeds);
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= options.seeds {
                        break;
                    }
                    one(options, options.from + index, &tally, &bar);
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut tally = tally.into_inner().expect("no thread panicked");
    tally.failed.sort_unstable();
    summary(options, &tally);
    tally.failed.is_empty() == options.planted.is_none()
}

fn one(options: &Options, seed: u64, tally: &Mutex<Tally>, bar: &ProgressBar) {
    let outcome = options.subject.play(seed);
    let mut tally = tally.lock().expect("no thread panicked");
    tally.calls += outcome.calls.0;
    tally.table.add(&outcome.coverage);
    if !outcome.violations.is_empty() {
        tally.failed.push(seed);
        bar.set_message(format!(", {} failed", tally.failed.len()));
        if tally.failed.len() <= MOST_TOLD {
            bar.suspend(|| {
                println!("seed {seed} failed:");
                outcome.violations.iter().for_each(|broken| println!("  {broken}"));
            });
        }
    }
    bar.inc(1);
}

fn bar(seeds: u64) -> ProgressBar {
    let style = "{bar:40} {pos}/{len} seeds{msg}, {per_sec}, {eta} to go";
    let style = ProgressStyle::with_template(style).expect("a template that is tried");
    ProgressBar::new(seeds).with_style(style)
}

fn summary(options: &Options, tally: &Tally) {
    let cpu = cpu_time();
    let speed = options.seeds as f64 / cpu.as_secs_f64() * 60.0;
    let (seeds, calls) = (options.seeds, tally.calls);
    println!("{}", tally.table);
    println!(
        "{seeds} seeds from {}, {calls} calls; {:.1} s of CPU, {speed:.0} seeds a CPU minute",
        options.from,
        cpu.as_secs_f64(),
    );
    match tally.failed.as_slice() {
        [] => println!("no seed failed"),
        failed => {
            let shown: Vec<_> = failed.iter().take(20).map(u64::to_string).collect();
            println!("{} failed: {}", failed.len(), shown.join(" "));
            println!("look at one:  {}", options.command(failed[0], None));
        }
    }
}

/// How long this process has used processors; zero where the system does not tell.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<u64> =
        after_name.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    // In ticks of 10 ms.
    Duration::from_millis(fields.iter().sum::<u64>() * 10)
}
