//! The replay of a trace as it happened.

use orchestrator::core::BoxError;
use orchestrator::sched::trace::{Plan, timeline};

use crate::report::table;

/// Replays each workload under each policy, with the first seed, and tells how it went.
pub fn run(plan: &Plan<'_>) -> Result<(), BoxError> {
    let seed = plan.seeds.first().copied().unwrap_or_default();
    let headings = [
        "WORKLOAD",
        "POLICY",
        "TASKS",
        "UNPLACED",
        "WAITED",
        "MEAN WAIT s",
        "P99 s",
        "GPU %",
        "CPU %",
        "MEMORY %",
        "JAIN",
    ];
    let mut shown = table(&headings);
    for workload in plan.workloads {
        for (name, make) in &plan.policies {
            let went = timeline(workload, &*make(workload), seed);
            let percent = |share: f64| format!("{:.1}", 100.0 * share);
            shown.add_row([
                workload.name.clone(),
                (*name).to_owned(),
                went.arrived.to_string(),
                went.unplaced.to_string(),
                went.waits.waited.to_string(),
                format!("{:.0}", went.waits.mean_s),
                went.waits.p99_s.to_string(),
                percent(went.load.gpu),
                percent(went.load.cpu),
                percent(went.load.memory),
                format!("{:.3}", went.load.jain),
            ]);
        }
    }
    println!("{shown}");
    Ok(())
}
