//! Fuzzing: bytes that nobody has thought of, for everything that reads bytes from outside.
//!
//! `cargo xtask fuzz` runs this program. A target is a plain function from bytes which must neither
//! panic nor hang nor break the laws that it asserts. Each crate lists its own; [`LISTS`] names the
//! lists, a line each. What a target sees depends on its name, the seed and the number of the
//! round alone, so a finding is told as a file and as those three.

mod guard;
mod options;
mod requests;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use orchestrator::core::fuzzing::Target;
use orchestrator::core::fuzzing::driver::{Finding, Run};

use guard::Guard;
use options::{HELP, Length, Options, Task};

/// The lists of targets.
const LISTS: &[&[Target]] = &[
    orchestrator::core::fuzzing::TARGETS,
    orchestrator::client::fuzzing::TARGETS,
    orchestrator::wire::fuzzing::TARGETS,
    orchestrator::apiserver::fuzzing::TARGETS,
    orchestrator::runtime::fuzzing::TARGETS,
    orchestrator::store::fuzzing::TARGETS,
    #[cfg(feature = "etcd")]
    orchestrator::store::face::fuzzing::TARGETS,
    requests::TARGETS,
];

/// How many inputs a target gets before it is the next one's turn.
const BATCH: u64 = 64;

/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1), targets().collect()) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("error: {why}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let found = match options.task {
        Task::Help => {
            println!("{HELP}");
            Ok(())
        }
        Task::List => {
            targets().for_each(|target| println!("{}", target.name));
            Ok(())
        }
        Task::Replay(ref file) => replay(&options, file),
        Task::Run(length) => run(&options, length),
    };
    match found {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn targets() -> impl Iterator<Item = Target> {
    LISTS.iter().flat_map(|list| list.iter().copied())
}

/// Runs one input again.
fn replay(options: &Options, file: &str) -> Result<(), String> {
    let input = std::fs::read(file).map_err(|why| format!("{file}: {why}"))?;
    let [target] = options.targets[..] else {
        return Err("name the one target that the input is for".into());
    };
    (target.run)(&input);
    println!("{}: {} bytes, nothing found", target.name, input.len());
    Ok(())
}

/// Runs all targets in turn until time or rounds are over.
#[allow(clippy::disallowed_methods)] // how long it takes is all that the clock decides here
fn run(options: &Options, length: Length) -> Result<(), String> {
    let begun = Instant::now();
    println!("seed {}, {} targets", options.seed, options.targets.len());
    let guard = Guard::start(options);
    let start = |target: &Target| Run::new(*target, options.seed);
    let mut runs: Vec<Run> = options.targets.iter().map(start).collect();
    let mut told = Duration::ZERO;
    loop {
        let mut is_over = true;
        for run in &mut runs {
            let rounds = match length {
                Length::Rounds(rounds) => rounds.saturating_sub(run.rounds()).min(BATCH),
                Length::Time(time) if begun.elapsed() < time => BATCH,
                Length::Time(_) => 0,
            };
            is_over &= rounds == 0;
            for _ in 0..rounds {
                let input = run.next_input();
                guard.begin(run, &input);
                run.try_input(input).map_err(|finding| report(options, &finding))?;
            }
        }
        let (elapsed, inputs) = (begun.elapsed(), runs.iter().map(Run::rounds).sum::<u64>());
        if is_over {
            println!("{inputs} inputs in {} s, nothing found", elapsed.as_secs());
            return Ok(());
        }
        if elapsed >= told + TELL_EVERY {
            told = elapsed;
            println!("{} s: {inputs} inputs", elapsed.as_secs());
        }
    }
}

/// Keeps the input of a finding, and tells how to see it again.
fn report(options: &Options, finding: &Finding) -> String {
    let Finding { target, round, input } = finding;
    let file = guard::keep(options, target, *round, input);
    format!(
        "\nFOUND: {target} failed on input {round} of seed {}: {} bytes, kept in {file}\n\
         replay:  cargo xtask fuzz --replay {file} {target}\n\
         or:      cargo xtask fuzz --seed {} --rounds {} {target}",
        options.seed,
        input.len(),
        options.seed,
        round + 1
    )
}
