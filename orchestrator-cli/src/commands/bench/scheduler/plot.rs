//! The figures as a picture: throughput as bars, and how the latencies are spread.

use std::path::Path;

use orchestrator::core::{BoxError, Json};

use super::super::canvas::{Canvas, OTHERS, OURS};
use super::outcome::{Outcome, average_in};

/// The size of one workload's row, and of what is above the rows, in pixels.
const WIDTH: u32 = 1120;
const ROW: i32 = 96;
const HEAD: i32 = 48;

/// Where the bars of throughput begin, and how long the longest is.
const BARS_AT: i32 = 24;
const BAR: f64 = 420.0;

/// Where the histograms begin, and how wide one of their bars is.
const HISTOGRAM_AT: i32 = 640;
const STEP: i32 = 18;

/// Draws a row for each workload, each in its own scale.
pub fn write(
    file: &Path,
    outcomes: &[Outcome],
    label: &str,
    earlier: Option<&Json>,
) -> Result<(), BoxError> {
    let canvas = Canvas::new(file, WIDTH, HEAD + ROW * i32::try_from(outcomes.len())?)?;
    canvas.legend(label, (BARS_AT, 16), OURS)?;
    if earlier.is_some() {
        canvas.legend("earlier", (BARS_AT + 200, 16), OTHERS)?;
    }
    canvas.text("created to bound, ms", (HISTOGRAM_AT, 16), 15)?;
    for (row, outcome) in (0_i32..).zip(outcomes) {
        let top = HEAD + row * ROW;
        rates(&canvas, top, outcome, average_in(earlier, outcome.workload))?;
        latencies(&canvas, top, outcome)?;
    }
    canvas.finish()
}

fn rates(
    canvas: &Canvas<'_>,
    top: i32,
    outcome: &Outcome,
    other: Option<f64>,
) -> Result<(), BoxError> {
    let title = format!("{}, {} nodes", outcome.workload, outcome.nodes);
    canvas.text(&title, (BARS_AT, top), 14)?;
    let longest = outcome.rate.average.max(other.unwrap_or(0.0)).max(f64::MIN_POSITIVE);
    let bar = |value: f64, y: i32, color| {
        let label = format!("{} pods/s", indicatif::HumanCount(value.round() as u64));
        canvas.labelled((BARS_AT, y), (value / longest * BAR, 18), color, &label)
    };
    bar(outcome.rate.average, top + 20, OURS)?;
    if let Some(other) = other {
        bar(other, top + 42, OTHERS)?;
    }
    Ok(())
}

fn latencies(canvas: &Canvas<'_>, top: i32, outcome: &Outcome) -> Result<(), BoxError> {
    let bars = &outcome.latency.bars;
    let first = bars.iter().position(|(_, count)| *count > 0).unwrap_or(0);
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let (floor, tall) = (top + ROW - 30, f64::from(ROW - 40));
    for (index, (end, count)) in (0_i32..).zip(&bars[first..]) {
        let x = HISTOGRAM_AT + index * STEP;
        let y = floor - (*count as f64 / most as f64 * tall) as i32;
        canvas.bar((x, y), (x + STEP - 3, floor), OURS)?;
        if index % 3 == 0 {
            canvas.text(&short(*end), (x, floor + 4), 11)?;
        }
    }
    Ok(())
}

/// A number of milliseconds in few letters.
fn short(ms: f64) -> String {
    match ms < 1.0 {
        true => format!("{ms:.2}"),
        false => format!("{ms:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    #[test]
    fn each_workload_has_its_bars() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plot.svg");
        let earlier = serde_json::json!([
            {"workload": "SchedulingBasic", "podsPerSecond": {"average": 2.5}}]);
        write(&file, &[outcome()], "ours", Some(&earlier)).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        let used = outcome().latency.bars.iter().skip_while(|(_, count)| *count == 0).count();
        assert_eq!(text.matches("<rect").count(), 1 + 2 + 2 + used);
    }
}
