//! Why a pod is where it is, or nowhere: a decision told node by node.
//!
//! [`explain`] is a pure function of a framework, a pod and a snapshot, as the decision itself.
//! It asks every filter about every node, so it also knows what stands in the way behind the first
//! refusal, and says what would have to [change](Change) for the pod to fit.

mod change;
mod report;

pub use change::Change;
pub use report::{Explained, Explanation, Obstacle, Remedy, Verdict};

use orchestrator_core::scheduler::{Decision, PodInfo, Scheduler as _, Snapshot};

use crate::framework::{Framework, Inspection};

/// Explains what `framework` decides about `pod` in `snapshot`.
///
/// # Examples
/// ```
/// use orchestrator_core::scheduler::{PodInfo, Snapshot};
/// use orchestrator_sched::explain::explain;
/// use orchestrator_sched::plugins;
/// # use std::sync::Arc;
/// let framework = plugins::defaults("default-scheduler").build()?;
/// let pod = PodInfo::new(Arc::default());
/// let told = explain(&framework, &pod, &Snapshot::default());
/// assert_eq!(told.verdict.to_string(), "no nodes available to schedule pods");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain(framework: &Framework, pod: &PodInfo, snapshot: &Snapshot) -> Explanation {
    let inspection = framework.inspect(pod, snapshot);
    let verdict = match (&inspection.gate, framework.schedule(pod, snapshot)) {
        (Some((plugin, why)), _) => Verdict::Held { plugin, why: why.clone() },
        (None, Decision::Bind(placement)) => Verdict::Placed { best: placement.best },
        (None, Decision::Unschedulable(rejection)) => Verdict::Unschedulable {
            message: rejection.to_string(),
            nomination: rejection.nomination,
        },
        (None, _) => Verdict::Placed { best: Vec::new() },
    };
    Explanation {
        pod: pod.key.clone(),
        verdict,
        whole: inspection.whole.as_ref().map(|(plugin, refusal)| Obstacle {
            plugin,
            reasons: refusal.reasons.clone(),
            changes: Vec::new(),
        }),
        nodes: nodes(&inspection, pod, snapshot),
        plugins: inspection.scores.iter().map(|scored| (scored.plugin, scored.weight)).collect(),
    }
}

/// The nodes, in the snapshot's order.
fn nodes(inspection: &Inspection, pod: &PodInfo, snapshot: &Snapshot) -> Vec<Explained> {
    let mut passing = 0;
    let explained = inspection.nodes.iter().map(|inspected| {
        let obstacle = |(plugin, refusal): &(&'static str, crate::framework::Refusal)| {
            let node = snapshot.node(&inspected.node);
            let changes = node.map(|node| change::needed(plugin, pod, node)).unwrap_or_default();
            Obstacle { plugin, reasons: refusal.reasons.clone(), changes }
        };
        let mut node = Explained {
            node: inspected.node.clone(),
            obstacles: inspected.refusals.iter().map(obstacle).collect(),
            scores: Vec::new(),
        };
        if node.obstacles.is_empty() {
            let scores = inspection.scores.iter();
            let at = |scores: &Vec<i64>| scores.get(passing).copied().unwrap_or_default();
            node.scores = scores
                .map(|scored| (at(&scored.raw), at(&scored.normalized) * scored.weight))
                .collect();
            passing += 1;
        }
        node
    });
    explained.collect()
}

#[cfg(test)]
mod tests;
