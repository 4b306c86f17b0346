//! What the options of `orchestrator bench trace` ask for.

use std::path::Path;

use orchestrator::core::BoxError;
use orchestrator::sched::trace::{Contender, Ties, Workload, generate, read};

use crate::UsageError;
use crate::args::{BenchTrace, TieRule};

/// The most seeds of one run: far more than any average needs.
const MAX_SEEDS: usize = 10_000;

/// The seed of the workload that is generated where no trace is given.
const GENERATED: u64 = 1;

/// What a contender begins with that is a file with profiles.
const SCHEDULER: &str = "scheduler:";

/// The contender that plans many tasks at once.
const SOLVER: &str = "solver";

fn usage(why: impl std::fmt::Display) -> BoxError {
    UsageError(why.to_string().into()).into()
}

/// An error with all that is behind it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

/// The workloads that are asked for.
pub fn workloads(bench: &BenchTrace) -> Result<Vec<Workload>, BoxError> {
    let Some(path) = &bench.trace else { return Ok(vec![generate(GENERATED)]) };
    let failed = |why: read::ReadError| usage(chain(&why));
    if !path.is_dir() {
        return Ok(vec![read::file(path).map_err(failed)?]);
    }
    let mut names = Vec::new();
    for name in &bench.workload {
        match name.as_str() {
            "all" => names.extend(read::openb_names(path).map_err(failed)?),
            "published" => names.extend(read::PUBLISHED.map(str::to_owned)),
            _ => names.push(known(path, name)?),
        }
    }
    names.iter().map(|name| read::openb(path, name).map_err(failed)).collect()
}

/// The name, where there is such a list; else those that there are.
fn known(folder: &Path, name: &str) -> Result<String, BoxError> {
    let there = read::openb_names(folder).map_err(|why| usage(chain(&why)))?;
    match there.iter().any(|other| other == name) {
        true => Ok(name.to_owned()),
        false => {
            let there = there.join(", ");
            Err(usage(format!("--workload {name:?}: {} has {there}", folder.display())))
        }
    }
}

/// Who takes part.
pub fn contenders(names: &[String]) -> Result<Vec<Contender>, BoxError> {
    let mut contenders = Vec::new();
    for name in names {
        let shipped = Contender::shipped();
        if name == "all" {
            contenders.extend(shipped);
        } else if name == SOLVER {
            contenders.push(Contender::solver());
        } else if let Some(file) = name.strip_prefix(SCHEDULER) {
            let read = Contender::from_file(Path::new(file));
            let read = read.map_err(|why| usage(format!("--policy {name}: {}", chain(&why))))?;
            contenders.extend(read);
        } else if let Some(found) = shipped.iter().find(|contender| contender.name() == name) {
            contenders.push(found.clone());
        } else {
            let mut there: Vec<_> = shipped.iter().map(Contender::name).collect();
            there.extend([SOLVER, "scheduler:FILE"]);
            return Err(usage(format!("--policy {name:?}: there are {}", there.join(", "))));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for contender in &contenders {
        if seen.contains(&contender.name()) {
            return Err(usage(format!("--policy: {:?} is there twice", contender.name())));
        }
        seen.push(contender.name());
    }
    Ok(contenders)
}

/// Numbers, and ranges with both ends.
pub fn seeds(texts: &[String]) -> Result<Vec<u64>, BoxError> {
    let mut seeds = Vec::new();
    for text in texts {
        let wrong = || usage(format!("--seeds {text:?} is no number and no range"));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = match text.split_once("..") {
            Some((first, last)) => (number(first)?, number(last.trim_start_matches('='))?),
            None => (number(text)?, number(text)?),
        };
        seeds.extend((first..=last).take(MAX_SEEDS + 1));
        if seeds.len() > MAX_SEEDS || last < first {
            return Err(usage(format!("--seeds {text:?}: 1 to {MAX_SEEDS} seeds")));
        }
    }
    Ok(seeds)
}

/// The rule that an option names.
pub fn ties(rule: TieRule) -> Ties {
    match rule {
        TieRule::Seat => Ties::Seat,
        TieRule::Random => Ties::Random,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn seeds_are_numbers_and_ranges_with_both_ends() {
        assert_eq!(seeds(&texts(&["42..44", "7"])).unwrap(), vec![42, 43, 44, 7]);
        for wrong in ["x", "3..1", "1..99999999999", ".."] {
            assert!(seeds(&texts(&[wrong])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_policy_is_told_those_that_there_are() {
        let why = contenders(&texts(&["best"])).unwrap_err().to_string();
        assert!(why.contains("best-fit") && why.contains("scheduler:FILE"), "{why}");
        let why = contenders(&texts(&["all", "random"])).unwrap_err().to_string();
        assert!(why.contains("\"random\" is there twice"), "{why}");
    }

    #[test]
    fn a_configuration_is_as_many_contenders_as_it_has_profiles() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.yaml");
        let head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
        let asked = texts(&[&format!("{SCHEDULER}{}", file.display())]);
        let names = |text: &str| {
            std::fs::write(&file, format!("{head}{text}")).unwrap();
            let found = contenders(&asked).map_err(|why| why.to_string())?;
            Ok(found.iter().map(|c| c.name().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(""), Ok(texts(&["mine"])));
        let two = "profiles: [{schedulerName: a}, {schedulerName: b}]\n";
        assert_eq!(names(two), Ok(texts(&["mine/a", "mine/b"])));
        let weight = "profiles: [{plugins: {score: {enabled: [{name: CuttingStock, weight: 0}, {name: X}]}}}]";
        let why: String = names(weight).unwrap_err();
        assert!(why.contains("mine.yaml") && why.contains("profiles[0].plugins.score"), "{why}");
    }
}
