//! A policy as a score plugin.

use std::sync::Arc;

use orchestrator_core::scheduler::NodeInfo;

use crate::framework::{Cycle, MAX_SCORE, Plugin, Points, Score, ScorePlugin};
use crate::trace::fleet::Room;
use crate::trace::policy::Policy;
use crate::trace::workload::Shape;

/// Scores nodes as a policy scores machines.
///
/// A policy that tells scores in whole points is taken at its word; the scores of one that tells
/// finer ones are stretched, so that the best node has 100 and the worst 0.
#[derive(Clone, Debug)]
pub struct Preference {
    name: &'static str,
    policy: Arc<dyn Policy>,
}

impl Preference {
    /// A plugin of this name.
    pub fn new(name: &'static str, policy: Arc<dyn Policy>) -> Self {
        Self { name, policy }
    }
}

impl Plugin for Preference {
    fn name(&self) -> &'static str {
        self.name
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for Preference {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        let task = Shape::of(cycle.pod);
        let resolution = self.policy.resolution().max(1);
        let steps = f64::from(resolution);
        let score = Score::each(move |node| {
            let machine = Room::of(node);
            // A policy is asked about machines that fit; a filter may be missing.
            if machine.fits(&task) {
                (self.policy.score(&task, &machine) * steps) as i64
            } else {
                0
            }
        });
        match resolution {
            1 => score,
            _ => score.normalized(spread),
        }
    }
}

/// Stretches scores to the whole range.
fn spread(scores: &mut [i64]) {
    let lowest = scores.iter().copied().min().unwrap_or_default();
    let range = scores.iter().copied().max().unwrap_or_default().saturating_sub(lowest).max(1);
    for score in scores {
        *score = (i128::from(*score - lowest) * i128::from(MAX_SCORE) / i128::from(range)) as i64;
    }
}
