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
use orchestrator_core::scheduler::{NodeInfo, Nomination, PodInfo, Rejection};

use crate::framework::{FailedAttempt, Plugin, Points, PostFilterPlugin, Refusal, Remedy};
use choose::choose;
use victims::{Candidate, find_victims};

const NOT_HELPFUL: &str = "Preemption is not helpful for scheduling";
const NEVER: &str = "preemption: not eligible due to preemptionPolicy=Never.";
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
        let nodes = attempt.cycle.snapshot.nodes();
        let limit = (nodes.len() / 10).max(MIN_NODES);
        let mut candidates = Vec::new();
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for (node, refusal) in in_turn(attempt) {
            let found = match refusal.resolvable {
                true if candidates.len() >= limit => continue,
                true => find_victims(attempt, node),
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
        match choose(candidates) {
            Some(Candidate { node, victims, .. }) => Remedy::Nominate(Nomination { node, victims }),
            None => Remedy::Lost(in_words(nodes.len(), reasons)),
        }
    }
}

/// The nodes with their refusals, from a place on that differs from pod to pod: so not every
/// pod of a large cluster looks at the same nodes.
fn in_turn<'a>(
    attempt: &FailedAttempt<'a>,
) -> impl Iterator<Item = (&'a NodeInfo, &'a Refusal)> + use<'a> {
    let id = attempt.cycle.pod.id.to_string();
    let sum: usize = id.bytes().map(usize::from).sum();
    let (nodes, refusals) = (attempt.cycle.snapshot.nodes(), attempt.refusals);
    let pairs = nodes.iter().map(|node| &**node).zip(refusals);
    pairs.cycle().skip(sum % nodes.len().max(1)).take(nodes.len().min(refusals.len()))
}

/// The same words as for a pod that no node takes.
fn in_words(nodes: usize, reasons: BTreeMap<String, usize>) -> String {
    let mut rejection = Rejection::default();
    (rejection.nodes, rejection.reasons) = (nodes, reasons);
    format!("preemption: {rejection}")
}

/// Why the pod may not send others away.
fn ineligible(attempt: &FailedAttempt<'_>) -> Option<&'static str> {
    let pod = attempt.cycle.pod;
    let policy = pod.spec().and_then(|spec| spec.preemption_policy.as_deref());
    if policy == Some("Never") {
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
