//! The averages as bars, a group for each workload and demand.

use std::path::Path;

use orchestrator::core::BoxError;
use orchestrator::sched::trace::report::Summary;
use plotters::prelude::*;

/// Sizes in pixels.
const WIDTH: u32 = 960;
const ROW: i32 = 20;
const GAP: i32 = 34;
const BARS_AT: i32 = 200;
const BAR: f64 = 660.0;

const COLOR: RGBColor = RGBColor(38, 96, 164);

/// Draws a bar for each average; all are in one scale.
pub fn write(file: &Path, summaries: &[Summary]) -> Result<(), BoxError> {
    let same =
        |a: &Summary, b: &Summary| a.workload == b.workload && a.demand_percent == b.demand_percent;
    let mut sorted: Vec<&Summary> = summaries.iter().collect();
    // Stable, so that the policies stay in their order.
    sorted.sort_by(|a, b| (&a.workload, a.demand_percent).cmp(&(&b.workload, b.demand_percent)));
    let groups: Vec<_> = sorted.chunk_by(|a, b| same(a, b)).collect();
    let height = groups.iter().map(|group| GAP + ROW * group.len() as i32).sum::<i32>() + GAP;
    let longest = summaries.iter().map(|s| s.mean).fold(f64::MIN_POSITIVE, f64::max);
    let area = SVGBackend::new(file, (WIDTH, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut top = 8;
    for group in groups {
        let (workload, demand) = (&group[0].workload, group[0].demand_percent);
        let title = format!("{workload}, demand {demand} %: unused GPU");
        area.draw(&Text::new(title, (12, top + 6), ("sans-serif", 15)))?;
        top += GAP - 6;
        for summary in group {
            let end = BARS_AT + (summary.mean / longest * BAR) as i32;
            area.draw(&Text::new(summary.policy, (24, top), ("sans-serif", 13)))?;
            area.draw(&Rectangle::new([(BARS_AT, top), (end, top + ROW - 6)], COLOR.filled()))?;
            let label = format!("{:.2} %", summary.mean);
            area.draw(&Text::new(label, (end + 6, top), ("sans-serif", 13)))?;
            top += ROW;
        }
        top += 6;
    }
    area.present()?;
    Ok(())
}
