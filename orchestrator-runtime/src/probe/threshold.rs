//! Thresholds: when enough answers in a row change what a probe says.

use k8s_openapi::api::core::v1::Probe;

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Whether the container has started; the others wait for it.
    Startup,
    /// Whether it must be run again.
    Liveness,
    /// Whether it serves.
    Readiness,
}

impl Kind {
    /// The word in events.
    pub fn word(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }

    /// What holds before the first answer.
    fn at_first(self) -> bool {
        self == Self::Liveness
    }
}

/// Counts answers until they make a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    holds: bool,
    /// Whether anything has been told yet.
    told: bool,
    last: Option<bool>,
    in_a_row: i32,
    successes: i32,
    failures: i32,
}

impl Counter {
    /// The counter of `probe`.
    pub fn new(kind: Kind, probe: &Probe) -> Self {
        Self {
            holds: kind.at_first(),
            told: false,
            last: None,
            in_a_row: 0,
            successes: probe.success_threshold.unwrap_or(1).max(1),
            failures: probe.failure_threshold.unwrap_or(3).max(1),
        }
    }

    /// Takes an answer; what the probe says now, where that is news.
    pub fn count(&mut self, success: bool) -> Option<bool> {
        self.in_a_row =
            if self.last == Some(success) { self.in_a_row.saturating_add(1) } else { 1 };
        self.last = Some(success);
        let threshold = if success { self.successes } else { self.failures };
        if self.in_a_row < threshold || (self.told && self.holds == success) {
            return None;
        }
        let news = self.holds != success || !self.told;
        (self.holds, self.told) = (success, true);
        news.then_some(success)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The news after each answer: `+`, `-`, or `.` for none.
    fn news(kind: Kind, successes: i32, failures: i32, answers: &str) -> String {
        let probe = Probe {
            success_threshold: Some(successes),
            failure_threshold: Some(failures),
            ..Probe::default()
        };
        let mut counter = Counter::new(kind, &probe);
        let words = answers.chars().map(|c| match counter.count(c == '+') {
            Some(true) => '+',
            Some(false) => '-',
            None => '.',
        });
        words.collect()
    }

    #[test]
    fn only_enough_answers_in_a_row_are_news() {
        let cases = [
            (Kind::Readiness, 1, 3, "+---+", "+..-+"),
            (Kind::Readiness, 2, 1, "+++-+-++", ".+.-...+"),
            (Kind::Readiness, 1, 3, "--+--+---", "..+.....-"),
            (Kind::Liveness, 1, 2, "++-+--", "+....-"),
            (Kind::Startup, 1, 2, "-+", ".+"),
            (Kind::Startup, 1, 2, "--", ".-"),
        ];
        for (kind, successes, failures, answers, expected) in cases {
            assert_eq!(news(kind, successes, failures, answers), expected, "{answers}");
        }
    }
}
