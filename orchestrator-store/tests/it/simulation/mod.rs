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

/// Members whose runs are short enough to play two hundred without optimisation.
fn brief() -> Subject {
    let lasting = Duration::from_millis(1500);
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

/// Tests of a few seeds each, so that they run beside each other.
macro_rules! members_survive {
    ($($name:ident: $seeds:expr;)*) => {
        $(
            #[test]
            fn $name() {
                survives(&brief(), $seeds);
            }
        )*
    };
}

members_survive! {
    members_survive_seeds_0_to_10: 0..10;
    members_survive_seeds_10_to_20: 10..20;
    members_survive_seeds_20_to_30: 20..30;
    members_survive_seeds_30_to_40: 30..40;
    members_survive_seeds_40_to_50: 40..50;
    members_survive_seeds_50_to_60: 50..60;
    members_survive_seeds_60_to_70: 60..70;
    members_survive_seeds_70_to_80: 70..80;
    members_survive_seeds_80_to_90: 80..90;
    members_survive_seeds_90_to_100: 90..100;
    members_survive_seeds_100_to_110: 100..110;
    members_survive_seeds_110_to_120: 110..120;
    members_survive_seeds_120_to_130: 120..130;
    members_survive_seeds_130_to_140: 130..140;
    members_survive_seeds_140_to_150: 140..150;
    members_survive_seeds_150_to_160: 150..160;
    members_survive_seeds_160_to_170: 160..170;
    members_survive_seeds_170_to_180: 170..180;
    members_survive_seeds_180_to_190: 180..190;
    members_survive_seeds_190_to_200: 190..200;
}

#[test]
fn members_repeat() {
    repeats(&brief(), 0..2);
}
