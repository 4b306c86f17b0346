//! NodeDeclaredFeatures: a pod that needs a feature of the kubelet goes where it is declared.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, PodSpec};
use orchestrator_core::scheduler::{ClusterEvent, PodInfo};

use crate::framework::{BuiltIn, Cycle, Filter, FilterPlugin, Plugin, Points, Reads, Refusal};

const REASON: &str = "node(s) didn't match Pod's required features";

/// A feature's name, and whether a pod needs it.
type Feature = (&'static str, fn(&PodSpec) -> bool);

/// The features that decide where a pod can run.
const FEATURES: [Feature; 2] = [
    ("RestartAllContainersOnContainerExits", restarts_all),
    ("UserNamespacesHostNetworkSupport", has_host_network_and_own_users),
];

/// Refuses nodes that do not declare a feature of the kubelet that the pod needs.
#[derive(Debug)]
pub struct NodeDeclaredFeatures;

impl Plugin for NodeDeclaredFeatures {
    fn name(&self) -> &'static str {
        "NodeDeclaredFeatures"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }
}

impl FilterPlugin for NodeDeclaredFeatures {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let needed = needed(cycle.pod);
        if needed.is_empty() {
            return Filter::Skip;
        }
        Filter::each(move |node| {
            let status = node.node.status.as_ref();
            let declared = status.and_then(|status| status.declared_features.as_deref());
            let has = |name: &&str| declared.unwrap_or_default().iter().any(|other| other == name);
            match needed.iter().all(has) {
                true => Ok(()),
                false => Err(Refusal::unresolvable(REASON)),
            }
        })
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Object)
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        match event {
            ClusterEvent::NodeAdded { .. } | ClusterEvent::NodeChanged { .. } => true,
            ClusterEvent::Updated { old } => needed(old) != needed(pod),
            _ => false,
        }
    }
}

fn needed(pod: &PodInfo) -> Vec<&'static str> {
    let Some(spec) = pod.spec() else { return Vec::new() };
    FEATURES.iter().filter(|(_, is_needed)| is_needed(spec)).map(|(name, _)| *name).collect()
}

fn restarts_all(spec: &PodSpec) -> bool {
    let restarts = |container: &Container| {
        let rules = container.restart_policy_rules.iter().flatten();
        rules.into_iter().any(|rule| rule.action == "RestartAllContainers")
    };
    spec.init_containers.iter().flatten().chain(&spec.containers).any(restarts)
}

fn has_host_network_and_own_users(spec: &PodSpec) -> bool {
    spec.host_network == Some(true) && spec.host_users == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{node, passing, pod};
    use serde_json::json;

    #[test]
    fn a_needed_feature_must_be_declared() {
        let declaring = |name: &str, features: &[&str]| {
            let status = json!({"declaredFeatures": features});
            node(name, json!({"metadata": {"name": name}, "status": status}))
        };
        let all = ["Another", "UserNamespacesHostNetworkSupport"];
        let nodes = [declaring("a", &[]), declaring("b", &all)];
        let needs = pod("p", json!({"hostNetwork": true, "hostUsers": false}));
        assert_eq!(passing(&NodeDeclaredFeatures, &needs, &nodes), ["b"]);
        assert_eq!(passing(&NodeDeclaredFeatures, &pod("p", json!({})), &nodes), ["a", "b"]);
    }
}
