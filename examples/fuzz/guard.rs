//! The guard: notices a target that hangs, and keeps the inputs that are worth keeping.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orchestrator::core::fuzzing::driver::Run;

use crate::options::Options;

/// How long an input may take: the slowest take some milliseconds.
const HANG: Duration = Duration::from_secs(10);

/// What is being tried.
#[derive(Clone, Default, PartialEq)]
struct Now {
    target: &'static str,
    round: u64,
    input: Vec<u8>,
}

/// Watches from a thread of its own; dropping it ends the watch.
pub struct Guard {
    now: Arc<Mutex<Now>>,
    record: bool,
    _end: Sender<()>,
}

impl Guard {
    /// Begins to watch.
    pub fn start(options: &Options) -> Self {
        let now = Arc::new(Mutex::new(Now::default()));
        let (end, ended) = mpsc::channel();
        let (watched, seed) = (Arc::clone(&now), options.seed);
        std::thread::spawn(move || {
            let look = || watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut before = look();
            while ended.recv_timeout(HANG) == Err(RecvTimeoutError::Timeout) {
                let now = look();
                if now == before && !now.target.is_empty() {
                    hangs(seed, &now);
                }
                before = now;
            }
        });
        Self { now, record: options.record, _end: end }
    }

    /// The next input is about to be tried.
    pub fn begin(&self, run: &Run, input: &[u8]) {
        let now = Now { target: run.target(), round: run.rounds(), input: input.to_vec() };
        if self.record {
            write("last", input);
        }
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// Tells what hangs and ends the process, since nothing else ends the target.
fn hangs(seed: u64, now: &Now) {
    let Now { target, round, input } = now;
    let file = write(&format!("{target}-{seed}-{round}"), input);
    eprintln!(
        "\nFOUND: {target} hangs on input {round} of seed {seed}, kept in {file}\n\
         replay:  cargo xtask fuzz --replay {file} {target}"
    );
    std::process::exit(1);
}

/// Keeps an input; its file.
pub fn keep(options: &Options, target: &str, round: u64, input: &[u8]) -> String {
    write(&format!("{target}-{}-{round}", options.seed), input)
}

fn write(name: &str, input: &[u8]) -> String {
    let folder = PathBuf::from("target/fuzz");
    let file = folder.join(name);
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input));
    match written {
        Ok(()) => file.display().to_string(),
        Err(why) => format!("(not kept: {why}) {input:?}"),
    }
}
