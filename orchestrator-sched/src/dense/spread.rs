//! PodTopologySpread by counters.

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use rustc_hash::FxHashSet;

use super::dims::{Counts, Dim, MISSING, Scope};
use super::plan::Plan;
use super::table::Table;
use crate::framework::Refusal;
use crate::plugins::pod_topology_spread::{self as spread, Constraint, HARD, SOFT};

/// The constraints of one pod.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Spread {
    pub hard: Vec<Constraint>,
    pub soft: Vec<Constraint>,
    /// Whether nodes without one of the labels get no score.
    needs_all_labels: bool,
    /// By hard constraint: 1 where the pod itself counts.
    own: Vec<i64>,
}

impl Spread {
    pub fn new(plan: &Plan, pod: &PodInfo, snapshot: &Snapshot) -> Self {
        let hard = plan.spread.as_ref().map(|plugin| plugin.constraints(pod, snapshot, HARD));
        let soft =
            plan.spread_score.as_ref().map(|(plugin, _)| plugin.constraints(pod, snapshot, SOFT));
        let hard = hard.unwrap_or_default();
        let own = hard.iter().map(|hard| i64::from(hard.selector.matches(pod.labels())));
        Self {
            own: own.collect(),
            hard,
            soft: soft.unwrap_or_default(),
            needs_all_labels: plan
                .spread_score
                .as_ref()
                .is_some_and(|(plugin, _)| plugin.needs_all_labels(pod)),
        }
    }

    /// Whether there are no constraints.
    pub fn is_empty(&self) -> bool {
        self.hard.is_empty() && self.soft.is_empty()
    }

    /// A dimension for each constraint, the hard ones first.
    pub fn dims(&self, table: &mut Table, snapshot: &Snapshot) -> Vec<Dim> {
        let mut dim = |constraint: &Constraint, scope, ranked| {
            let topology = table.topology(&constraint.topology_key, snapshot);
            Dim::new(table, topology, scope, ranked)
        };
        let hard = self.hard.iter().map(|hard| (hard, Scope::Domain, true));
        let soft = self.soft.iter().map(|soft| match soft.is_by_node() {
            true => (soft, Scope::Node, false),
            false => (soft, Scope::Domain, false),
        });
        hard.chain(soft).map(|(constraint, scope, ranked)| dim(constraint, scope, ranked)).collect()
    }

    /// Appends what a pod counts for each of the constraints.
    pub fn count(&self, pod: &PodInfo, other: &PodInfo, counts: &mut Counts) {
        let all = self.hard.iter().chain(&self.soft);
        counts.extend(all.map(|constraint| i64::from(constraint.counts_pod(pod, other))));
    }

    /// Whether the node's pods count for each of the constraints.
    pub fn counted(&self, pod: &PodInfo, node: &NodeInfo) -> impl Iterator<Item = bool> {
        let all_hard = spread::has_all_labels(&self.hard, node);
        let takes_part = !self.needs_all_labels || spread::has_all_labels(&self.soft, node);
        let hard = self.hard.iter().map(move |hard| all_hard && hard.counts_node(pod, node));
        let soft = self.soft.iter().map(move |soft| takes_part && soft.counts_node(pod, node));
        hard.chain(soft)
    }

    /// The hard constraint that nodes with these numbers break.
    pub fn refuses(&self, dims: &[Dim], numbers: &[i64]) -> Option<Refusal> {
        for (index, constraint) in self.hard.iter().enumerate() {
            if numbers[index] == MISSING {
                return Some(Refusal::unresolvable(spread::REASON_LABEL));
            }
            let (least, domains) = dims[index].least();
            let least = if domains >= constraint.min_domains { least } else { 0 };
            if numbers[index] + self.own[index] - least > constraint.max_skew {
                return Some(Refusal::resolvable(spread::REASON));
            }
        }
        None
    }

    /// The scores of strata before they are normalised; `strata` are those that can take the pod:
    /// how many nodes each has, its numbers, and its domain in a topology.
    pub fn raw_scores<D: Fn(usize) -> u32>(
        &self,
        dims: &[Dim],
        strata: &[(usize, &[i64], D)],
    ) -> Vec<i64> {
        let first = self.hard.len();
        let soft = |numbers: &[i64]| numbers[first..first + self.soft.len()].to_vec();
        let takes_part = |numbers: &[i64]| {
            !self.needs_all_labels || soft(numbers).iter().all(|number| *number != MISSING)
        };
        let weights: Vec<f64> = (0..self.soft.len())
            .map(|index| {
                let dim = &dims[first + index];
                let scored = strata.iter().filter(|(_, numbers, _)| takes_part(numbers));
                let size = match self.soft[index].is_by_node() {
                    true => scored.map(|(nodes, _, _)| nodes).sum(),
                    false if dim.needs_domain() => {
                        let domains = scored.map(|(_, _, domain)| domain(dim.topology));
                        domains.collect::<FxHashSet<_>>().len()
                    }
                    // Each node is a domain, and those without the label are one together.
                    false => {
                        let missing = |numbers: &[i64]| numbers[first + index] == MISSING;
                        let (without, with): (Vec<_>, Vec<_>) =
                            scored.partition(|(_, numbers, _)| missing(numbers));
                        with.iter().map(|(nodes, _, _)| nodes).sum::<usize>()
                            + usize::from(!without.is_empty())
                    }
                };
                spread::weight(size)
            })
            .collect();
        let score = |numbers: &[i64]| {
            if !takes_part(numbers) {
                return spread::LEFT_OUT;
            }
            let parts =
                self.soft.iter().zip(&weights).enumerate().map(|(index, (soft, weight))| {
                    match numbers[first + index] {
                        MISSING => 0.0,
                        pods => spread::score(pods, *weight, soft.max_skew),
                    }
                });
            spread::total(parts)
        };
        strata.iter().map(|(_, numbers, _)| score(numbers)).collect()
    }
}
