//! The command line.

use std::time::Duration;

use orchestrator::core::fuzzing::Target;

pub const HELP: &str = "\
cargo xtask fuzz [OPTION...] [TARGET...]

Runs the targets named, or all, on inputs that a seed decides.

  --seconds N    for so long; 10 where nothing is said
  --rounds N     so many inputs for each target
  --seed N       this seed; without it, one that the clock decides
  --record       keep each input in target/fuzz/last before it is tried, for what kills the process
  --replay FILE  run the one target named on this input
  --list         name the targets
  --release      optimised, several times as fast";

/// What to do.
pub enum Task {
    Help,
    List,
    Replay(String),
    Run(Length),
}

/// How long to run.
#[derive(Clone, Copy)]
pub enum Length {
    Time(Duration),
    Rounds(u64),
}

/// What the command line says.
pub struct Options {
    pub task: Task,
    pub seed: u64,
    pub record: bool,
    pub targets: Vec<Target>,
}

impl Options {
    /// Reads the arguments; `all` are the targets that there are.
    pub fn parse(words: impl Iterator<Item = String>, all: Vec<Target>) -> Result<Self, String> {
        let mut words = words.peekable();
        let mut task = Task::Run(Length::Time(Duration::from_secs(10)));
        let (mut seed, mut record, mut named) = (None, false, Vec::new());
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => task = Task::Help,
                "--list" => task = Task::List,
                "--record" => record = true,
                "--replay" => task = Task::Replay(value()?),
                "--seconds" => {
                    task = Task::Run(Length::Time(Duration::from_secs(number(&value()?)?)));
                }
                "--rounds" => task = Task::Run(Length::Rounds(number(&value()?)?)),
                "--seed" => seed = Some(number(&value()?)?),
                option if option.starts_with('-') => return Err(format!("no option {option}")),
                name => match all.iter().find(|target| target.name == name) {
                    Some(target) => named.push(*target),
                    None => return Err(format!("no target {name}; --list names them")),
                },
            }
        }
        let targets = if named.is_empty() { all } else { named };
        Ok(Self { task, seed: seed.unwrap_or_else(clock), record, targets })
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|why| format!("{text:?}: {why}"))
}

/// A seed that is another one each time.
#[allow(clippy::disallowed_methods)] // the seed is told, so the run can be had again
fn clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_micros()) ^ since.as_secs())
}
