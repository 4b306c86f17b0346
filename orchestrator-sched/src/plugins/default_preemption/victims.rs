//! The smallest set of pods that must leave one node.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};

use crate::framework::Refusal;

pub(crate) const NO_VICTIMS: &str = "No preemption victims found for incoming pod";

/// The kind of object that limits how many pods may leave.
const BUDGET: &str = "PodDisruptionBudget";

/// A node, and who must leave it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub node: Arc<str>,
    /// The most important first.
    pub victims: Vec<Arc<PodInfo>>,
    /// How many of them leave against a disruption budget.
    pub violations: usize,
}

/// A node on which pods leave and come back to see what would be.
pub(crate) trait Trial {
    /// A pod leaves.
    fn leave(&mut self, pod: &Arc<PodInfo>);

    /// A pod that has left comes back.
    fn come_back(&mut self, pod: &Arc<PodInfo>);

    /// Whether the new pod fits now.
    fn fits(&self) -> Result<(), Refusal>;
}

/// Finds the victims on `node`: first all pods of lower priority leave, then as many as
/// possible come back, the most important first, those that a budget protects before others.
///
/// # Errors
/// Why the pod would not fit even if all left.
pub(crate) fn find_victims(
    pod: &PodInfo,
    node: &NodeInfo,
    snapshot: &Snapshot,
    trial: &mut impl Trial,
) -> Result<Candidate, Refusal> {
    let lower = node.pods.iter().filter(|other| other.priority < pod.priority);
    let mut leaving: Vec<Arc<PodInfo>> = lower.cloned().collect();
    if leaving.is_empty() {
        return Err(Refusal::unresolvable(NO_VICTIMS));
    }
    leaving.iter().for_each(|other| trial.leave(other));
    trial.fits()?;
    leaving.sort_by_key(|other| importance(other));
    let (protected, others) = split(leaving, snapshot);
    let mut candidate =
        Candidate { node: Arc::clone(&node.name), victims: Vec::new(), violations: 0 };
    let protected = protected.into_iter().map(|other| (other, 1));
    for (other, violation) in protected.chain(others.into_iter().map(|other| (other, 0))) {
        trial.come_back(&other);
        if trial.fits().is_err() {
            trial.leave(&other);
            candidate.victims.push(other);
            candidate.violations += violation;
        }
    }
    candidate.victims.sort_by_key(|other| importance(other));
    Ok(candidate)
}

/// Sorts the most important pod first: by priority, then by age.
pub(super) fn importance(pod: &PodInfo) -> (Reverse<i32>, Timestamp) {
    (Reverse(pod.priority), started(pod))
}

/// When the pod began to run; a pod that did not yet is the youngest.
pub(super) fn started(pod: &PodInfo) -> Timestamp {
    let start = pod.pod.status.as_ref().and_then(|status| status.start_time.as_ref());
    start.map_or(Timestamp::MAX, |time| time.0)
}

/// The pods whose leaving goes against a budget, and the others.
fn split(pods: Vec<Arc<PodInfo>>, snapshot: &Snapshot) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let namespaces: BTreeSet<&str> = pods.iter().map(|pod| pod.key.namespace.as_ref()).collect();
    let budgets_of = |namespace| {
        let groups = snapshot.groups(BUDGET, namespace).filter(|g| !g.selector.is_everything());
        let left = groups.filter_map(|group| Some((&group.selector, group.disruptions_allowed?)));
        (namespace, left.collect::<Vec<_>>())
    };
    let mut budgets: BTreeMap<&str, Vec<_>> = namespaces.into_iter().map(budgets_of).collect();
    let mut violates = |pod: &PodInfo| {
        let mut violates = false;
        for (selector, left) in budgets.get_mut(pod.key.namespace.as_ref()).into_iter().flatten() {
            // A pod without labels belongs to nobody.
            if !pod.labels().is_empty() && selector.matches(pod.labels()) {
                *left -= 1;
                violates |= *left < 0;
            }
        }
        violates
    };
    let violating: Vec<bool> = pods.iter().map(|pod| violates(pod)).collect();
    let (protected, others): (Vec<_>, Vec<_>) =
        pods.into_iter().zip(violating).partition(|(_, violating)| *violating);
    let pods = |list: Vec<(Arc<PodInfo>, bool)>| list.into_iter().map(|(pod, _)| pod).collect();
    (pods(protected), pods(others))
}
