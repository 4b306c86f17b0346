//! `cargo xtask fuzz`: builds and runs the fuzz targets of the workspace.
//!
//! The program itself is `examples/fuzz`: xtask uses no crate of the workspace.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

/// Runs the program with the options that it knows; `--release` is for cargo.
pub fn run(root: &Path, options: &[&str]) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    command.args(["run", "--quiet", "--package", "orchestrator", "--all-features"]);
    command.args(["--example", "fuzz"]);
    if options.contains(&"--release") {
        command.arg("--release");
    }
    command.arg("--").args(options.iter().filter(|option| **option != "--release"));
    let status = command.status().map_err(|why| format!("cannot run cargo: {why}"))?;
    match (status.success(), status.signal(), status.code()) {
        (true, ..) => Ok(()),
        // cargo passes on the code of a program that a signal has ended as 128 and more.
        (_, Some(_), _) | (_, _, Some(128..)) => {
            Err("a target has killed the process; run again with the same --seed and --record, \
                 and its input is target/fuzz/last"
                .into())
        }
        _ => Err("see above".into()),
    }
}
