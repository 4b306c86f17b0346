//! Which node uses which objects, through the pods bound to it.

use std::collections::{BTreeMap, BTreeSet};

use orchestrator_core::object::Object;

use super::uses::{self, Kind, Use, text};
use crate::authz::follow::Image;

/// Pods with what they use, volumes with what they use, and what names a node itself.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pods: BTreeMap<String, Pod>,
    /// On which nodes there are how many pods that use something.
    users: BTreeMap<Use, BTreeMap<String, usize>>,
    volumes: BTreeMap<String, Volume>,
    /// The volumes that name a secret.
    volumes_of: BTreeMap<Use, BTreeSet<String>>,
    /// The node of each attachment.
    attachments: BTreeMap<String, String>,
    /// The node of each slice.
    slices: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Pod {
    node: String,
    uses: Vec<Use>,
}

#[derive(Debug)]
struct Volume {
    claim: Use,
    secrets: Vec<Use>,
}

impl Graph {
    /// Whether a pod on `node` leads to an object.
    pub(super) fn relates(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let is = |found: Option<&String>| found.is_some_and(|found| found == node);
        match kind {
            Kind::Pod => {
                let pod = self.pods.get(&format!("{namespace}/{name}"));
                is(pod.map(|pod| &pod.node))
            }
            Kind::Attachment => is(self.attachments.get(name)),
            Kind::Slice => is(self.slices.get(name)),
            Kind::Volume => self.has_volume(node, name),
            _ => {
                let wanted = Use { kind, namespace: namespace.to_owned(), name: name.to_owned() };
                let volumes = self.volumes_of.get(&wanted).into_iter().flatten();
                self.uses(node, &wanted)
                    || volumes.into_iter().any(|volume| self.has_volume(node, volume))
            }
        }
    }

    fn uses(&self, node: &str, wanted: &Use) -> bool {
        self.users.get(wanted).is_some_and(|nodes| nodes.contains_key(node))
    }

    fn has_volume(&self, node: &str, name: &str) -> bool {
        self.volumes.get(name).is_some_and(|volume| self.uses(node, &volume.claim))
    }

    fn put_pod(&mut self, key: &str, pod: &Object) {
        self.remove_pod(key);
        let node = pod.text_at(&["spec", "nodeName"]);
        if node.is_empty() {
            return;
        }
        let uses = uses::of_pod(pod);
        for used in &uses {
            let nodes = self.users.entry(used.clone()).or_default();
            *nodes.entry(node.to_owned()).or_default() += 1;
        }
        self.pods.insert(key.to_owned(), Pod { node: node.to_owned(), uses });
    }

    fn remove_pod(&mut self, key: &str) {
        let Some(Pod { node, uses }) = self.pods.remove(key) else { return };
        for used in uses {
            let Some(nodes) = self.users.get_mut(&used) else { continue };
            if let Some(count) = nodes.get_mut(&node) {
                *count -= 1;
                if *count == 0 {
                    nodes.remove(&node);
                }
            }
            if nodes.is_empty() {
                self.users.remove(&used);
            }
        }
    }

    fn put_volume(&mut self, name: &str, volume: &Object) {
        self.remove_volume(name);
        let Some(spec) = volume.get("spec") else { return };
        let claim = Use {
            kind: Kind::Claim,
            namespace: text(spec, &["claimRef", "namespace"]).to_owned(),
            name: text(spec, &["claimRef", "name"]).to_owned(),
        };
        if claim.name.is_empty() {
            return;
        }
        let secrets = uses::of_volume(volume);
        for secret in &secrets {
            self.volumes_of.entry(secret.clone()).or_default().insert(name.to_owned());
        }
        self.volumes.insert(name.to_owned(), Volume { claim, secrets });
    }

    fn remove_volume(&mut self, name: &str) {
        let Some(volume) = self.volumes.remove(name) else { return };
        for secret in volume.secrets {
            let Some(names) = self.volumes_of.get_mut(&secret) else { continue };
            names.remove(name);
            if names.is_empty() {
                self.volumes_of.remove(&secret);
            }
        }
    }
}

impl Image for Graph {
    const RESOURCES: &'static [(&'static str, &'static str, &'static str)] = &[
        ("", "v1", "pods"),
        ("", "v1", "persistentvolumes"),
        ("storage.k8s.io", "v1", "volumeattachments"),
        ("resource.k8s.io", "v1", "resourceslices"),
    ];

    fn put(&mut self, which: usize, key: &str, object: &Object) {
        let node = || object.text_at(&["spec", "nodeName"]).to_owned();
        match which {
            0 => self.put_pod(key, object),
            1 => self.put_volume(key, object),
            2 => drop(self.attachments.insert(key.to_owned(), node())),
            _ => drop(self.slices.insert(key.to_owned(), node())),
        }
    }

    fn remove(&mut self, which: usize, key: &str) {
        match which {
            0 => self.remove_pod(key),
            1 => self.remove_volume(key),
            2 => drop(self.attachments.remove(key)),
            _ => drop(self.slices.remove(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(json: orchestrator_core::Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    fn pod(node: &str) -> Object {
        object(json!({"metadata": {"name": "p", "namespace": "n"}, "spec": {
            "nodeName": node,
            "serviceAccountName": "bot",
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "env"}}}],
                "envFrom": [{"configMapRef": {"name": "from"}}]}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "e", "ephemeral": {"volumeClaimTemplate": {}}},
                {"projected": {"sources": [{"secret": {"name": "projected"}}]}}],
        }}))
    }

    #[test]
    fn a_node_reaches_what_its_pods_use_and_no_more() {
        let mut graph = Graph::default();
        graph.put(0, "n/p", &pod("one"));
        let volume = json!({"spec": {"claimRef": {"namespace": "n", "name": "data"},
            "csi": {"nodeStageSecretRef": {"namespace": "s", "name": "stage"}}}});
        graph.put(1, "pv", &object(volume));
        graph.put(2, "va", &object(json!({"spec": {"nodeName": "one"}})));
        let reached = [
            (Kind::Pod, "n", "p"),
            (Kind::Account, "n", "bot"),
            (Kind::Secret, "n", "env"),
            (Kind::Secret, "n", "projected"),
            (Kind::Secret, "s", "stage"),
            (Kind::ConfigMap, "n", "from"),
            (Kind::Claim, "n", "data"),
            (Kind::Claim, "n", "p-e"),
            (Kind::Volume, "", "pv"),
            (Kind::Attachment, "", "va"),
        ];
        for (kind, namespace, name) in reached {
            assert!(graph.relates("one", kind, namespace, name), "{kind:?} {namespace}/{name}");
            assert!(!graph.relates("two", kind, namespace, name), "{kind:?} {namespace}/{name}");
        }
        for (kind, namespace, name) in [
            (Kind::Secret, "n", "other"),
            (Kind::ConfigMap, "n", "env"),
            (Kind::Secret, "m", "env"),
        ] {
            assert!(!graph.relates("one", kind, namespace, name), "{kind:?} {namespace}/{name}");
        }
        graph.put(0, "n/p", &pod("two"));
        assert!(graph.relates("two", Kind::Secret, "s", "stage"));
        assert!(!graph.relates("one", Kind::Secret, "n", "env"));
        graph.remove(0, "n/p");
        assert!(graph.users.is_empty() && !graph.relates("two", Kind::Pod, "n", "p"));
        graph.remove(1, "pv");
        assert!(graph.volumes_of.is_empty());
    }

    #[test]
    fn a_mirror_pod_gives_no_rights() {
        let mut graph = Graph::default();
        let mut mirror = pod("one");
        mirror.set_meta("annotations", json!({"kubernetes.io/config.mirror": "x"}));
        graph.put(0, "n/p", &mirror);
        assert!(graph.relates("one", Kind::Pod, "n", "p"));
        assert!(!graph.relates("one", Kind::Secret, "n", "env"));
    }
}
