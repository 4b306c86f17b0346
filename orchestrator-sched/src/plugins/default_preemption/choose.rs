//! Where least is lost.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::victims::{Candidate, started};

/// Priorities are counted from here, so that a victim of negative priority is a loss too.
const LOWEST_PRIORITY: i64 = i32::MIN as i64;

/// What a choice costs; the least is best. In this order: leavings against a budget, the
/// highest priority that leaves, the sum of the priorities, the number of pods, and how long the
/// most important of them have run.
type Cost = (usize, i32, i64, usize, Reverse<Timestamp>);

/// The best candidate, the first of equals; `None` where there is none.
pub(crate) fn choose<'a>(
    candidates: impl IntoIterator<Item = &'a Candidate>,
) -> Option<&'a Candidate> {
    candidates.into_iter().min_by_key(|candidate| cost(candidate))
}

fn cost(candidate: &Candidate) -> Cost {
    let victims = &candidate.victims;
    let highest = victims.iter().map(|pod| pod.priority).max().unwrap_or(i32::MIN);
    let sum = victims.iter().map(|pod| i64::from(pod.priority) - LOWEST_PRIORITY).sum();
    let most_important = victims.iter().filter(|pod| pod.priority == highest);
    let earliest = most_important.map(|pod| started(pod)).min().unwrap_or(Timestamp::MAX);
    (candidate.violations, highest, sum, victims.len(), Reverse(earliest))
}
