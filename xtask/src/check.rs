//! The steps of `cargo xtask check`, in order: cheap ones first, and each built once.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::tidy;

/// A step: its name, and the cargo command that it is; tidy is a function.
enum Step {
    Cargo(&'static str, &'static [&'static str]),
    Tidy(&'static str),
    Examples(&'static str),
}

const STEPS: [Step; 9] = [
    Step::Cargo("fmt", &["fmt", "--all", "--", "--check"]),
    Step::Tidy("tidy"),
    Step::Cargo("test", &["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]),
    Step::Cargo("doctest", &["test", "--quiet", "--doc", "--workspace", "--all-features"]),
    Step::Examples("examples"),
    Step::Cargo(
        "clippy",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
    ),
    Step::Cargo("docs", &["doc", "--quiet", "--workspace", "--no-deps", "--all-features"]),
    Step::Cargo("plain", &["check", "--package", "orchestrator"]),
    Step::Cargo("bare", &["check", "--package", "orchestrator", "--no-default-features"]),
];

impl Step {
    fn name(&self) -> &'static str {
        match self {
            Self::Cargo(name, _) | Self::Tidy(name) | Self::Examples(name) => name,
        }
    }

    fn run(&self, root: &Path) -> Result<(), String> {
        match self {
            Self::Cargo(_, arguments) => cargo(root, arguments),
            Self::Tidy(_) => tidy::run(root),
            Self::Examples(_) => examples(root),
        }
    }
}

/// Names the steps.
pub fn list() {
    for step in &STEPS {
        println!("{}", step.name());
    }
}

/// Runs the steps, or only those named, and stops at the first that fails.
#[allow(clippy::disallowed_methods)] // a build tool may look at the clock
pub fn run(root: &Path, only: &[&str]) -> Result<(), String> {
    if let Some(unknown) = only.iter().find(|name| !STEPS.iter().any(|s| s.name() == **name)) {
        return Err(format!("no step {unknown:?}; `cargo xtask check --list` names them"));
    }
    for step in STEPS.iter().filter(|step| only.is_empty() || only.contains(&step.name())) {
        let begun = Instant::now();
        println!("--- {}", step.name());
        step.run(root).map_err(|why| format!("step {}: {why}", step.name()))?;
        println!("--- {} done in {} s", step.name(), begun.elapsed().as_secs());
    }
    Ok(())
}

/// Runs every example; each ends by itself and fails where what it shows does not hold.
fn examples(root: &Path) -> Result<(), String> {
    let folder = root.join("examples");
    let entries =
        std::fs::read_dir(&folder).map_err(|why| format!("{}: {why}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.path().file_name()?.to_str().map(str::to_owned))
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    for name in names {
        println!("example {name}");
        cargo(root, &["run", "--quiet", "--all-features", "--example", &name])?;
    }
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(arguments).env("RUSTDOCFLAGS", "-D warnings");
    let status = command.status().map_err(|why| format!("cannot run cargo: {why}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("`cargo {}` failed", arguments.join(" "))),
    }
}
