//! The figures as bars, in a file that browsers show.

use std::path::Path;

use orchestrator::core::BoxError;
use plotters::prelude::*;

use super::figure::Figure;

/// The size of one row, and of what is around the rows, in pixels.
const WIDTH: u32 = 960;
const ROW: u32 = 64;
const HEAD: u32 = 56;

/// Where the names end and the bars begin, and how long the longest bar is.
const BARS_AT: i32 = 420;
const BAR: f64 = 380.0;

const OURS: RGBColor = RGBColor(38, 96, 164);
const ETCD: RGBColor = RGBColor(190, 190, 190);

/// Draws a pair of bars for each figure, each pair in its own scale.
pub fn write(file: &Path, figures: &[Figure]) -> Result<(), BoxError> {
    let height = HEAD + ROW * u32::try_from(figures.len())?;
    let area = SVGBackend::new(file, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let legend = |text: &str, x: i32, color: RGBColor| {
        area.draw(&Rectangle::new([(x, 18), (x + 14, 32)], color.filled()))?;
        area.draw(&Text::new(text.to_owned(), (x + 20, 18), ("sans-serif", 15)))
    };
    legend("orchestrator", BARS_AT, OURS)?;
    legend("etcd, same machine, same load", BARS_AT + 140, ETCD)?;
    for (row, figure) in (0_i32..).zip(figures) {
        let top = HEAD as i32 + row * ROW as i32;
        area.draw(&Text::new(figure.what, (12, top + 14), ("sans-serif", 15)))?;
        let etcd = figure.etcd.as_ref().map(|etcd| etcd.value);
        let longest = figure.ours.value.max(etcd.unwrap_or(0.0)).max(f64::MIN_POSITIVE);
        let bar = |value: f64, y: i32, color: RGBColor| {
            let end = BARS_AT + (value / longest * BAR) as i32;
            area.draw(&Rectangle::new([(BARS_AT, y), (end, y + 18)], color.filled()))?;
            let label = format!("{} {}", indicatif::HumanFloatCount(value), figure.unit);
            area.draw(&Text::new(label, (end + 6, y + 3), ("sans-serif", 13)))
        };
        bar(figure.ours.value, top + 4, OURS)?;
        if let Some(etcd) = etcd {
            bar(etcd, top + 26, ETCD)?;
        }
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::figure::Measured;
    use super::*;

    #[test]
    fn each_figure_has_its_bars() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plot.svg");
        let measured = |value| Measured { value, ..Measured::default() };
        let both = Figure {
            what: "a",
            etcd: Some(measured(1.0)),
            ours: measured(4.0),
            ..Figure::default()
        };
        let ours = Figure { what: "b", etcd: None, ..both.clone() };
        write(&file, &[both, ours]).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(text.matches("<rect").count(), 1 + 2 + 3);
    }
}
