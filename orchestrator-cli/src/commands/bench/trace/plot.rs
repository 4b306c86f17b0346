//! Figures as bars, in a file that browsers show.

use std::path::Path;

use orchestrator::core::BoxError;
use orchestrator::sched::trace::report::Summary;

use super::super::canvas::{Canvas, OTHERS, OURS};

/// Sizes in pixels.
const WIDTH: u32 = 960;
const ROW: i32 = 20;
const GAP: i32 = 34;
const BARS_AT: i32 = 200;
const BAR: f64 = 560.0;

/// Bars under one heading.
#[derive(Debug)]
pub struct Group {
    pub title: String,
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Debug)]
pub struct Bar {
    pub name: String,
    pub value: f64,
    /// The part of the value that is drawn in grey.
    pub unavoidable: f64,
    pub label: String,
}

/// The unused GPU: a group for each workload and demand, a bar for each contender; grey is what
/// could not be in use, where a bound was asked for.
pub fn unused(summaries: &[Summary]) -> Vec<Group> {
    let same =
        |a: &Summary, b: &Summary| a.workload == b.workload && a.demand_percent == b.demand_percent;
    let mut sorted: Vec<&Summary> = summaries.iter().collect();
    // Stable, so that the policies stay in their order.
    sorted.sort_by(|a, b| (&a.workload, a.demand_percent).cmp(&(&b.workload, b.demand_percent)));
    let bar = |summary: &&Summary| {
        let unused = summary.unallocated.mean;
        let gap = summary.gap.map(|gap| gap.mean);
        // Used is what could be less the gap: the most that could be is from both.
        let could = gap.map_or(100.0, |gap| (100.0 - unused) / (1.0 - gap / 100.0).max(0.01));
        Bar {
            name: summary.policy.to_string(),
            value: unused,
            unavoidable: (100.0 - could).clamp(0.0, unused),
            label: match gap {
                Some(gap) => format!("{unused:.2} %, gap {gap:.2} %"),
                None => format!("{unused:.2} %"),
            },
        }
    };
    let group = |summaries: &[&Summary]| Group {
        title: format!(
            "{}, demand {} %: unused GPU",
            summaries[0].workload, summaries[0].demand_percent
        ),
        bars: summaries.iter().map(bar).collect(),
    };
    sorted.chunk_by(|a, b| same(a, b)).map(group).collect()
}

/// Draws a bar for each value; all are in one scale. The part that nobody could have avoided is grey.
pub fn write(file: &Path, groups: &[Group]) -> Result<(), BoxError> {
    let height = groups.iter().map(|group| GAP + ROW * group.bars.len() as i32).sum::<i32>() + GAP;
    let all = groups.iter().flat_map(|group| &group.bars);
    let longest = all.map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    let canvas = Canvas::new(file, WIDTH, height)?;
    let mut top = 8;
    for group in groups {
        canvas.text(&group.title, (12, top + 6), 15)?;
        top += GAP - 6;
        for bar in &group.bars {
            let length = |value: f64| (value / longest * BAR, ROW - 6);
            canvas.text(&bar.name, (24, top), 13)?;
            canvas.labelled((BARS_AT, top), length(bar.value), OURS, &bar.label)?;
            if bar.unavoidable > 0.0 {
                let (length, height) = length(bar.unavoidable);
                canvas.bar((BARS_AT, top), (BARS_AT + length as i32, top + height), OTHERS)?;
            }
            top += ROW;
        }
        top += 6;
    }
    canvas.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_bar() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plot.svg");
        let bar = |unavoidable| Bar {
            name: "p".to_owned(),
            value: 4.0,
            unavoidable,
            label: "4 %".to_owned(),
        };
        let group = Group { title: "t".to_owned(), bars: vec![bar(0.0), bar(1.0)] };
        write(&file, &[group]).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.matches("<rect").count(), 1 + 2 + 1);
    }
}
