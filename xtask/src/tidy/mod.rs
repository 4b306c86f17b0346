//! Tidy: what a reader relies on and no compiler checks.

mod headers;
mod layers;
mod sizes;

use std::fs;
use std::path::{Path, PathBuf};

/// A source file, relative to the workspace.
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Source {
    /// The path as the rules name it.
    pub fn name(&self) -> &str {
        self.path.to_str().expect("paths of this workspace are UTF-8")
    }

    /// Whether the file holds tests, benches or examples only.
    pub fn is_test(&self) -> bool {
        let test = |part: &std::ffi::OsStr| part == "tests" || part == "benches";
        self.path.components().any(|part| test(part.as_os_str()))
            || self.path.starts_with("examples")
            || self.name().ends_with("tests.rs")
    }
}

/// Applies all rules and tells every breach.
pub fn run(root: &Path) -> Result<(), String> {
    let mut sources = Vec::new();
    collect(root, root, &mut sources)?;
    let mut breaches = layers::breaches(root)?;
    breaches.extend(headers::breaches(&sources));
    breaches.extend(sizes::breaches(&sources));
    println!("{}", sizes::summary(&sources));
    if breaches.is_empty() {
        return Ok(());
    }
    breaches.sort();
    Err(format!("tidy found {} breaches:\n  {}", breaches.len(), breaches.join("\n  ")))
}

/// All Rust files below `folder`, in order, build output aside.
fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<(), String> {
    let cannot = |why: std::io::Error| format!("{}: {why}", folder.display());
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(cannot)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(root, &path, sources)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).map_err(cannot)?;
            let path = path.strip_prefix(root).expect("below the root").to_path_buf();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}
