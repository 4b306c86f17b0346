//! One constraint, read: which nodes and pods count for it.

use k8s_openapi::api::core::v1::TopologySpreadConstraint;
use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use orchestrator_core::selector::{LabelSelector, Operator, Requirement};

use crate::matching::{RequiredNodes, first_untolerated};

/// The kind of constraint that must hold.
pub(crate) const HARD: &str = "DoNotSchedule";

/// The kind of constraint that should hold.
pub(crate) const SOFT: &str = "ScheduleAnyway";

/// The kinds of objects whose pods belong together when one of them owns the pod.
const OWNERS: [&str; 3] = ["ReplicationController", "ReplicaSet", "StatefulSet"];

/// A constraint as it holds for one pod.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constraint {
    pub max_skew: i64,
    pub topology_key: String,
    pub selector: LabelSelector,
    pub min_domains: usize,
    honors_affinity: bool,
    honors_taints: bool,
}

impl Constraint {
    fn new(wire: &TopologySpreadConstraint, pod: &PodInfo) -> Self {
        let honors = |policy: &Option<String>, default: &str| {
            policy.as_deref().unwrap_or(default) == "Honor"
        };
        Self {
            max_skew: i64::from(wire.max_skew),
            topology_key: wire.topology_key.clone(),
            selector: selector(wire, pod),
            min_domains: wire.min_domains.map_or(1, |n| usize::try_from(n).unwrap_or(1)),
            honors_affinity: honors(&wire.node_affinity_policy, "Honor"),
            honors_taints: honors(&wire.node_taints_policy, "Ignore"),
        }
    }

    /// Whether the node's pods count: it is one that the pod could go to, as far as the
    /// constraint cares.
    pub fn counts_node(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        let Some(spec) = pod.spec() else { return true };
        let tolerations = spec.tolerations.as_deref().unwrap_or_default();
        (!self.honors_affinity || RequiredNodes::of(spec).matches(node))
            && (!self.honors_taints || first_untolerated(node.taints(), tolerations).is_none())
    }

    /// How many of the node's pods count: those of the pod's namespace that stay; none for a
    /// selector that selects all.
    pub fn count_pods(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        if self.selector.is_everything() {
            return 0;
        }
        node.pods.iter().filter(|other| self.counts_pod(pod, other)).count() as i64
    }

    /// Whether a pod counts; none does for a selector that selects all.
    pub fn counts_pod(&self, pod: &PodInfo, other: &PodInfo) -> bool {
        !self.selector.is_everything()
            && other.key.namespace == pod.key.namespace
            && !other.is_terminating()
            && self.selector.matches(other.labels())
    }

    /// Whether a soft constraint counts the pods of each node by itself.
    pub fn is_by_node(&self) -> bool {
        self.topology_key == super::HOSTNAME
    }
}

/// Whether the node has the labels of all constraints.
pub(crate) fn has_all_labels(constraints: &[Constraint], node: &NodeInfo) -> bool {
    constraints.iter().all(|c| node.labels().contains_key(&c.topology_key))
}

/// The constraints of one kind.
pub(super) fn constraints(
    wire: &[TopologySpreadConstraint],
    pod: &PodInfo,
    kind: &str,
) -> Vec<Constraint> {
    let of_kind = wire.iter().filter(|constraint| constraint.when_unsatisfiable == kind);
    of_kind.map(|constraint| Constraint::new(constraint, pod)).collect()
}

/// The constraint's selector, narrowed to the pod's own values of the keys that it names.
fn selector(wire: &TopologySpreadConstraint, pod: &PodInfo) -> LabelSelector {
    let Ok(selector) = LabelSelector::from_api(wire.label_selector.as_ref()) else {
        return LabelSelector::nothing();
    };
    let own = wire.match_label_keys.iter().flatten().filter_map(|key| {
        let value = pod.labels().get(key)?;
        Requirement::new(key, Operator::Equals, [value.as_str()]).ok()
    });
    narrowed(&selector, own)
}

/// The selector with more requirements.
fn narrowed(
    selector: &LabelSelector,
    more: impl IntoIterator<Item = Requirement>,
) -> LabelSelector {
    if *selector == LabelSelector::nothing() {
        return LabelSelector::nothing();
    }
    LabelSelector::new(selector.requirements().iter().cloned().chain(more))
}

/// The pods that belong together with `pod`: selected by its Services and by its owner; `None`
/// where nothing says so.
pub(super) fn default_selector(pod: &PodInfo, snapshot: &Snapshot) -> Option<LabelSelector> {
    let namespace = pod.key.namespace.as_ref();
    let services = snapshot.groups("Service", namespace).map(|group| &group.selector);
    let services = services.filter(|s| !s.is_everything() && s.matches(pod.labels()));
    let owners = pod.pod.metadata.owner_references.iter().flatten();
    let owner = owners.into_iter().find(|owner| owner.controller == Some(true));
    let owned = owner.filter(|owner| OWNERS.contains(&owner.kind.as_str())).and_then(|owner| {
        let key = ObjectKey::new(namespace, owner.name.as_str());
        snapshot.group(&owner.kind, &key).map(|group| &group.selector)
    });
    let requirements = services.chain(owned).flat_map(|s| s.requirements().iter().cloned());
    let selector = LabelSelector::new(requirements);
    (!selector.is_everything()).then_some(selector)
}
