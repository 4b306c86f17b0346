//! Outcomes as tables: CSV for machines, Markdown for people.

use std::fmt::Write as _;

use super::plan::Outcome;

/// The average over the seeds of one workload, policy and demand.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The name of the workload.
    pub workload: String,
    /// The name of the policy.
    pub policy: &'static str,
    /// The demand, in percent of the GPU that there is.
    pub demand_percent: u32,
    /// The average of the GPU that nobody uses, in percent.
    pub mean: f64,
    /// Its standard deviation over the seeds.
    pub deviation: f64,
    /// How many seeds.
    pub runs: usize,
}

/// Averages over seeds, in the order of the outcomes.
pub fn summaries(outcomes: &[Outcome]) -> Vec<Summary> {
    let same = |a: &Outcome, b: &Outcome| a.workload == b.workload && a.policy == b.policy;
    let mut summaries = Vec::new();
    for seeds in outcomes.chunk_by(same) {
        for (place, at) in seeds[0].unallocated.iter().enumerate() {
            let values: Vec<f64> = seeds.iter().map(|s| s.unallocated[place].gpu_percent).collect();
            let runs = values.len();
            let mean = values.iter().sum::<f64>() / runs as f64;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / runs.saturating_sub(1).max(1) as f64).sqrt();
            let (workload, policy) = (seeds[0].workload.clone(), seeds[0].policy);
            let demand_percent = at.demand_percent;
            summaries.push(Summary { workload, policy, demand_percent, mean, deviation, runs });
        }
    }
    summaries
}

/// One line per run and demand.
pub fn csv(outcomes: &[Outcome]) -> String {
    let mut text = String::from("workload,policy,seed,demand_percent,unallocated_gpu_percent\n");
    for Outcome { workload, policy, seed, unallocated } in outcomes {
        for at in unallocated {
            let (demand, gpu) = (at.demand_percent, at.gpu_percent);
            writeln!(text, "{workload},{policy},{seed},{demand},{gpu:.4}")
                .expect("a string takes all");
        }
    }
    text
}

/// One table: a line per workload and demand, a column per policy, averages over the seeds.
pub fn markdown(summaries: &[Summary]) -> String {
    let mut policies: Vec<&str> = Vec::new();
    let mut lines: Vec<(&str, u32)> = Vec::new();
    for summary in summaries {
        let line = (summary.workload.as_str(), summary.demand_percent);
        if !policies.contains(&summary.policy) {
            policies.push(summary.policy);
        }
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let mut text = format!("| workload | demand % | {} |\n", policies.join(" | "));
    text.push_str(&format!("|---|---|{}\n", "---|".repeat(policies.len())));
    for (workload, demand) in lines {
        let cells = policies.iter().map(|policy| {
            let found = summaries.iter().find(|s| {
                s.workload == workload && s.demand_percent == demand && s.policy == *policy
            });
            found.map_or("-".to_owned(), |s| format!("{:.2} ± {:.2}", s.mean, s.deviation))
        });
        let cells: Vec<_> = cells.collect();
        writeln!(text, "| {workload} | {demand} | {} |", cells.join(" | "))
            .expect("a string takes all");
    }
    text
}
