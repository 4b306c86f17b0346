//! Outcomes as tables: CSV for machines, Markdown for people.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use super::inflate::Point;
use super::plan::Outcome;
use super::replay::Ties;
use super::timeline::Timeline;

/// The averages over the seeds of one workload, contender and demand.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The name of the workload.
    pub workload: String,
    /// The name of the contender.
    pub policy: Arc<str>,
    /// The demand, in percent of the GPU that there is.
    pub demand_percent: u32,
    /// The GPU that nobody uses, in percent.
    pub unallocated: Spread,
    /// The free GPU that typical tasks cannot use, in percent of what there is.
    pub fragmentation: Spread,
    /// The CPU in use, in percent.
    pub cpu: Spread,
    /// The memory in use, in percent.
    pub memory: Spread,
    /// How evenly the GPU in use is spread over machines, by Jain's index.
    pub jain: Spread,
    /// How many tasks have no place.
    pub refused: Spread,
    /// By how much less GPU is in use than could be, in percent, where a bound was asked for.
    pub gap: Option<Spread>,
    /// Who won among equal scores.
    pub ties: Ties,
    /// How many steps of score were told apart within 1.
    pub resolution: u32,
    /// How many seeds.
    pub runs: usize,
}

/// An average and how far values are from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The average.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / values.len().saturating_sub(1).max(1) as f64).sqrt();
        Self { mean, deviation }
    }
}

/// Averages over seeds, in the order of the outcomes.
pub fn summaries(outcomes: &[Outcome]) -> Vec<Summary> {
    let same = |a: &Outcome, b: &Outcome| a.workload == b.workload && a.policy == b.policy;
    let mut summaries = Vec::new();
    for seeds in outcomes.chunk_by(same) {
        for (place, at) in seeds[0].result.iter().enumerate() {
            let all = |of: &dyn Fn(&Point) -> f64| {
                Spread::of(&seeds.iter().map(|seed| of(&seed.result[place])).collect::<Vec<_>>())
            };
            summaries.push(Summary {
                workload: seeds[0].workload.clone(),
                policy: Arc::clone(&seeds[0].policy),
                demand_percent: at.demand_percent,
                unallocated: all(&Point::unallocated),
                fragmentation: all(&|point| 100.0 * point.fragmentation),
                cpu: all(&|point| 100.0 * point.load.cpu),
                memory: all(&|point| 100.0 * point.load.memory),
                jain: all(&|point| point.load.jain),
                refused: all(&|point| (point.arrived - point.placed) as f64),
                gap: at.bound.map(|_| all(&|point| point.gap().unwrap_or_default())),
                ties: seeds[0].ties,
                resolution: seeds[0].resolution,
                runs: seeds.len(),
            });
        }
    }
    summaries
}

/// A name as a field of a CSV.
fn field(name: &str) -> Cow<'_, str> {
    match name.contains([',', '"', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))),
        false => Cow::Borrowed(name),
    }
}

/// One line per run and demand.
pub fn csv(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "workload,policy,seed,ties,resolution,demand_percent,arrived,placed,\
         unallocated_gpu_percent,allocated_gpu_percent,fragmentation_percent,cpu_percent,\
         memory_percent,jain,bound_gpu_percent,gap_percent\n",
    );
    for outcome in outcomes {
        for at in &outcome.result {
            let percent = |share: f64| 100.0 * share;
            let optional =
                |value: Option<f64>| value.map(|v| format!("{v:.4}")).unwrap_or_default();
            let Outcome { workload, policy, seed, ties, resolution, .. } = outcome;
            let (workload, policy, ties) = (field(workload), field(policy), ties.name());
            writeln!(
                text,
                "{workload},{policy},{seed},{ties},{resolution},{},{},{},{:.4},{:.4},{:.4},{:.4},\
                 {:.4},{:.4},{},{}",
                at.demand_percent,
                at.arrived,
                at.placed,
                at.unallocated(),
                percent(at.load.gpu),
                percent(at.fragmentation),
                percent(at.load.cpu),
                percent(at.load.memory),
                at.load.jain,
                optional(at.bound.map(percent)),
                optional(at.gap()),
            )
            .expect("a string takes all");
        }
    }
    text
}

/// One line per run.
pub fn timeline_csv(outcomes: &[Outcome<Timeline>]) -> String {
    let mut text = String::from(
        "workload,policy,seed,ties,resolution,arrived,unplaced,waited,mean_wait_s,p50_wait_s,\
         p99_wait_s,max_wait_s,gpu_percent,fragmentation_percent,cpu_percent,memory_percent,jain,\
         length_s\n",
    );
    for Outcome { workload, policy, seed, ties, resolution, result } in outcomes {
        let (waits, load, ties) = (&result.waits, &result.load, ties.name());
        let (workload, policy) = (field(workload), field(policy));
        writeln!(
            text,
            "{workload},{policy},{seed},{ties},{resolution},{},{},{},{:.3},{},{},{},{:.4},{:.4},\
             {:.4},{:.4},{:.4},{}",
            result.arrived,
            result.unplaced,
            waits.waited,
            waits.mean_s,
            waits.p50_s,
            waits.p99_s,
            waits.max_s,
            100.0 * load.gpu,
            100.0 * result.fragmentation,
            100.0 * load.cpu,
            100.0 * load.memory,
            load.jain,
            result.length_s,
        )
        .expect("a string takes all");
    }
    text
}

/// Tables with a line per workload and demand and a column per contender: the unused GPU, and,
/// where a bound was asked for, the gap to it; then one line per summary with all else.
pub fn markdown(summaries: &[Summary]) -> String {
    let mut text = String::from("Unused GPU, in percent of what there is:\n\n");
    text.push_str(&table(summaries, |summary| Some(summary.unallocated)));
    if summaries.iter().any(|summary| summary.gap.is_some()) {
        text.push_str("\nUnused GPU of what could be in use at most, in percent:\n\n");
        text.push_str(&table(summaries, |summary| summary.gap));
    }
    text.push_str("\nAll averages; fragmentation, CPU and memory in percent of what there is:\n\n");
    text.push_str(
        "| workload | demand % | policy | unused | fragmentation | CPU | memory | Jain | refused \
         | ties | steps |\n|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for summary in summaries {
        let Summary { workload, demand_percent, policy, .. } = summary;
        writeln!(
            text,
            "| {workload} | {demand_percent} | {policy} | {:.2} | {:.2} | {:.2} | {:.2} | {:.3} | \
             {:.0} | {} | {} |",
            summary.unallocated.mean,
            summary.fragmentation.mean,
            summary.cpu.mean,
            summary.memory.mean,
            summary.jain.mean,
            summary.refused.mean,
            summary.ties.name(),
            summary.resolution,
        )
        .expect("a string takes all");
    }
    text
}

/// One table: a line per workload and demand, a column per contender.
pub fn table(summaries: &[Summary], of: impl Fn(&Summary) -> Option<Spread>) -> String {
    let mut policies: Vec<&str> = Vec::new();
    let mut lines: Vec<(&str, u32)> = Vec::new();
    for summary in summaries {
        let line = (summary.workload.as_str(), summary.demand_percent);
        if !policies.contains(&&*summary.policy) {
            policies.push(&summary.policy);
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
                s.workload == workload && s.demand_percent == demand && *s.policy == **policy
            });
            let cell = found.and_then(&of);
            cell.map_or("-".to_owned(), |cell| format!("{:.2} ± {:.2}", cell.mean, cell.deviation))
        });
        let cells: Vec<_> = cells.collect();
        writeln!(text, "| {workload} | {demand} | {} |", cells.join(" | "))
            .expect("a string takes all");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(field("a"), "a");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    #[test]
    fn deviations_are_those_of_samples() {
        assert_eq!(Spread::of(&[1.0, 3.0]), Spread { mean: 2.0, deviation: 2.0_f64.sqrt() });
        assert_eq!(Spread::of(&[5.0]), Spread { mean: 5.0, deviation: 0.0 });
        assert_eq!(Spread::of(&[]), Spread::default());
    }
}
