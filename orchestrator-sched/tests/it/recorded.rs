//! Decisions recorded from a real kube-scheduler: all of them agree.

use std::path::{Path, PathBuf};

use orchestrator_sched::Configuration;
use orchestrator_sched::recorded::Recordings;

/// Where the recordings are; `None`, said aloud, where they are missing.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("SCHED_CASES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/sched-cases");
    let found = named.or(Some(beside)).filter(|folder| folder.join("queue.jsonl").exists());
    if found.is_none() {
        eprintln!("SKIPPED: no recorded decisions; set SCHED_CASES to their folder");
    }
    found
}

#[test]
fn decisions_agree_with_the_recorded_ones() {
    let Some(folder) = folder() else { return };
    let configuration = Configuration::read(&folder.join("scheduler-config.json")).unwrap();
    let recordings = Recordings::new(&configuration);
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
    });
    files.sort();
    assert!(files.len() > 15, "{files:?}");
    let mut failures = Vec::new();
    for path in files {
        let report = recordings.check(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        eprintln!("{name}: {} agree, {} do not", report.passed, report.failures.len());
        assert!(report.passed > 0, "{name}");
        let told =
            report.failures.into_iter().map(|f| format!("{name}:{} {}: {}", f.line, f.id, f.why));
        failures.extend(told);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
