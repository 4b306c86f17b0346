//! Hard constraints: no domain may get too far ahead of the emptiest.

use std::collections::BTreeMap;

use orchestrator_core::scheduler::NodeInfo;

use super::constraint::{Constraint, has_all_labels};
use crate::framework::{Cycle, Filter, Refusal};

pub(crate) const REASON: &str = "node(s) didn't match pod topology spread constraints";
pub(crate) const REASON_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// A constraint with the pods counted.
struct Counted {
    constraint: Constraint,
    /// The matching pods by domain.
    domains: BTreeMap<String, i64>,
    /// The pods of the emptiest domain; none where there are fewer domains than wanted.
    least: i64,
    /// One where the new pod counts itself.
    own: i64,
}

impl Counted {
    fn new(constraint: &Constraint, all: &[Constraint], cycle: Cycle<'_>) -> Self {
        let mut domains: BTreeMap<String, i64> = BTreeMap::new();
        let nodes = cycle.snapshot.nodes().iter().filter(|node| has_all_labels(all, node));
        for node in nodes.filter(|node| constraint.counts_node(cycle.pod, node)) {
            let domain = node.labels()[&constraint.topology_key].clone();
            *domains.entry(domain).or_default() += constraint.count_pods(cycle.pod, node);
        }
        let enough = domains.len() >= constraint.min_domains;
        let least = domains.values().min().copied().filter(|_| enough).unwrap_or_default();
        let own = i64::from(constraint.selector.matches(cycle.pod.labels()));
        Self { constraint: constraint.clone(), domains, least, own }
    }

    fn judge(&self, node: &NodeInfo) -> Result<(), Refusal> {
        let Some(domain) = node.labels().get(&self.constraint.topology_key) else {
            return Err(Refusal::unresolvable(REASON_LABEL));
        };
        let pods = self.domains.get(domain).copied().unwrap_or_default();
        match pods + self.own - self.least > self.constraint.max_skew {
            true => Err(Refusal::resolvable(REASON)),
            false => Ok(()),
        }
    }
}

pub(super) fn prepare<'a>(constraints: Vec<Constraint>, cycle: Cycle<'a>) -> Filter<'a> {
    let count = |constraint| Counted::new(constraint, &constraints, cycle);
    let counted: Vec<_> = constraints.iter().map(count).collect();
    Filter::each(move |node| counted.iter().try_for_each(|counted| counted.judge(node)))
}
