//! How long calls took.

use std::time::Duration;

/// The times of calls; four bytes each, so that minutes of a fast store fit.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    us: Vec<u32>,
}

/// What half, 99 of 100 and 999 of 1,000 calls did not exceed, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// Half of the calls.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1,000.
    pub p999_ms: f64,
}

impl Latencies {
    /// Takes one call in.
    pub fn add(&mut self, took: Duration) {
        self.us.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Takes all calls of another in.
    pub fn merge(&mut self, other: Self) {
        self.us.extend(other.us);
    }

    /// How many calls there were.
    pub fn len(&self) -> usize {
        self.us.len()
    }

    /// The percentiles; zeros where there was no call.
    pub fn percentiles(mut self) -> Percentiles {
        self.us.sort_unstable();
        let at = |per_mille: usize| {
            let index = (self.us.len() * per_mille).div_ceil(1000).saturating_sub(1);
            self.us.get(index).map_or(0.0, |us| f64::from(*us) / 1000.0)
        };
        Percentiles { p50_ms: at(500), p99_ms: at(990), p999_ms: at(999) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_call_that_happened() {
        let mut latencies = Latencies::default();
        (1..=1000).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        let found = latencies.percentiles();
        assert_eq!((found.p50_ms, found.p99_ms, found.p999_ms), (500.0, 990.0, 999.0));
        assert_eq!(Latencies::default().percentiles(), Percentiles::default());
    }
}
