//! The recorded data beside the project, which not every machine has.

use std::path::PathBuf;

use orchestrator_core::Json;

/// A folder of recorded data; says so where it is missing.
pub fn folder(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(name);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: no recorded data in {}", path.display());
    None
}

/// The first place where two trees differ; numbers by value.
pub fn difference(a: &Json, b: &Json) -> Option<String> {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            let missing = a.keys().find(|key| !b.contains_key(key));
            let missing = missing.or_else(|| b.keys().find(|key| !a.contains_key(key)));
            if let Some(key) = missing {
                return Some(format!(".{key} is on one side only"));
            }
            a.iter().find_map(|(key, a)| Some(format!(".{key}{}", difference(a, &b[key])?)))
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (a, b))| Some(format!("[{index}]{}", difference(a, b)?))),
        _ => (a != b).then(|| format!(": {a} is not {b}")),
    }
}
