//! The replay of a trace as it happened.

use orchestrator::core::BoxError;
use orchestrator::sched::trace::report::timeline_csv;
use orchestrator::sched::trace::{Outcome, Timeline};

use super::plot::{self, Bar, Group};
use super::write;
use crate::args::BenchTrace;
use crate::report::table;

const HEADINGS: [&str; 13] = [
    "WORKLOAD",
    "POLICY",
    "SEED",
    "TASKS",
    "UNPLACED",
    "WAITED",
    "MEAN WAIT s",
    "P99 s",
    "GPU %",
    "FRAGMENTED %",
    "CPU %",
    "MEMORY %",
    "JAIN",
];

/// Tells how each run went, and writes it where that is asked for.
pub fn report(bench: &BenchTrace, outcomes: &[Outcome<Timeline>]) -> Result<(), BoxError> {
    let rows: Vec<_> = outcomes.iter().map(row).collect();
    let mut shown = table(&HEADINGS);
    rows.iter().for_each(|row| {
        shown.add_row(row.clone());
    });
    println!("{shown}");
    if let Some(file) = &bench.csv {
        write(file, &timeline_csv(outcomes))?;
    }
    if let Some(file) = &bench.markdown {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&HEADINGS.map(str::to_lowercase));
        text.push_str(&format!("|{}\n", "---|".repeat(HEADINGS.len())));
        rows.iter().for_each(|row| text.push_str(&line(row)));
        write(file, &text)?;
    }
    if let Some(file) = &bench.plot {
        plot::write(file, &waits(outcomes))?;
        eprintln!("plotted into {}", file.display());
    }
    Ok(())
}

fn row(outcome: &Outcome<Timeline>) -> [String; 13] {
    let went = &outcome.result;
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    [
        outcome.workload.clone(),
        outcome.policy.to_string(),
        outcome.seed.to_string(),
        went.arrived.to_string(),
        went.unplaced.to_string(),
        went.waits.waited.to_string(),
        format!("{:.0}", went.waits.mean_s),
        went.waits.p99_s.to_string(),
        percent(went.load.gpu),
        percent(went.fragmentation),
        percent(went.load.cpu),
        percent(went.load.memory),
        format!("{:.3}", went.load.jain),
    ]
}

/// The average waits: a group for each workload.
fn waits(outcomes: &[Outcome<Timeline>]) -> Vec<Group> {
    let bar = |outcome: &Outcome<Timeline>| Bar {
        name: format!("{} {}", outcome.policy, outcome.seed),
        value: outcome.result.waits.mean_s,
        unavoidable: 0.0,
        label: format!("{:.0} s", outcome.result.waits.mean_s),
    };
    let group = |outcomes: &[Outcome<Timeline>]| Group {
        title: format!("{}: average wait", outcomes[0].workload),
        bars: outcomes.iter().map(bar).collect(),
    };
    outcomes.chunk_by(|a, b| a.workload == b.workload).map(group).collect()
}
