//! Simulated disasters: builds the player of seeds with optimisation and hands it the arguments.

use std::path::Path;
use std::process::Command;

/// What is built, after the profile.
const PLAYER: [&str; 6] =
    ["--package", "orchestrator-store", "--all-features", "--example", "simulate", "--"];

/// Plays seeds as `arguments` say; `--profile` is for cargo.
pub fn run(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut arguments = arguments.to_vec();
    let mut profile = "release";
    if let Some(place) = arguments.iter().position(|argument| *argument == "--profile") {
        profile = arguments.get(place + 1).copied().ok_or("--profile needs a name")?;
        arguments.drain(place..place + 2);
    }
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["run", "--quiet", "--profile", profile]);
    let status = command.args(PLAYER).args(arguments).status();
    match status.map_err(|why| format!("cannot run cargo: {why}"))?.success() {
        true => Ok(()),
        false => Err("the simulation did not end as it should".to_owned()),
    }
}
