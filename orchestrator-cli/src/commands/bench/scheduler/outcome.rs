//! What came out of a workload, and how it is shown.

use std::time::Duration;

use orchestrator::core::Json;
use orchestrator::sched::run::{Attempts, Ended};
use serde_json::json;

use super::drive::Plan;
use super::tally::Times;
use crate::report::table;

/// The longest span over which throughput is averaged: upstream's.
const MAX_WINDOW: Duration = Duration::from_secs(1);

/// Into how many spans a run is cut that is too short for that.
const WINDOWS: u32 = 20;

/// The upper ends of the histogram's bars grow by this factor, from [`FIRST_MS`] on.
const FACTOR: f64 = 2.0;

/// The upper end of the first bar, in milliseconds.
const FIRST_MS: f64 = 0.125;

/// How many bars there are; what takes longer than the last is in it: an hour.
const BARS: usize = 25;

/// The figures of one workload.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub workload: &'static str,
    pub scheduler: String,
    pub nodes: usize,
    pub pods: usize,
    pub took: Duration,
    pub rate: Rate,
    pub latency: Latency,
    /// How many attempts took at most so many milliseconds, and longer than the bar before: those
    /// that bound a pod, all steps of the workload together; empty where the scheduler is not ours.
    pub attempts: Vec<(f64, usize)>,
    /// Resident at the end, in bytes, and how much more than before the first step.
    pub memory: u64,
    pub grown: i64,
    pub cpu: Duration,
}

/// Pods bound a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    pub average: f64,
    /// The percentiles over the spans of the run: half of them were at most this fast, and so on.
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    /// How long each span was.
    pub window: Duration,
}

/// From the request for a pod to the sight of its binding, in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
    /// How many pods took at most so many milliseconds, and longer than the bar before.
    pub bars: Vec<(f64, usize)>,
}

impl Outcome {
    pub fn new(
        plan: &Plan<'_>,
        times: &Times,
        took: Duration,
        cpu: Duration,
        (before, after): (u64, u64),
    ) -> Self {
        Self {
            workload: plan.workload.name,
            scheduler: plan.scheduler.to_owned(),
            nodes: plan.counts.nodes,
            pods: plan.counts.pods,
            took,
            rate: Rate::of(&times.at),
            latency: Latency::of(&times.took),
            attempts: Vec::new(),
            memory: after,
            grown: after as i64 - before as i64,
            cpu,
        }
    }

    /// With the times that the scheduler took itself.
    pub fn with_attempts(mut self, attempts: &Attempts) -> Self {
        let bar = |(end, count): (Duration, u64)| {
            (end.as_secs_f64() * 1e3, usize::try_from(count).unwrap_or(usize::MAX))
        };
        self.attempts = attempts.bars(Ended::Scheduled).into_iter().map(bar).collect();
        self
    }

    fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.pods.max(1) as f64
    }
}

impl Rate {
    /// From the times of the bindings, in their order.
    fn of(at: &[Duration]) -> Self {
        let Some(last) = at.last() else { return Self::default() };
        let window = (*last / WINDOWS).clamp(Duration::from_millis(1), MAX_WINDOW);
        let slots = (last.as_secs_f64() / window.as_secs_f64()).ceil().max(1.0) as usize;
        let mut counts = vec![0_u32; slots];
        for time in at {
            let slot = (time.as_secs_f64() / window.as_secs_f64()) as usize;
            counts[slot.min(slots - 1)] += 1;
        }
        let rates = counts.iter().map(|count| f64::from(*count) / window.as_secs_f64());
        let mut rates: Vec<_> = rates.collect();
        rates.sort_by(f64::total_cmp);
        Self {
            average: at.len() as f64 / last.as_secs_f64().max(f64::MIN_POSITIVE),
            p50: percentile(&rates, 50),
            p90: percentile(&rates, 90),
            p95: percentile(&rates, 95),
            p99: percentile(&rates, 99),
            window,
        }
    }
}

impl Latency {
    fn of(took: &[Duration]) -> Self {
        let mut ms: Vec<_> = took.iter().map(|took| took.as_secs_f64() * 1e3).collect();
        ms.sort_by(f64::total_cmp);
        let mut ends = (0..BARS).map(|bar| FIRST_MS * FACTOR.powi(bar as i32)).collect::<Vec<_>>();
        let mut bars: Vec<(f64, usize)> = ends.drain(..).map(|end| (end, 0)).collect();
        for value in &ms {
            let bar = bars.iter().position(|(end, _)| value <= end).unwrap_or(BARS - 1);
            bars[bar].1 += 1;
        }
        let used = bars.iter().rposition(|(_, count)| *count > 0).map_or(0, |last| last + 1);
        bars.truncate(used);
        Self {
            p50: percentile(&ms, 50),
            p90: percentile(&ms, 90),
            p99: percentile(&ms, 99),
            max: ms.last().copied().unwrap_or_default(),
            bars,
        }
    }
}

/// The value that so many of a hundred do not exceed; 0 where there is none.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// The average of an earlier run, by the workload's name.
pub fn average_in(earlier: Option<&Json>, workload: &str) -> Option<f64> {
    let runs = earlier?.as_array()?;
    let run = runs.iter().find(|run| run["workload"] == workload)?;
    run["podsPerSecond"]["average"].as_f64()
}

/// The figures for people.
pub fn as_table(outcomes: &[Outcome], earlier: Option<&Json>) -> String {
    let mut headings = vec![
        "WORKLOAD",
        "NODES",
        "PODS",
        "PODS/s",
        "P50/P90/P95/P99",
        "LATENCY ms P50/P90/P99/MAX",
        "CPU us",
        "MEMORY MiB",
    ];
    if earlier.is_some() {
        headings.extend(["EARLIER", "RATIO"]);
    }
    let mut shown = table(&headings);
    for outcome in outcomes {
        let Outcome { rate, latency, .. } = outcome;
        let mut row = vec![
            outcome.workload.to_owned(),
            outcome.nodes.to_string(),
            outcome.pods.to_string(),
            count(rate.average),
            [rate.p50, rate.p90, rate.p95, rate.p99].map(count).join("/"),
            [latency.p50, latency.p90, latency.p99, latency.max]
                .map(|ms| format!("{ms:.1}"))
                .join("/"),
            format!("{:.0}", outcome.cpu_us()),
            format!("{} ({:+})", mib(outcome.memory as i64), mib(outcome.grown)),
        ];
        if earlier.is_some() {
            match average_in(earlier, outcome.workload) {
                Some(other) => row.extend([count(other), format!("{:.1}", rate.average / other)]),
                None => row.extend(["-".to_owned(), "-".to_owned()]),
            }
        }
        shown.add_row(row);
    }
    shown.to_string()
}

/// The latencies of one workload, and of the attempts behind them, as bars of text.
pub fn histogram(outcome: &Outcome) -> String {
    let mut text = format!("{}: created to bound\n", outcome.workload);
    text += &bars(&outcome.latency.bars);
    if !outcome.attempts.is_empty() {
        text += &format!("{}: attempts that bound a pod\n", outcome.workload);
        text += &bars(&outcome.attempts);
    }
    text
}

fn bars(bars: &[(f64, usize)]) -> String {
    const WIDTH: usize = 50;
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let first = bars.iter().position(|(_, count)| *count > 0).unwrap_or(0);
    let line = |(end, count): &(f64, usize)| {
        let bar = "#".repeat((count * WIDTH).div_ceil(most));
        format!("  <= {end:>10.3} ms {count:>8} {bar}\n")
    };
    bars[first..].iter().map(line).collect()
}

fn mib(bytes: i64) -> i64 {
    bytes / (1 << 20)
}

fn count(value: f64) -> String {
    indicatif::HumanCount(value.round() as u64).to_string()
}

/// The figures for programs.
pub fn as_json(outcomes: &[Outcome], label: &str) -> Json {
    let bar = |(end, count): &(f64, usize)| json!({"leMs": end, "count": count});
    let row = |outcome: &Outcome| {
        let Outcome { rate, latency, .. } = outcome;
        json!({
            "workload": outcome.workload,
            "label": label,
            "scheduler": outcome.scheduler,
            "nodes": outcome.nodes,
            "pods": outcome.pods,
            "seconds": outcome.took.as_secs_f64(),
            "podsPerSecond": {
                "average": rate.average, "p50": rate.p50, "p90": rate.p90, "p95": rate.p95,
                "p99": rate.p99, "windowMs": rate.window.as_secs_f64() * 1e3,
            },
            "latencyMs": {
                "p50": latency.p50, "p90": latency.p90, "p99": latency.p99, "max": latency.max,
                "histogram": latency.bars.iter().map(bar).collect::<Json>(),
            },
            "attemptHistogram": outcome.attempts.iter().map(bar).collect::<Json>(),
            "cpuUsPerPod": outcome.cpu_us(),
            "memoryBytes": outcome.memory,
            "memoryGrownBytes": outcome.grown,
        })
    };
    outcomes.iter().map(row).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Ten pods, one each 100 ms, which took from 1 ms to 10 ms.
    pub fn outcome() -> Outcome {
        let ms = Duration::from_millis;
        Outcome {
            workload: "SchedulingBasic",
            scheduler: "s".into(),
            nodes: 5,
            pods: 10,
            took: ms(1000),
            rate: Rate::of(&(1..=10).map(|n| ms(100 * n)).collect::<Vec<_>>()),
            latency: Latency::of(&(1..=10).map(ms).collect::<Vec<_>>()),
            attempts: vec![(0.5, 3), (1.0, 7)],
            memory: 20 << 20,
            grown: -(1 << 20),
            cpu: ms(1),
        }
    }

    #[test]
    fn rates_and_latencies_come_from_the_times_of_bindings() {
        let Outcome { rate, latency, .. } = outcome();
        assert!((rate.average - 10.0).abs() < 1e-6, "{rate:?}");
        assert_eq!(rate.window, Duration::from_millis(50));
        assert_eq!((rate.p50, rate.p99), (0.0, 20.0));
        assert_eq!((latency.p50, latency.p90, latency.max), (5.0, 9.0, 10.0));
        assert_eq!(latency.bars.iter().map(|(_, count)| count).sum::<usize>(), 10);
        assert_eq!(latency.bars.last(), Some(&(16.0, 2)), "9 and 10 ms");
        assert_eq!(Rate::of(&[]).average, 0.0);
    }

    #[test]
    fn an_earlier_run_stands_beside() {
        let earlier = json!([{"workload": "SchedulingBasic", "podsPerSecond": {"average": 2.5}}]);
        let text = as_table(&[outcome()], Some(&earlier));
        assert!(text.contains("RATIO") && text.contains("4.0"), "{text}");
        let json = as_json(&[outcome()], "ours");
        assert_eq!(average_in(Some(&json), "SchedulingBasic").map(f64::round), Some(10.0));
        let text = histogram(&outcome());
        assert!(
            text.contains("created to bound") && text.contains("<=      1.000 ms        7"),
            "{text}"
        );
    }
}
