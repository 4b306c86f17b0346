//! The judges of a run: each takes the history alone and says which rule was broken.
//!
//! First [`Truth`] is put together from what was seen: one list of commits, on which everybody has
//! to agree. It is then played again on a state machine of its own, and every answer, read and
//! watch must be what that machine gives at a revision that was legal at that moment. Because an
//! answer names its revision, this takes time in proportion to the history; `linear` and
//! `whole` look at the same history once more without believing revisions.

mod leases;
mod linear;
mod order;
mod replay;
#[cfg(test)]
mod tests;
mod truth;
mod watches;
mod whole;

use std::fmt;

pub use truth::Truth;

use super::coverage::Coverage;
use super::history::History;

/// A rule that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule, in one or two words.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// What the judges must know besides the history.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// By how much a member's clock may run fast, in thousandths.
    pub clock_rate_permille: u32,
    /// No member is left, so that nobody could tell what the last revisions were.
    pub all_lost: bool,
}

/// How many violations are told: the first is what matters, the others give it a frame.
const MOST_TOLD: usize = 8;

/// Judges a run, and counts in `coverage` what was judged.
pub fn judge(
    history: &History,
    circumstances: Circumstances,
    coverage: &mut Coverage,
) -> Vec<Violation> {
    let mut findings = Findings::default();
    let truth = Truth::of(history, &mut findings);
    replay::check(history, &truth, circumstances, &mut findings);
    order::check(history, &truth, &mut findings);
    watches::check(history, &truth, circumstances, &mut findings);
    leases::check(history, &truth, circumstances, &mut findings, coverage);
    if findings.told.is_empty() {
        linear::check(history, &mut findings, coverage);
    }
    if findings.told.is_empty() {
        whole::check(history, &mut findings, coverage);
    }
    findings.told
}

/// The violations found so far.
#[derive(Debug, Default)]
struct Findings {
    told: Vec<Violation>,
}

impl Findings {
    fn tell(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        if self.told.len() < MOST_TOLD {
            self.told.push(Violation { rule, detail: detail() });
        }
    }

    fn expect(&mut self, holds: bool, rule: &'static str, detail: impl FnOnce() -> String) {
        if !holds {
            self.tell(rule, detail);
        }
    }
}
