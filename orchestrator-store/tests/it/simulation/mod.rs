//! Seeds of simulated disasters that every change of an engine must survive: some hundred here, as
//! many as one likes with `cargo xtask simulate`.

mod coverage;
mod model;
mod planted;
mod regressions;

use std::time::Duration;

use orchestrator_store::planted::Planted;
use orchestrator_store::sim::Profile;
use orchestrator_store::sim::engines::{Subject, subject};

/// An engine without faults.
fn sound(name: &str) -> Subject {
    subject(name, Planted::NONE).expect("an engine of this crate")
}

/// Members whose runs are short enough to play many without optimisation.
fn brief() -> Subject {
    let lasting = Duration::from_millis(2500);
    sound("raft").with_profile(Profile { lasting, faults: 4, ..Profile::several() })
}

fn survives(subject: &Subject, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let outcome = subject.play(seed);
        let broken: Vec<_> = outcome.violations.iter().map(ToString::to_string).collect();
        assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
        assert!(outcome.calls.1 > 0, "seed {seed} got no answer");
    }
}

/// Equal seeds give equal runs, to the last byte that was written.
fn repeats(subject: &Subject, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let plan = subject.plan(seed);
        let (one, other) = (subject.play_plan(&plan, true), subject.play_plan(&plan, true));
        let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.digest, other.digest, "seed {seed}");
    }
}

#[test]
fn a_durable_store_survives_seeds_0_to_40() {
    survives(&sound("durable"), 0..40);
}

#[test]
fn a_durable_store_survives_seeds_40_to_80() {
    survives(&sound("durable"), 40..80);
}

#[test]
fn a_durable_store_survives_seeds_80_to_120() {
    survives(&sound("durable"), 80..120);
}

#[test]
fn a_durable_store_survives_seeds_120_to_160() {
    survives(&sound("durable"), 120..160);
}

#[test]
fn a_durable_store_repeats() {
    repeats(&sound("durable"), 0..5);
}

#[test]
fn members_survive_seeds_0_to_10() {
    survives(&brief(), 0..10);
}

#[test]
fn members_survive_seeds_10_to_20() {
    survives(&brief(), 10..20);
}

#[test]
fn members_survive_seeds_20_to_30() {
    survives(&brief(), 20..30);
}

#[test]
fn members_survive_seeds_30_to_40() {
    survives(&brief(), 30..40);
}

#[test]
fn members_repeat() {
    repeats(&brief(), 0..2);
}
