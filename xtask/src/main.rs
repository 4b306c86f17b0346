//! The checks of the house, as `cargo xtask <command>`.
//!
//! `check` is the one command that passes all tests; CI calls it and nothing else.

mod check;
mod fuzz;
mod simulate;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  check   everything: formatting, lints, tidy, tests, doc tests, docs, features, examples
  quick   the part of `check` that compiles least: formatting, tidy and tests
  tidy    layering of the crates, sizes of files, headers of modules
  simulate [--engine durable|raft] [--seeds N] [--from S] [--replay SEED]
          plays seeds of simulated disasters on a store engine
  fuzz    whatever reads bytes from outside, on inputs that a seed decides; `fuzz --help`

`check --list` names the steps; `check STEP...` runs only those.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["check", "--list"] => {
            check::list();
            Ok(())
        }
        ["check", only @ ..] => check::run(&root(), only),
        ["quick"] => check::run(&root(), &["fmt", "tidy", "test"]),
        ["simulate", arguments @ ..] => simulate::run(&root(), arguments),
        ["tidy"] => tidy::run(&root()),
        ["fuzz", options @ ..] => fuzz::run(&root(), options),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown command {:?}\n\n{HELP}", words.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("xtask lies inside the workspace").to_path_buf()
}
