//! Plays one seed, cuts it smaller if it fails, and shows it.

use orchestrator_store::sim::plan::{Keep, shrink};
use orchestrator_store::sim::{Outcome, Plan};

use crate::options::Options;

/// How many runs cutting smaller may take.
const TRIES: usize = 1500;

/// How many lines of the trace are shown.
const LINES: usize = 150;

/// Plays `seed`; true if it breaks no rule.
pub fn run(options: &Options, seed: u64) -> bool {
    let whole = options.subject.plan(seed);
    let plan = options.keep.as_ref().map_or_else(|| whole.clone(), |keep| keep.apply(&whole));
    let [outcome, again] = [(); 2].map(|()| options.subject.play_plan(&plan, false));
    println!("seed {seed}: digest {:016x}, {} calls", outcome.digest, outcome.calls.0);
    if outcome.digest != again.digest {
        println!("the same seed gave two traces: {:016x} the second time", again.digest);
        return false;
    }
    if outcome.violations.is_empty() || options.keep.is_some() {
        show(&plan, &options.subject.play_plan(&plan, true));
        return outcome.violations.is_empty();
    }
    // What is cut away must not be what broke the rule: the same rule has to stay broken.
    let rule = outcome.violations[0].rule;
    let small = shrink(&plan, TRIES, |plan| {
        options.subject.play_plan(plan, false).violations.iter().any(|broken| broken.rule == rule)
    });
    show(&small, &options.subject.play_plan(&small, true));
    let keep = Keep::of(&whole, &small);
    println!("again, as small:  {}", options.command(seed, Some(&keep)));
    println!("as a row of the table of regressions:  {} {seed} {keep} # why", options.engine);
    false
}

fn show(plan: &Plan, outcome: &Outcome) {
    println!("{} members", plan.places);
    for (place, clock) in plan.clocks.iter().enumerate() {
        println!("  the clock of {place} is {:+} permille fast", clock.rate_permille);
    }
    for (at, fault) in &plan.faults {
        println!("  {:>6} ms  {fault:?}", at.as_millis());
    }
    for (client, steps) in plan.clients.iter().enumerate().filter(|(_, steps)| steps.len() <= 12) {
        for step in steps {
            println!("  client {client} at {}: {:?}", step.place, step.action);
        }
    }
    let left_out = outcome.trace.len().saturating_sub(LINES);
    println!("the trace{}:", if left_out > 0 { ", its end" } else { "" });
    outcome.trace[left_out..].iter().for_each(|line| println!("  {line}"));
    outcome.violations.iter().for_each(|broken| println!("broken: {broken}"));
}
