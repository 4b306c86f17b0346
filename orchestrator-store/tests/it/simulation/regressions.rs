//! Seeds that have failed once, one table for all engines: a row is added with the fix, and
//! `cargo xtask simulate --replay SEED` shows what happens in it.

use orchestrator_store::sim::plan::Keep;

use super::sound;

const TABLE: &str = include_str!("regressions.txt");

/// The engine, the seed, and what is kept of its plan.
fn rows() -> impl Iterator<Item = (&'static str, u64, &'static str)> {
    let rows = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|line| {
        let (row, why) = line.split_once(" #").expect("a row says why");
        assert!(!why.trim().is_empty(), "{line}");
        let mut words = row.splitn(3, ' ');
        let engine = words.next().expect("an engine");
        let seed = words.next().and_then(|seed| seed.parse().ok()).expect("a seed");
        (engine, seed, words.next().unwrap_or_default())
    })
}

/// Plays the rows of `engine`.
fn pass(engine: &str) {
    let subject = sound(engine);
    for (_, seed, keep) in rows().filter(|row| row.0 == engine) {
        let whole = subject.plan(seed);
        let plan = match keep {
            "" => whole,
            keep => keep.parse::<Keep>().expect("parts of a plan").apply(&whole),
        };
        assert_eq!(subject.play_plan(&plan, false).violations, [], "seed {seed} {keep}");
    }
}

#[test]
fn seeds_of_the_durable_store_that_have_failed_once_pass() {
    pass("durable");
}

#[test]
fn seeds_of_members_that_have_failed_once_pass() {
    pass("raft");
}
