//! PodTopologySpread: pods of one kind are spread evenly over zones, nodes or other domains.
//!
//! A domain is a value of a label of nodes. A hard constraint limits by how much a domain may be
//! ahead of the emptiest; a soft one makes fuller domains worse. Which nodes and pods count is
//! the same question for both; see [`Constraint`].

mod constraint;
mod filter;
mod score;

use std::sync::Arc;

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo, Snapshot};

use crate::framework::{
    BuiltIn, Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Score, ScorePlugin,
};
pub(crate) use constraint::{Constraint, HARD, SOFT, has_all_labels};
use constraint::{constraints, default_selector};
pub(crate) use filter::{REASON, REASON_LABEL};
pub(crate) use score::{LEFT_OUT, reverse, score, total, weight};

/// The label that tells nodes apart.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// The label that tells zones apart.
const ZONE: &str = "topology.kubernetes.io/zone";

/// Spreads pods.
#[derive(Clone, Debug)]
pub struct PodTopologySpread {
    defaults: Vec<TopologySpreadConstraint>,
    /// Whether the defaults are our own; then a node need not have all of their labels.
    own_defaults: bool,
}

impl Default for PodTopologySpread {
    /// Pods that state nothing are spread over zones and nodes if they belong together.
    fn default() -> Self {
        let soft = |key: &str, max_skew| TopologySpreadConstraint {
            max_skew,
            topology_key: key.into(),
            when_unsatisfiable: SOFT.into(),
            ..TopologySpreadConstraint::default()
        };
        Self { defaults: vec![soft(HOSTNAME, 3), soft(ZONE, 5)], own_defaults: true }
    }
}

impl PodTopologySpread {
    /// Pods that state nothing are spread by `defaults` if they belong together.
    pub fn with_defaults(defaults: Vec<TopologySpreadConstraint>) -> Self {
        Self { defaults, own_defaults: false }
    }

    /// The constraints of one kind that hold for a pod: its own, or else the defaults.
    pub(crate) fn constraints(
        &self,
        pod: &PodInfo,
        snapshot: &Snapshot,
        kind: &str,
    ) -> Vec<Constraint> {
        let own = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref());
        match own.filter(|own| !own.is_empty()) {
            Some(own) => constraints(own, pod, kind),
            None => {
                let mut defaults = constraints(&self.defaults, pod, kind);
                let selector = (!defaults.is_empty()).then(|| default_selector(pod, snapshot));
                match selector.flatten() {
                    Some(selector) => {
                        defaults.iter_mut().for_each(|c| c.selector = selector.clone());
                        defaults
                    }
                    None => Vec::new(),
                }
            }
        }
    }

    /// Whether nodes without one of the labels are left out.
    pub(crate) fn needs_all_labels(&self, pod: &PodInfo) -> bool {
        let own = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_ref());
        !self.own_defaults || own.is_some_and(|own| !own.is_empty())
    }
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self);
    }
}

impl FilterPlugin for PodTopologySpread {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let constraints = self.constraints(cycle.pod, cycle.snapshot, HARD);
        if constraints.is_empty() {
            return Filter::Skip;
        }
        filter::prepare(constraints, cycle)
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Spread(self))
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        let own = pod.spec().and_then(|spec| spec.topology_spread_constraints.as_deref());
        let constraints = constraints(own.unwrap_or_default(), pod, HARD);
        // Which pods count by default is not at hand here.
        let by_default = constraints.is_empty();
        let counts = |other: &PodInfo| {
            other.key.namespace == pod.key.namespace
                && (by_default || constraints.iter().any(|c| c.selector.matches(other.labels())))
        };
        match event {
            ClusterEvent::PodBound { pod: other } | ClusterEvent::PodRemoved { pod: other } => {
                counts(other)
            }
            ClusterEvent::PodChanged { old, new } => {
                old.labels() != new.labels() && (counts(old) || counts(new))
            }
            ClusterEvent::NodeChanged { old, new } => {
                old.labels() != new.labels() || old.node.spec != new.node.spec
            }
            ClusterEvent::NodeAdded { .. } | ClusterEvent::Updated { .. } => true,
            _ => false,
        }
    }
}

impl ScorePlugin for PodTopologySpread {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, feasible: &[&'a NodeInfo]) -> Score<'a> {
        let constraints = self.constraints(cycle.pod, cycle.snapshot, SOFT);
        if constraints.is_empty() {
            return Score::skip();
        }
        score::prepare(constraints, cycle, feasible, self.needs_all_labels(cycle.pod))
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Spread(self))
    }
}
