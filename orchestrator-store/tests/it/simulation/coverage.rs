//! That the seeds exercise what they are there for: no fault that never strikes, no check that never
//! checks.

use std::time::Duration;

use orchestrator_store::sim::Profile;
use orchestrator_store::sim::coverage::{Table, Thing};
use orchestrator_store::sim::engines::Subject;

use super::sound;

/// Plays seeds of `subject` until nothing is missing but `never`, at most up to `most`.
fn covers(subject: &Subject, most: u64, never: &[Thing]) {
    let mut table = Table::default();
    let missing = |table: &Table| -> Vec<Thing> {
        table.missing().into_iter().filter(|thing| !never.contains(thing)).collect()
    };
    for seed in 0..most {
        table.add(&subject.play(seed).coverage);
        if missing(&table).is_empty() {
            return;
        }
    }
    panic!("in {most} seeds there was never {:?}\n{table}", missing(&table));
}

/// What only a cluster has.
const OF_A_CLUSTER: [Thing; 21] = [
    Thing::ManyDown,
    Thing::Carried,
    Thing::Lost,
    Thing::Doubled,
    Thing::Overtaken,
    Thing::OneWayCut,
    Thing::Partition,
    Thing::Stalled,
    Thing::Term,
    Thing::Transferred,
    Thing::Joined,
    Thing::LearnerJoined,
    Thing::Promoted,
    Thing::Removed,
    Thing::DiskReplaced,
    Thing::ImageMade,
    Thing::ImageInstalled,
    Thing::Purged,
    Thing::EntryAgreed,
    Thing::ImageAgreed,
    Thing::RunGivenUp,
];

#[test]
fn seeds_of_the_durable_store_exercise_everything() {
    covers(&sound("durable"), 200, &OF_A_CLUSTER);
}

#[test]
fn seeds_of_members_exercise_everything() {
    // Rare things are seen sooner where much goes wrong in each run.
    let lasting = Duration::from_secs(4);
    let stormy = Profile { faults: 30, lasting, ..Profile::several() };
    covers(&sound("raft").with_profile(stormy), 60, &[Thing::RunGivenUp]);
}
