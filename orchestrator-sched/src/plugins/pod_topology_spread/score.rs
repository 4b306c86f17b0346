//! Soft constraints: the fuller a node's domains, the worse the node.

use std::collections::{BTreeMap, BTreeSet};

use orchestrator_core::scheduler::NodeInfo;

use super::constraint::{Constraint, has_all_labels};
use crate::framework::{Cycle, MAX_SCORE, Score};

/// The raw score of a node that lacks a label; such nodes end at zero.
pub(crate) const LEFT_OUT: i64 = -1;

/// A constraint with the pods of the feasible nodes' domains counted.
struct Counted {
    constraint: Constraint,
    /// The matching pods by domain; unused where each node is its own domain.
    domains: BTreeMap<String, i64>,
    /// What a pod counts: more where there are many domains, so that each constraint has a say.
    weight: f64,
}

/// What a node lacks is an empty domain.
fn domain<'a>(constraint: &Constraint, node: &'a NodeInfo) -> &'a str {
    node.labels().get(&constraint.topology_key).map(String::as_str).unwrap_or_default()
}

impl Counted {
    fn new(
        constraint: &Constraint,
        cycle: Cycle<'_>,
        scored: &[&NodeInfo],
        counted: &[&NodeInfo],
    ) -> Self {
        let by_node = constraint.is_by_node();
        let mut domains: BTreeMap<String, i64> = BTreeMap::new();
        if !by_node {
            let names = scored.iter().map(|node| domain(constraint, node).to_owned());
            domains.extend(names.map(|name| (name, 0)));
            for node in counted.iter().filter(|node| constraint.counts_node(cycle.pod, node)) {
                if let Some(count) = domains.get_mut(domain(constraint, node)) {
                    *count += constraint.count_pods(cycle.pod, node);
                }
            }
        }
        let size = if by_node { scored.len() } else { domains.len() };
        Self { constraint: constraint.clone(), domains, weight: weight(size) }
    }

    fn score(&self, cycle: Cycle<'_>, node: &NodeInfo) -> f64 {
        let Some(domain) = node.labels().get(&self.constraint.topology_key) else { return 0.0 };
        let pods = match self.constraint.is_by_node() {
            true => self.constraint.count_pods(cycle.pod, node),
            false => self.domains.get(domain).copied().unwrap_or_default(),
        };
        score(pods, self.weight, self.constraint.max_skew)
    }
}

/// What a pod counts where there are `size` domains.
pub(crate) fn weight(size: usize) -> f64 {
    ((size + 2) as f64).ln()
}

/// What one constraint says of a domain with so many pods.
pub(crate) fn score(pods: i64, weight: f64, max_skew: i64) -> f64 {
    // The allowed skew is added to all, which makes differences matter less.
    pods as f64 * weight + (max_skew - 1) as f64
}

/// What all constraints together say.
pub(crate) fn total(parts: impl Iterator<Item = f64>) -> i64 {
    parts.sum::<f64>().round() as i64
}

pub(super) fn prepare<'a>(
    constraints: Vec<Constraint>,
    cycle: Cycle<'a>,
    feasible: &[&'a NodeInfo],
    needs_all_labels: bool,
) -> Score<'a> {
    let takes_part = |node: &NodeInfo| !needs_all_labels || has_all_labels(&constraints, node);
    let scored: Vec<&NodeInfo> = feasible.iter().copied().filter(|n| takes_part(n)).collect();
    let all = cycle.snapshot.nodes().iter().map(|node| &**node);
    let counted: Vec<&NodeInfo> = all.filter(|node| takes_part(node)).collect();
    let count = |constraint| Counted::new(constraint, cycle, &scored, &counted);
    let counts: Vec<_> = constraints.iter().map(count).collect();
    let names: BTreeSet<_> = scored.iter().map(|node| node.name.clone()).collect();
    Score::each(move |node| match names.contains(&node.name) {
        true => total(counts.iter().map(|counted| counted.score(cycle, node))),
        false => LEFT_OUT,
    })
    .normalized(reverse)
}

/// Turns the scores round: the lowest becomes the best.
pub(crate) fn reverse(scores: &mut [i64]) {
    let taking_part = || scores.iter().copied().filter(|score| *score != LEFT_OUT);
    let lowest = taking_part().min().unwrap_or_default();
    let highest = taking_part().max().unwrap_or_default();
    for score in scores {
        *score = match *score {
            LEFT_OUT => 0,
            _ if highest == 0 => MAX_SCORE,
            score => MAX_SCORE * (highest + lowest - score) / highest,
        };
    }
}
