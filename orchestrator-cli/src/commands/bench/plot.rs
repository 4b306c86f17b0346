//! The figures as bars, in a file that browsers show.

use std::path::Path;

use orchestrator::core::BoxError;

use super::canvas::{Canvas, OTHERS, OURS};
use super::figure::Figure;

/// The size of one row, and of what is above the rows, in pixels.
const WIDTH: u32 = 960;
const ROW: i32 = 64;
const HEAD: i32 = 56;

/// Where the names end and the bars begin, and how long the longest bar is.
const BARS_AT: i32 = 420;
const BAR: f64 = 380.0;

/// Draws a pair of bars for each figure, each pair in its own scale.
pub fn write(file: &Path, figures: &[Figure]) -> Result<(), BoxError> {
    let canvas = Canvas::new(file, WIDTH, HEAD + ROW * i32::try_from(figures.len())?)?;
    canvas.legend("orchestrator", (BARS_AT, 18), OURS)?;
    canvas.legend("etcd, same machine, same load", (BARS_AT + 140, 18), OTHERS)?;
    for (row, figure) in (0_i32..).zip(figures) {
        let top = HEAD + row * ROW;
        canvas.text(figure.what, (12, top + 14), 15)?;
        let etcd = figure.etcd.as_ref().map(|etcd| etcd.value);
        let longest = figure.ours.value.max(etcd.unwrap_or(0.0)).max(f64::MIN_POSITIVE);
        let bar = |value: f64, y: i32, color| {
            let label = format!("{} {}", indicatif::HumanFloatCount(value), figure.unit);
            canvas.labelled((BARS_AT, y), (value / longest * BAR, 18), color, &label)
        };
        bar(figure.ours.value, top + 4, OURS)?;
        if let Some(etcd) = etcd {
            bar(etcd, top + 26, OTHERS)?;
        }
    }
    canvas.finish()
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
