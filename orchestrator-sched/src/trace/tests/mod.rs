//! Small fleets, the laws of a replay, and the published figures where the trace is at hand.

mod laws;
mod published;
mod reading;

use super::contender::Contender;
use super::plan::{Outcome, Plan};
use super::policy::Policy;
use super::timeline::Timeline;
use super::workload::{Machine, Shape, Task, Workload};
use super::*;

fn machine(gpus: u8) -> Machine {
    let mut machine = Machine::new("m", i64::from(gpus.max(1)) * 12_000, 1 << 20);
    machine.gpus = gpus;
    machine
}

/// A whole number of GPUs, or thousandths of one.
fn shape(gpus: u8, gpu_milli: u16) -> Shape {
    let shape = Shape::new(4000, 1);
    if gpus == 1 { shape.share(gpu_milli) } else { shape.gpus(gpus) }
}

fn task(shape: Shape, arrival: u64, stay: u64) -> Task {
    let mut task = Task::new("t", shape);
    (task.arrival_s, task.duration_s) = (Some(arrival), Some(stay));
    task
}

/// The trace under one contender with seed 1.
fn timeline(workload: &Workload, contender: Contender) -> Timeline {
    let mut plan = Plan::new(std::slice::from_ref(workload));
    (plan.contenders, plan.seeds) = (vec![contender], vec![1]);
    plan.timelines(1, &|| {}).remove(0).result
}

/// What one contender leaves unused at a demand of 100 %.
fn unused(workload: &Workload, contender: &str) -> f64 {
    let mut plan = Plan::new(std::slice::from_ref(workload));
    plan.contenders.retain(|other| other.name() == contender);
    (plan.seeds, plan.demands) = (vec![42], vec![100]);
    let outcomes: Vec<Outcome> = plan.run(1, &|| {});
    outcomes[0].result[0].unallocated()
}

#[test]
fn a_share_goes_to_a_gpu_that_is_in_use() {
    let mut room = Room::new(&machine(2));
    room.add(&shape(1, 300), 0b10);
    assert_eq!(room.tightest_cards(&shape(1, 600)), 0b10);
    assert_eq!(room.tightest_cards(&shape(1, 800)), 0b01);
    assert!(room.fits(&shape(1, 1000)) && !room.fits(&shape(2, 1000)));
    room.remove(&shape(1, 300), 0b10);
    assert_eq!(room, Room::new(&machine(2)));
}

#[test]
fn an_application_has_so_many_tasks_on_a_machine() {
    let limited = Shape { group: 7, max_per_machine: 2, ..shape(0, 0) };
    let mut room = Room::new(&machine(8));
    (0..2).for_each(|_| room.add(&limited, 0));
    assert!(!room.fits(&limited) && room.fits(&shape(0, 0)));
    room.remove(&limited, 0);
    assert!(room.fits(&limited));
}

#[test]
fn a_task_without_room_waits_for_one_that_leaves() {
    let tasks = vec![
        task(shape(1, 1000), 0, 100),
        task(shape(1, 1000), 10, 50),
        task(shape(1, 1000), 20, 50),
        task(shape(2, 1000), 30, 50),
    ];
    let workload = Workload::new("w", vec![machine(1)], tasks);
    let went = timeline(&workload, Contender::policy("best-fit", |_| policy::BestFit));
    assert_eq!((went.arrived, went.unplaced), (4, 1), "no machine has two GPUs");
    assert_eq!((went.waits.waited, went.waits.max_s), (2, 130));
    assert_eq!((went.length_s, went.load.gpu), (200, 1.0));
}

#[test]
fn who_departs_makes_room_for_who_comes_at_the_same_moment() {
    let tasks =
        vec![task(shape(1, 1000), 5, 10), task(shape(1, 1000), 0, 5), task(shape(1, 1000), 5, 10)];
    let workload = Workload::new("w", vec![machine(1)], tasks);
    let went = timeline(&workload, Contender::policy("best-fit", |_| policy::BestFit));
    // Of two that come at the same moment, the first in the file is the first.
    assert_eq!((went.waits.waited, went.waits.max_s, went.length_s), (1, 10, 25));
}

#[test]
fn the_number_of_threads_does_not_show() {
    let workloads = [generate(1)];
    let mut plan = Plan::new(&workloads);
    plan.contenders.truncate(3);
    plan.seeds.truncate(2);
    let outcomes = plan.run(3, &|| {});
    assert_eq!(outcomes, plan.run(1, &|| {}));
    assert_eq!(outcomes.len(), plan.runs());
    let text = report::markdown(&report::summaries(&outcomes));
    assert!(text.contains("| generated-1 | 100 |"), "{text}");
}

#[test]
fn the_tie_rule_and_the_resolution_are_recorded() {
    let workloads = [generate(1)];
    let mut plan = Plan::new(&workloads);
    plan.contenders.retain(|contender| contender.name() == "best-fit");
    plan.seeds.truncate(1);
    let by_seat = plan.run(1, &|| {});
    plan.rules = Rules { ties: Ties::Random, resolution: Some(4) };
    let by_chance = plan.run(1, &|| {});
    assert_ne!(by_seat[0].result, by_chance[0].result);
    let text = report::csv(&by_chance);
    assert!(text.contains("generated-1,best-fit,42,random,4,100,"), "{text}");
}

#[test]
fn our_policy_leaves_less_than_the_published_ones() {
    let workload = generate(7);
    let (ours, gradient) =
        (unused(&workload, "cutting-stock"), unused(&workload, "fragmentation-gradient"));
    assert!(ours < gradient, "{ours:.2} against {gradient:.2}");
}

/// Scores by what all machines look like: the machine with the most GPU free of those that fit.
#[derive(Debug)]
struct Emptiest;

impl Policy for Emptiest {
    fn name(&self) -> &str {
        "emptiest"
    }

    fn score(&self, _: &Shape, machine: &Room) -> f64 {
        machine.gpu_free() as f64
    }

    fn score_block(&self, _: &Shape, machines: &[&Room], scores: &mut [f64]) {
        let most = machines.iter().map(|machine| machine.gpu_free()).max();
        for (score, machine) in scores.iter_mut().zip(machines) {
            *score = f64::from(u8::from(Some(machine.gpu_free()) == most));
        }
    }

    fn scope(&self) -> policy::Scope {
        policy::Scope::Fleet
    }
}

#[test]
fn a_policy_may_look_at_all_machines() {
    let tasks = (0..4).map(|_| task(shape(1, 1000), 0, 9)).collect();
    let workload = Workload::new("w", vec![machine(2), machine(2)], tasks);
    let went = timeline(&workload, Contender::policy("emptiest", |_| Emptiest));
    assert_eq!((went.unplaced, went.load.gpu, went.load.jain), (0, 1.0, 1.0));
}
