//! The test of the test: each planted fault is found within a bounded number of seeds.
//!
//! The bound is several times the number of seeds that it took, so that a harmless change of the
//! generator does not fail the test. Rare faults begin at a seed that is known to be near.

use std::time::Duration;

use orchestrator_store::planted::{Fault, Planted};
use orchestrator_store::sim::Plan;
use orchestrator_store::sim::engines::subject;
use orchestrator_store::sim::plan;

/// Some seed of `from..from + most` must break a rule with `fault` in the engine.
fn finds(engine: &str, fault: Fault, from: u64, most: u64) {
    finds_where(engine, fault, from..from + most, |_| true);
}

/// The same, playing only the plans in which the fault can show.
fn finds_where(
    engine: &str,
    fault: Fault,
    mut seeds: std::ops::Range<u64>,
    can_show: fn(&Plan) -> bool,
) {
    let subject = subject(engine, Planted::only(fault)).expect("an engine of this crate");
    let shows = |seed: &u64| {
        let plan = subject.plan(*seed);
        can_show(&plan) && !subject.play_plan(&plan, false).violations.is_empty()
    };
    assert!(seeds.any(|seed| shows(&seed)), "{fault:?} in {engine} is not found");
}

/// Whether a member loses its disk in `plan`.
fn loses_a_disk(plan: &Plan) -> bool {
    plan.faults.iter().any(|(_, fault)| matches!(fault, plan::Fault::Replace { .. }))
}

/// Whether in `plan` power fails soon after a killed process was started again.
fn loses_power_after_a_kill(plan: &Plan) -> bool {
    let soon = Duration::from_millis(300);
    plan.faults.iter().any(|(killed, fault)| {
        let plan::Fault::Kill { down, .. } = fault else { return false };
        let started = *killed + *down;
        plan.faults.iter().any(|(at, fault)| {
            let fails = matches!(
                fault,
                plan::Fault::Crash { .. }
                    | plan::Fault::CrashAtAnswer { .. }
                    | plan::Fault::CrashAtStep { .. }
                    | plan::Fault::Disk { .. }
            );
            fails && *at > *killed && *at < started + soon
        })
    })
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
    finds_where("durable", Fault::UnsyncedRecovery, 0..3000, loses_power_after_a_kill);
}

#[test]
fn a_revision_in_two_parts() {
    finds("durable", Fault::SplitRevision, 0, 5);
}

#[test]
fn progress_before_its_time() {
    finds("durable", Fault::EarlyProgress, 0, 5);
}

#[test]
fn members_that_read_what_they_have() {
    finds("raft", Fault::LocalRead, 0, 5);
}

#[test]
fn members_that_answer_before_the_sync() {
    finds("raft", Fault::AckBeforeSync, 7, 200);
}

#[test]
fn a_leader_that_leads_on_after_a_restart() {
    finds("raft", Fault::LeaderRestore, 33, 200);
}

#[test]
fn a_member_that_comes_back_with_an_old_number_and_an_empty_disk() {
    finds_where("raft", Fault::ReusedNodeId, 206..2000, loses_a_disk);
}

#[test]
fn a_refused_write_that_happens() {
    finds("raft", Fault::FalseRejection, 2, 60);
}

#[test]
fn time_that_leases_lose_with_their_leader() {
    finds("raft", Fault::LeaseTimeLost, 8, 80);
}
