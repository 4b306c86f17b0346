//! One measured figure, and how all of them are shown.

use orchestrator::core::Json;
use serde_json::json;

use super::latency::Percentiles;
use crate::report::table;

/// One row.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// What was measured.
    pub what: &'static str,
    /// In which unit, as in `puts/s`.
    pub unit: &'static str,
    /// What we did.
    pub ours: Measured,
    /// What etcd did, where it ran.
    pub etcd: Option<Measured>,
    /// What we want.
    pub target: &'static str,
}

/// What one side did.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The figure, in the row's unit.
    pub value: f64,
    /// How long a call took, where calls were timed.
    pub latency: Option<Percentiles>,
    /// How much CPU time a call cost the server, in microseconds.
    pub cpu_us: Option<f64>,
}

impl Figure {
    /// How many times etcd's figure ours is.
    pub fn ratio(&self) -> Option<f64> {
        let etcd = self.etcd.as_ref()?.value;
        (etcd > 0.0).then(|| self.ours.value / etcd)
    }
}

/// The figures for people.
pub fn as_table(figures: &[Figure]) -> String {
    let headings =
        ["WHAT", "ORCHESTRATOR", "P50/P99 ms", "CPU us", "ETCD", "P50/P99 ms", "CPU us", "RATIO"];
    let mut shown = table(&[&headings[..], &["TARGET"]].concat());
    for figure in figures {
        let ours = cells(&figure.ours, figure.unit);
        let etcd = match &figure.etcd {
            Some(etcd) => cells(etcd, ""),
            None => std::array::from_fn(|_| "-".to_owned()),
        };
        let ratio = figure.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"));
        let mut row = vec![figure.what.to_owned()];
        row.extend(ours);
        row.extend(etcd);
        row.extend([ratio, figure.target.to_owned()]);
        shown.add_row(row);
    }
    shown.to_string()
}

fn cells(measured: &Measured, unit: &str) -> [String; 3] {
    let latency = measured.latency.map_or_else(
        || "-".to_owned(),
        |latency| format!("{:.1}/{:.1}", latency.p50_ms, latency.p99_ms),
    );
    let cpu = measured.cpu_us.map_or_else(|| "-".to_owned(), |cpu| format!("{cpu:.1}"));
    [format!("{} {unit}", short(measured.value)).trim_end().to_owned(), latency, cpu]
}

/// A number with thousands apart, or with two digits where it is small.
fn short(value: f64) -> String {
    match value.abs() < 100.0 {
        true => format!("{value:.2}"),
        false => indicatif::HumanCount(value.round() as u64).to_string(),
    }
}

/// The figures for programs.
pub fn as_json(figures: &[Figure]) -> Json {
    let side = |measured: &Measured| {
        json!({
            "value": measured.value,
            "p50Ms": measured.latency.map(|latency| latency.p50_ms),
            "p99Ms": measured.latency.map(|latency| latency.p99_ms),
            "p999Ms": measured.latency.map(|latency| latency.p999_ms),
            "cpuUs": measured.cpu_us,
        })
    };
    let row = |figure: &Figure| {
        json!({
            "what": figure.what,
            "unit": figure.unit,
            "orchestrator": side(&figure.ours),
            "etcd": figure.etcd.as_ref().map(side),
            "ratio": figure.ratio(),
            "target": figure.target,
        })
    };
    figures.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_both_sides_and_their_ratio() {
        let measured = |value| Measured { value, cpu_us: Some(12.34), ..Measured::default() };
        let figure = Figure {
            what: "puts",
            unit: "puts/s",
            ours: measured(12_000.0),
            etcd: Some(measured(4_000.0)),
            target: "3 x etcd",
        };
        let text = as_table(std::slice::from_ref(&figure));
        assert!(text.contains("12,000") && text.contains("12.3") && text.contains("3.0"), "{text}");
        assert_eq!(as_json(&[figure])[0]["ratio"], json!(3.0));
        assert_eq!(short(0.456), "0.46");
    }
}
