//! What the command line says.

use std::sync::Arc;

use orchestrator_store::planted::{Fault, Planted};
use orchestrator_store::sim::engines::{self, Subject};

const HELP: &str = "\
cargo xtask simulate [OPTIONS]

  --engine NAME    durable (the default) or raft
  --seeds N        how many seeds, 200 by default
  --from S         the first seed, 0 by default
  --replay SEED    plays one seed, cuts it smaller if it fails, and shows it
  --planted FAULT  with a fault in the engine, which some seed must find; `--planted list`
  --threads N      how many seeds at a time, one for each core by default";

/// What to do.
pub struct Options {
    pub subject: Arc<Subject>,
    pub seeds: u64,
    pub from: u64,
    pub replay: Option<u64>,
    pub planted: bool,
    pub threads: usize,
}

/// Reads the arguments.
pub fn parse(arguments: &[String]) -> Result<Options, String> {
    let (mut engine, mut planted) = ("durable".to_owned(), Planted::NONE);
    let (mut seeds, mut from, mut replay) = (200, 0, None);
    let mut threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{name} needs a value\n\n{HELP}"));
        match name.as_str() {
            "--engine" => engine = value()?.clone(),
            "--seeds" => seeds = number(value()?)?,
            "--from" => from = number(value()?)?,
            "--replay" => replay = Some(number(value()?)?),
            "--threads" => threads = usize::try_from(number(value()?)?).unwrap_or(1).max(1),
            "--planted" => planted = Planted::only(fault(value()?)?),
            _ => return Err(format!("unknown option {name}\n\n{HELP}")),
        }
    }
    let has_fault = planted != Planted::NONE;
    let subject = engines::subject(&engine, planted).ok_or(format!("no engine {engine:?}"))?;
    Ok(Options { subject: Arc::new(subject), seeds, from, replay, planted: has_fault, threads })
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("{text:?} is no number"))
}

fn fault(text: &str) -> Result<Fault, String> {
    let names = Fault::ALL.map(|fault| format!("{fault:?}"));
    let index = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    index.map(|index| Fault::ALL[index]).ok_or(format!("the faults are {}", names.join(", ")))
}
