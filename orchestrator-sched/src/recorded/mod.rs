//! Decisions recorded from another scheduler, compared with ours.
//!
//! A file has one JSON object per line: a case is a cluster, a pod and what became of it;
//! a script is a list of things that happen in a cluster, with what is tried and bound
//! in between. [`Recordings`] runs any number of such files and tells every difference.

mod case;
mod cluster;
mod script;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::config::Configuration;
use crate::{Backoff, Framework};

/// The largest file that is read, unpacked: some ten thousand cases.
const MAX_BYTES: u64 = 1 << 30;

/// The schedulers that recordings are compared with.
#[derive(Clone, Debug)]
pub struct Recordings {
    schedulers: BTreeMap<String, Arc<Framework>>,
    backoff: Backoff,
}

/// How the recordings of a file compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many agree.
    pub passed: usize,
    /// Those that do not.
    pub failures: Vec<Failure>,
}

/// A recording that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The line in the file, from 1.
    pub line: usize,
    /// The name of the recording; empty where it has none.
    pub id: String,
    /// What differs, or what is wrong with the recording.
    pub why: String,
}

impl Recordings {
    /// Compares with the schedulers of `configuration`.
    pub fn new(configuration: &Configuration) -> Self {
        let named = |scheduler: &Arc<Framework>| {
            let name = orchestrator_core::scheduler::Scheduler::name(&**scheduler).to_owned();
            (name, Arc::clone(scheduler))
        };
        let schedulers = configuration.profiles.iter().map(named).collect();
        Self { schedulers, backoff: configuration.backoff }
    }

    /// Runs all recordings of a file; one whose name ends in `.gz` is unpacked.
    ///
    /// # Errors
    /// The file cannot be read, or is too large.
    pub fn check(&self, path: &Path) -> io::Result<Report> {
        let text = read(path)?;
        let mut report = Report::default();
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (index, line) in lines {
            let (id, outcome) = self.check_line(line);
            match outcome {
                Ok(()) => report.passed += 1,
                Err(why) => report.failures.push(Failure { line: index + 1, id, why }),
            }
        }
        Ok(report)
    }

    fn check_line(&self, line: &str) -> (String, Result<(), String>) {
        let recording: Json = match serde_json::from_str(line) {
            Ok(recording) => recording,
            Err(why) => return (String::new(), Err(format!("not a JSON object: {why}"))),
        };
        let id = recording["id"].as_str().unwrap_or_default().to_owned();
        let outcome = match recording.get("script") {
            Some(steps) => script::check(steps, &self.schedulers, self.backoff),
            None => case::check(&recording, &self.schedulers),
        };
        (id, outcome)
    }
}

fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let mut text = String::new();
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let read = match packed {
        true => {
            flate2::read::MultiGzDecoder::new(file).take(MAX_BYTES).read_to_string(&mut text)?
        }
        false => file.take(MAX_BYTES).read_to_string(&mut text)?,
    };
    match read as u64 == MAX_BYTES {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 1 GiB")),
        false => Ok(text),
    }
}

/// Whether what was found is what was recorded.
fn agree(what: &str, got: &impl serde::Serialize, expected: &Json) -> Result<(), String> {
    let got = serde_json::to_value(got).map_err(|why| why.to_string())?;
    match got == *expected {
        true => Ok(()),
        false => Err(format!("{what}\n    got      {got}\n    expected {expected}")),
    }
}

/// A typed object.
fn typed<T: serde::de::DeserializeOwned>(wire: &Json) -> Result<T, String> {
    serde_json::from_value(wire.clone()).map_err(|why| format!("malformed object: {why}: {wire}"))
}

/// The items of a list that may be missing.
fn list(wire: &Json) -> impl Iterator<Item = &Json> {
    wire.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Registry;

    #[test]
    fn a_difference_names_the_line_and_both_sides() {
        let text = "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration}";
        let configuration = Configuration::parse(text, &Registry::default()).unwrap();
        let pod = r#"{"metadata":{"name":"p","namespace":"d"},"spec":{"containers":[]}}"#;
        let node = r#"{"metadata":{"name":"a"},"status":{"allocatable":{"pods":"1"}}}"#;
        let case = |best: &str| {
            format!(
                r#"{{"id":"x","nodes":[{node}],"incoming":{pod},"expect":{{"feasible":["a"],"best":["{best}"]}}}}"#
            )
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cases.jsonl");
        std::fs::write(&path, format!("{}\n\n{}\nnonsense\n", case("a"), case("b"))).unwrap();
        let report = Recordings::new(&configuration).check(&path).unwrap();
        assert_eq!(report.passed, 1);
        let told: Vec<_> = report.failures.iter().map(|f| (f.line, f.id.as_str())).collect();
        assert_eq!(told, [(3, "x"), (4, "")]);
        assert!(report.failures[0].why.contains(r#"expected ["b"]"#), "{:?}", report.failures[0]);
    }
}
