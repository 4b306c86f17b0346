//! The recorded data beside the project, which not every machine has.

use std::path::PathBuf;

/// A folder of recorded data; says so where it is missing.
pub fn folder(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no recorded data in {}", path.display());
    None
}
