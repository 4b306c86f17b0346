//! `NodeRestriction`: a node changes what is its own, and nothing by which it would gain.
//!
//! The step is not among those that are on by default; add it to a cluster whose nodes prove who
//! they are by certificates.

use async_trait::async_trait;
use orchestrator_core::object::{Map, Object};
use orchestrator_core::{GroupVersionResource, Json, Status};

use super::pod::MIRROR;
use super::{Admission, AdmissionRequest, Operation};

const GROUP: &str = "system:nodes";
const PREFIX: &str = "system:node:";
const LEASES: &str = "kube-node-lease";

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeRestriction;

#[async_trait]
impl Admission for NodeRestriction {
    fn name(&self) -> &'static str {
        "NodeRestriction"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.user.groups.iter().any(|group| group == GROUP)
            && request.user.name.starts_with(PREFIX)
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let node = &request.user.name[PREFIX.len()..];
        if node.is_empty() {
            let why = format!("could not determine node from user {:?}", request.user.name);
            return Err(request.forbidden(why));
        }
        let gvr = &request.resource.def.gvr;
        let refused = match (&*gvr.group, &*gvr.resource, request.subresource) {
            ("", "pods", "") => pod(request, node),
            ("", "pods", "status") => own_pod(request.old, node),
            ("", "pods", "eviction") => {
                let pods = GroupVersionResource::new("", "v1", "pods");
                let name = request.known_name();
                match request.objects.get(&pods, request.namespace, name).await? {
                    Some(item) => own_pod(Some(item.tree().map_err(Status::internal)?), node),
                    None => None,
                }
            }
            ("", "nodes", _) => node_object(request, node),
            ("coordination.k8s.io", "leases", _) => lease(request, node),
            ("storage.k8s.io", "csinodes", _) => csi_node(request, node),
            _ => None,
        };
        refused.map_or(Ok(()), |why| Err(request.forbidden(why)))
    }
}

fn own_pod(pod: Option<&Object>, node: &str) -> Option<String> {
    let named = pod?.text_at(&["spec", "nodeName"]);
    (named != node).then(|| {
        format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        )
    })
}

/// A node makes mirror pods of its own, and deletes what runs on it.
fn pod(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    match request.operation {
        Operation::Create => mirror_pod(&request.object, node),
        Operation::Delete => {
            let named = request.old?.text_at(&["spec", "nodeName"]);
            (named != node).then(|| {
                format!("node {node:?} can only delete pods with spec.nodeName set to itself")
            })
        }
        _ => Some(format!("unexpected operation for node {node:?}")),
    }
}

fn mirror_pod(pod: &Object, node: &str) -> Option<String> {
    if pod.annotation(MIRROR).is_none() {
        return Some(format!(
            "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
        ));
    }
    if pod.text_at(&["spec", "nodeName"]) != node {
        return Some(format!(
            "node {node:?} can only create pods with spec.nodeName set to itself"
        ));
    }
    if !pod.text_at(&["spec", "serviceAccountName"]).is_empty() {
        return Some(format!("node {node:?} can not create pods that reference a service account"));
    }
    let volumes = pod.at(&["spec", "volumes"]).and_then(Json::as_array).into_iter().flatten();
    for (field, what) in [
        ("secret", "secrets"),
        ("configMap", "configmaps"),
        ("persistentVolumeClaim", "persistentvolumeclaims"),
    ] {
        if volumes.clone().any(|volume| volume.get(field).is_some_and(|v| !v.is_null())) {
            return Some(format!("node {node:?} can not create pods that reference {what}"));
        }
    }
    None
}

fn node_object(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    let name = request.known_name();
    if name != node {
        return Some(format!("node {node:?} is not allowed to modify node {name:?}"));
    }
    let object = &request.object;
    match (request.operation, request.old) {
        (Operation::Create, _) => {
            if object.owner_references().next().is_some() {
                return Some(format!("node {node:?} is not allowed to set ownerReferences"));
            }
            labels(node, object.labels(), None)
        }
        (Operation::Update, Some(old)) => {
            if object.at(&["spec", "taints"]) != old.at(&["spec", "taints"]) {
                return Some(format!("node {node:?} is not allowed to modify taints"));
            }
            if object.meta("ownerReferences") != old.meta("ownerReferences") {
                return Some(format!("node {node:?} is not allowed to modify ownerReferences"));
            }
            labels(node, object.labels(), old.labels())
        }
        _ => None,
    }
}

/// Labels of others' domains by which pods are placed are not for the node to set.
fn labels(node: &str, new: Option<&Map>, old: Option<&Map>) -> Option<String> {
    let value = |map: Option<&Map>, key: &str| map.and_then(|map| map.get(key)).cloned();
    let keys = [new, old].into_iter().flatten().flat_map(|map| map.keys());
    let mut odd: Vec<&str> = keys
        .map(|key| key.as_str())
        .filter(|key| value(new, key) != value(old, key) && is_forbidden(key))
        .collect();
    odd.sort_unstable();
    odd.dedup();
    (!odd.is_empty())
        .then(|| format!("is not allowed to modify labels: {}", odd.join(", ")))
        .map(|why| format!("node {node:?} {why}"))
}

/// What a node may say of itself under the domains of Kubernetes.
const KNOWN: [&str; 12] = [
    "kubernetes.io/hostname",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "beta.kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/arch",
    "node.kubernetes.io/exclude-from-external-load-balancers",
];

fn is_forbidden(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    let below = |of: &str| domain == of || domain.ends_with(&format!(".{of}"));
    if below("node-restriction.kubernetes.io") {
        return true;
    }
    if !below("kubernetes.io") && !below("k8s.io") {
        return false;
    }
    !(KNOWN.contains(&key) || below("kubelet.kubernetes.io") || below("node.kubernetes.io"))
}

fn lease(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    if request.namespace != LEASES {
        return Some(format!("can only access leases in the {LEASES:?} system namespace"));
    }
    (request.known_name() != node).then(|| {
        String::from("can only access node lease with the same name as the requesting node")
    })
}

fn csi_node(request: &AdmissionRequest<'_>, node: &str) -> Option<String> {
    (request.known_name() != node)
        .then(|| String::from("can only access CSINode with the same name as the requesting node"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_may_not_label_itself_as_it_likes() {
        let rows = [
            ("app", false),
            ("example.com/x", false),
            ("kubernetes.io/hostname", false),
            ("kubelet.kubernetes.io/x", false),
            ("node.kubernetes.io/x", false),
            ("kubernetes.io/x", true),
            ("other.k8s.io/x", true),
            ("node-restriction.kubernetes.io/x", true),
        ];
        for (key, forbidden) in rows {
            assert_eq!(is_forbidden(key), forbidden, "{key}");
        }
    }

    #[test]
    fn a_node_makes_mirror_pods_only() {
        let check = |pod: Json| mirror_pod(&serde_json::from_value(pod).unwrap(), "n");
        let mirror = json!({"annotations": {"kubernetes.io/config.mirror": "x"}});
        assert!(check(json!({"spec": {"nodeName": "n"}})).is_some());
        assert!(check(json!({"metadata": mirror, "spec": {"nodeName": "m"}})).is_some());
        assert_eq!(check(json!({"metadata": mirror, "spec": {"nodeName": "n"}})), None);
        let secret = json!({"nodeName": "n", "volumes": [{"secret": {"secretName": "s"}}]});
        assert!(check(json!({"metadata": mirror, "spec": secret})).is_some());
    }
}
