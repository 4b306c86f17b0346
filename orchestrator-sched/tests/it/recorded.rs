//! Reading what was recorded from a real kube-scheduler.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where the recordings are; `None`, said aloud, where they are missing.
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("SCHED_CASES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/sched-cases");
    let found = named.or(Some(beside)).filter(|folder| folder.join("queue.jsonl").exists());
    if found.is_none() {
        eprintln!("SKIPPED: no recorded decisions; set SCHED_CASES to their folder");
    }
    found
}

/// The cases of a topic; large topics are compressed.
pub fn cases(folder: &Path, topic: &str) -> Vec<Value> {
    let plain = folder.join(format!("{topic}.jsonl"));
    let text = if plain.exists() {
        fs::read_to_string(plain).unwrap()
    } else {
        let file = fs::File::open(folder.join(format!("{topic}.jsonl.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The items of a list that may be missing.
pub fn list(wire: &Value) -> impl Iterator<Item = &Value> {
    wire.as_array().into_iter().flatten()
}

/// A typed object.
pub fn read<T: DeserializeOwned>(wire: &Value) -> T {
    serde_json::from_value(wire.clone()).unwrap()
}
