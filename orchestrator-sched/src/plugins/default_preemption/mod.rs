//! DefaultPreemption: pods of lower priority leave a node so that the pod has room.
//!
//! For each node that others' leaving could help, the smallest set of victims is
//! found by trying it out on a changed snapshot; then the node is chosen where least
//! is lost.

mod choose;
mod victims;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_core::scheduler::{NodeInfo, Nomination, PodInfo, Rejection, Snapshot};

use crate::framework::{
    Acts, Cycle, FailedAttempt, How, Plugin, Points, PostFilterPlugin, Refusal, Remedy,
};
pub(crate) use choose::choose;
pub(crate) use victims::{Candidate, NO_VICTIMS, Trial, find_victims};

pub(crate) const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
pub(crate) const NEVER: &str = "preemption: not eligible due to preemptionPolicy=Never.";
const UNDER_WAY: &str = "preemption: not eligible due to a terminating pod on the nominated node.";

/// At least so many nodes are tried out; of more than ten times as many, a tenth.
const MIN_NODES: usize = 100;

/// Makes room by sending pods of lower priority away.
#[derive(Debug)]
pub struct DefaultPreemption;

impl Plugin for DefaultPreemption {
    fn name(&self) -> &'static str {
        "DefaultPreemption"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.post_filter(self);
    }
}

impl PostFilterPlugin for DefaultPreemption {
    fn post_filter(&self, attempt: &FailedAttempt<'_>) -> Remedy {
        if let Some(why) = ineligible(attempt) {
            return Remedy::None(why.to_owned());
        }
        let Cycle { pod, snapshot } = attempt.cycle;
        let nodes = snapshot.nodes();
        let limit = most_candidates(nodes.len());
        let mut candidates = Vec::new();
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for (node, refusal) in in_turn(pod, nodes).map(|index| (&nodes[index], index)) {
            let Some(refusal) = attempt.refusals.get(refusal) else { continue };
            let found = match refusal.resolvable {
                true if candidates.len() >= limit => continue,
                true => {
                    let mut trial = Copy { attempt, node, without: snapshot.clone() };
                    find_victims(pod, node, snapshot, &mut trial)
                }
                false => Err(Refusal::unresolvable(NOT_HELPFUL)),
            };
            match found {
                Ok(candidate) => candidates.push(candidate),
                Err(refusal) => {
                    for reason in refusal.reasons {
                        *reasons.entry(reason).or_default() += 1;
                    }
                }
            }
        }
        match choose(&candidates) {
            Some(Candidate { node, victims, .. }) => {
                let (node, victims) = (Arc::clone(node), victims.clone());
                Remedy::Nominate(Nomination { node, victims })
            }
            None => Remedy::Lost(in_words(nodes.len(), reasons)),
        }
    }

    fn acts(&self) -> Acts {
        Acts(How::Preempts)
    }
}

/// A snapshot in which pods of one node come and go.
struct Copy<'a> {
    attempt: &'a FailedAttempt<'a>,
    node: &'a NodeInfo,
    without: Snapshot,
}

impl Trial for Copy<'_> {
    fn leave(&mut self, pod: &Arc<PodInfo>) {
        self.without.forget(&pod.id, &self.node.name);
    }

    fn come_back(&mut self, pod: &Arc<PodInfo>) {
        self.without.assume(Arc::clone(pod), &self.node.name);
    }

    fn fits(&self) -> Result<(), Refusal> {
        let node = self.without.node(&self.node.name).expect("only pods have left the snapshot");
        self.attempt.judge(&self.without, node)
    }
}

/// Of so many nodes, this many candidates are enough.
pub(crate) fn most_candidates(nodes: usize) -> usize {
    (nodes / 10).max(MIN_NODES)
}

/// The places of the nodes, from one on that differs from pod to pod: so not every pod of a
/// large cluster looks at the same nodes.
pub(crate) fn in_turn(
    pod: &PodInfo,
    nodes: &[Arc<NodeInfo>],
) -> impl Iterator<Item = usize> + use<> {
    let sum: usize = pod.id.to_string().bytes().map(usize::from).sum();
    let (count, first) = (nodes.len(), sum % nodes.len().max(1));
    (first..count).chain(0..first)
}

/// The same words as for a pod that no node takes.
pub(crate) fn in_words(nodes: usize, reasons: BTreeMap<String, usize>) -> String {
    let mut rejection = Rejection::default();
    (rejection.nodes, rejection.reasons) = (nodes, reasons);
    format!("preemption: {rejection}")
}

/// Why the pod may not send others away.
fn ineligible(attempt: &FailedAttempt<'_>) -> Option<&'static str> {
    let pod = attempt.cycle.pod;
    if never_preempts(pod) {
        return Some(NEVER);
    }
    let status = pod.pod.status.as_ref();
    let nominated = status.and_then(|status| status.nominated_node_name.as_deref())?;
    let nodes = attempt.cycle.snapshot.nodes();
    let index = nodes.iter().position(|node| *node.name == *nominated)?;
    if !attempt.refusals.get(index)?.resolvable {
        return None;
    }
    let leaves = |other: &PodInfo| {
        other.priority < pod.priority && other.is_terminating() && was_preempted(&other.pod)
    };
    nodes[index].pods.iter().any(|other| leaves(other)).then_some(UNDER_WAY)
}

/// Whether the pod does not want others to leave for it.
pub(crate) fn never_preempts(pod: &PodInfo) -> bool {
    pod.spec().and_then(|spec| spec.preemption_policy.as_deref()) == Some("Never")
}

/// Whether a pod is on its way out because a scheduler has sent it away.
fn was_preempted(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|condition| {
        condition.type_ == "DisruptionTarget"
            && condition.status == "True"
            && condition.reason.as_deref() == Some("PreemptionByScheduler")
    })
}

#[cfg(test)]
mod tests;
