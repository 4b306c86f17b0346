//! Which endpoints take traffic.
//!
//! Those that are ready; where none is, those that are on their way out but still serve, so that
//! a rollout of the last endpoint loses nothing. With policy `Local`, only the node's own count.
//! With policy `Cluster`, hints narrow the choice down to those near the node, but only where
//! every endpoint has a hint and one of them names this node or zone: hints of a mixed state are
//! out of date.

use std::net::SocketAddr;

use orchestrator_core::proxy::TrafficPolicy;

use super::NodeView;
use super::endpoints::Candidate;

/// The addresses that traffic under `policy` goes to.
pub(super) fn choose(
    candidates: &[Candidate],
    policy: TrafficPolicy,
    node: &NodeView,
) -> Vec<SocketAddr> {
    let eligible: Vec<&Candidate> = match policy {
        TrafficPolicy::Cluster => candidates.iter().collect(),
        TrafficPolicy::Local => candidates.iter().filter(|c| c.endpoint.local).collect(),
    };
    let of = |condition: fn(&Candidate) -> bool| -> Vec<&Candidate> {
        eligible.iter().copied().filter(|candidate| condition(candidate)).collect()
    };
    let mut chosen = of(|candidate| candidate.endpoint.ready);
    if chosen.is_empty() {
        chosen = of(|candidate| candidate.endpoint.serving && candidate.endpoint.terminating);
    } else if policy == TrafficPolicy::Cluster {
        chosen = near(chosen, node);
    }
    chosen.into_iter().map(|candidate| candidate.endpoint.address).collect()
}

fn near<'a>(candidates: Vec<&'a Candidate>, node: &NodeView) -> Vec<&'a Candidate> {
    let by_node = narrowed(&candidates, |candidate| &candidate.nodes, &node.name);
    let by_zone = || narrowed(&candidates, |candidate| &candidate.endpoint.zones, &node.zone);
    by_node.or_else(by_zone).unwrap_or(candidates)
}

/// The candidates whose hints name `place`; `None` where the hints cannot be used.
fn narrowed<'a>(
    candidates: &[&'a Candidate],
    hints: fn(&Candidate) -> &Vec<String>,
    place: &str,
) -> Option<Vec<&'a Candidate>> {
    if place.is_empty() || candidates.iter().any(|candidate| hints(candidate).is_empty()) {
        return None;
    }
    let names = |candidate: &Candidate| hints(candidate).iter().any(|hint| hint == place);
    let near: Vec<_> = candidates.iter().copied().filter(|candidate| names(candidate)).collect();
    (!near.is_empty()).then_some(near)
}
