//! Simulated disasters: builds the player of seeds with optimisation and hands it the arguments.

use std::path::Path;
use std::process::Command;

const PLAYER: [&str; 9] = [
    "run",
    "--quiet",
    "--release",
    "--package",
    "orchestrator-store",
    "--all-features",
    "--example",
    "simulate",
    "--",
];

/// Plays seeds as `arguments` say.
pub fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let status = Command::new("cargo").current_dir(root).args(PLAYER).args(arguments).status();
    match status.map_err(|why| format!("cannot run cargo: {why}"))?.success() {
        true => Ok(()),
        false => Err("the simulation did not end as it should".to_owned()),
    }
}
