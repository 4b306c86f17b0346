//! What the command line says.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_store::planted::{Fault, Planted};
use orchestrator_store::sim::Profile;
use orchestrator_store::sim::engines::{self, Subject};
use orchestrator_store::sim::plan::Keep;

const HELP: &str = "\
cargo xtask simulate [OPTIONS]

  --engine NAME    durable (the default) or raft
  --seeds N        how many seeds, 200 by default
  --from S         the first seed, 0 by default
  --replay SEED    plays one seed, cuts it smaller if it fails, and shows it
  --keep PARTS     plays only these parts of the seed, as a replay has told them
  --faults N       up to so many faults in a run, 6 by default
  --lasting MS     how long each run lasts, 10000 by default
  --planted FAULT  with a fault in the engine, which some seed must find; `--planted list`
  --threads N      how many seeds at a time, one for each core by default
  --profile NAME   builds with another profile than release, such as quick";

/// What to do.
pub struct Options {
    pub engine: String,
    pub subject: Arc<Subject>,
    pub seeds: u64,
    pub from: u64,
    pub replay: Option<u64>,
    pub keep: Option<Keep>,
    pub planted: Option<Fault>,
    pub faults: Option<usize>,
    pub lasting: Option<Duration>,
    pub threads: usize,
}

/// Reads the arguments.
pub fn parse(arguments: &[String]) -> Result<Options, String> {
    let (mut engine, mut planted) = ("durable".to_owned(), None);
    let (mut keep, mut most, mut lasting) = (None, None, None);
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
            "--keep" => keep = Some(value()?.parse().map_err(|why| format!("{why}"))?),
            "--threads" => threads = usize::try_from(number(value()?)?).unwrap_or(1).max(1),
            "--faults" => most = usize::try_from(number(value()?)?).ok(),
            "--lasting" => lasting = Some(Duration::from_millis(number(value()?)?)),
            "--planted" => planted = Some(fault(value()?)?),
            _ => return Err(format!("unknown option {name}\n\n{HELP}")),
        }
    }
    let faults = planted.map_or(Planted::NONE, Planted::only);
    let subject = engines::subject(&engine, faults).ok_or(format!("no engine {engine:?}"))?;
    let profile = subject.profile();
    let subject = subject.with_profile(Profile {
        faults: most.unwrap_or(profile.faults),
        lasting: lasting.unwrap_or(profile.lasting),
        ..profile
    });
    let (subject, faults) = (Arc::new(subject), most);
    Ok(Options { engine, subject, seeds, from, replay, keep, planted, faults, lasting, threads })
}

impl Options {
    /// The command that plays `keep` of `seed`.
    pub fn command(&self, seed: u64, keep: Option<&Keep>) -> String {
        let mut command = format!("cargo xtask simulate --engine {} --replay {seed}", self.engine);
        if let Some(fault) = self.planted {
            command += &format!(" --planted {fault:?}");
        }
        if let Some(most) = self.faults {
            command += &format!(" --faults {most}");
        }
        if let Some(lasting) = self.lasting {
            command += &format!(" --lasting {}", lasting.as_millis());
        }
        if let Some(keep) = keep {
            command += &format!(" --keep '{keep}'");
        }
        command
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("{text:?} is no number"))
}

fn fault(text: &str) -> Result<Fault, String> {
    let names = Fault::ALL.map(|fault| format!("{fault:?}"));
    let index = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    index.map(|index| Fault::ALL[index]).ok_or(format!("the faults are {}", names.join(", ")))
}
