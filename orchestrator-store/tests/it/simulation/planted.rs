//! The test of the test: each planted fault is found within a bounded number of seeds.
//!
//! The bound is several times the number of seeds that it took, so that a harmless change of the
//! generator does not fail the test. Rare faults begin at a seed that is known to be near.

use orchestrator_store::planted::{Fault, Planted};
use orchestrator_store::sim::engines::subject;

/// Some seed of `from..from + most` must break a rule with `fault` in the engine.
fn finds(engine: &str, fault: Fault, from: u64, most: u64) {
    let subject = subject(engine, Planted::only(fault)).expect("an engine of this crate");
    let found = (from..from + most).find(|seed| !subject.play(*seed).violations.is_empty());
    assert!(found.is_some(), "{most} seeds do not find {fault:?} in {engine}");
}

#[test]
fn an_answer_before_the_sync() {
    finds("durable", Fault::AckBeforeSync, 0, 20);
}

#[test]
fn names_that_are_not_synced() {
    finds("durable", Fault::SkipDirSync, 0, 20);
}

#[test]
fn checksums_that_nobody_looks_at() {
    finds("durable", Fault::NoChecksum, 0, 80);
}

#[test]
fn a_hole_that_is_skipped() {
    finds("durable", Fault::SkipHole, 0, 80);
}

#[test]
fn time_that_leases_lose() {
    finds("durable", Fault::LeaseTimeLost, 0, 20);
}

#[test]
fn a_killed_process_whose_log_is_not_synced_again() {
    finds("durable", Fault::UnsyncedRecovery, 20, 100);
}

#[test]
fn a_revision_in_two_parts() {
    finds("durable", Fault::SplitRevision, 0, 5);
}

#[test]
fn progress_before_its_time() {
    finds("durable", Fault::EarlyProgress, 0, 5);
}
