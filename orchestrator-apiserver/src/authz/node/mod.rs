//! What a node may do: what the pods bound to it need, and what every node does.
//!
//! A node is a user `system:node:<name>` in `system:nodes`. It reads a secret, a config map, a
//! claim or a volume only while a pod on it uses it (`graph`); all else is the same for all nodes
//! and a table. The checks that need the object written belong to admission.

mod graph;
mod uses;

use std::sync::LazyLock;

use async_trait::async_trait;
use orchestrator_core::UserInfo;

use self::graph::Graph;
use self::uses::Kind;
use super::follow::Follow;
use super::{Attributes, Authorizer, Decision, ResourceTarget, Rule, Rules, Target};
use crate::bootstrap;
use crate::registry::Objects;

/// How the user of every node begins.
const PREFIX: &str = "system:node:";

/// The group that every node is in.
const GROUP: &str = "system:nodes";

/// The namespace of the nodes' own leases.
const LEASES: &str = "kube-node-lease";

/// Decides about requests of nodes and has no opinion about others.
#[derive(Debug)]
pub struct Nodes {
    graph: Follow<Graph>,
}

/// The node that a user is; `None` for another user, an empty name where the group says that it is
/// a node and the name does not say which.
pub(crate) fn name_of(user: &UserInfo) -> Option<&str> {
    let name = user.name.strip_prefix(PREFIX)?;
    user.is_in(GROUP).then_some(name)
}

impl Nodes {
    /// Decides by the pods among `objects`.
    pub fn new(objects: Objects) -> Self {
        Self { graph: Follow::new(objects) }
    }

    async fn decide(&self, node: &str, verb: &str, to: ResourceTarget<'_>) -> Option<Decision> {
        Some(match (to.group, to.resource) {
            ("", "secrets") => self.read(node, Kind::Secret, verb, to).await,
            ("", "configmaps") => self.read(node, Kind::ConfigMap, verb, to).await,
            ("", "persistentvolumeclaims") if to.subresource == "status" => match verb {
                "update" | "patch" => self.related(node, Kind::Claim, to).await,
                _ => no("can only get/update/patch this type"),
            },
            ("", "persistentvolumeclaims") => self.get(node, Kind::Claim, verb, to).await,
            ("", "persistentvolumes") => self.get(node, Kind::Volume, verb, to).await,
            ("resource.k8s.io", "resourceclaims") => {
                self.get(node, Kind::ResourceClaim, verb, to).await
            }
            ("storage.k8s.io", "volumeattachments") => {
                self.get(node, Kind::Attachment, verb, to).await
            }
            ("", "serviceaccounts") => self.token(node, verb, to).await,
            ("coordination.k8s.io", "leases") => lease(node, verb, to),
            ("storage.k8s.io", "csinodes") => csi_node(node, verb, to),
            ("resource.k8s.io", "resourceslices") => self.slice(node, verb, to).await,
            ("", "nodes") => own_node(node, verb, to),
            ("", "pods") => self.pod(node, verb, to).await,
            _ => return None,
        })
    }

    /// Whether a pod on the node uses the object.
    async fn related(&self, node: &str, kind: Kind, to: ResourceTarget<'_>) -> Decision {
        if to.name.is_empty() {
            return no("No Object name found");
        }
        let found = self.graph.look(|graph| graph.relates(node, kind, to.namespace, to.name)).await;
        match found {
            Ok(true) => yes(),
            _ => no(format!("no relationship found between node '{node}' and this object")),
        }
    }

    async fn get(&self, node: &str, kind: Kind, verb: &str, to: ResourceTarget<'_>) -> Decision {
        if verb != "get" {
            return no("can only get individual resources of this type");
        }
        if !to.subresource.is_empty() {
            return no("cannot get subresource");
        }
        self.related(node, kind, to).await
    }

    async fn read(&self, node: &str, kind: Kind, verb: &str, to: ResourceTarget<'_>) -> Decision {
        if !matches!(verb, "get" | "list" | "watch") {
            return no("can only read resources of this type");
        }
        if !to.subresource.is_empty() {
            return no("cannot read subresource");
        }
        if to.namespace.is_empty() {
            return no("can only read namespaced object of this type");
        }
        self.related(node, kind, to).await
    }

    async fn token(&self, node: &str, verb: &str, to: ResourceTarget<'_>) -> Decision {
        if verb != "create" || to.name.is_empty() {
            return no("can only create tokens for individual service accounts");
        }
        if to.subresource != "token" {
            return no("can only create token subresource of serviceaccount");
        }
        self.related(node, Kind::Account, to).await
    }

    async fn slice(&self, node: &str, verb: &str, to: ResourceTarget<'_>) -> Decision {
        if !to.subresource.is_empty() {
            return no("cannot authorize ResourceSlice subresources");
        }
        match verb {
            "create" => yes(),
            "get" | "update" | "patch" | "delete" => self.related(node, Kind::Slice, to).await,
            "watch" | "list" | "deletecollection" if narrowed(to, "nodeName", node) => yes(),
            "watch" | "list" | "deletecollection" => no(
                "can only list/watch/deletecollection resourceslices with nodeName field selector",
            ),
            _ => no("only the following verbs are allowed for a ResourceSlice: get, watch, list, \
                     create, update, patch, delete, deletecollection"),
        }
    }

    async fn pod(&self, node: &str, verb: &str, to: ResourceTarget<'_>) -> Decision {
        match (to.subresource, verb) {
            ("", "get") => self.related(node, Kind::Pod, to).await,
            ("", "list" | "watch") if narrowed(to, "spec.nodeName", node) => yes(),
            ("", "list" | "watch") if !to.name.is_empty() => {
                self.related(node, Kind::Pod, to).await
            }
            ("", "list" | "watch") => {
                no("can only list/watch pods with spec.nodeName field selector")
            }
            ("", "create" | "delete") | ("status", "update" | "patch") | ("eviction", "create") => {
                yes()
            }
            _ => no(""),
        }
    }
}

/// Whether a collection is narrowed to the objects that have the node's name in `field`.
fn narrowed(to: ResourceTarget<'_>, field: &str, node: &str) -> bool {
    let is_node = |value: &str| value == node;
    to.fields.iter().any(|term| term.equals && &*term.field == field && is_node(&term.value))
}

fn lease(node: &str, verb: &str, to: ResourceTarget<'_>) -> Decision {
    if !matches!(verb, "get" | "create" | "update" | "patch" | "delete") {
        return no("can only get, create, update, patch, or delete a node lease");
    }
    if to.namespace != LEASES {
        return no(format!("can only access leases in the {LEASES:?} system namespace"));
    }
    if verb != "create" && to.name != node {
        return no("can only access node lease with the same name as the requesting node");
    }
    yes()
}

fn csi_node(node: &str, verb: &str, to: ResourceTarget<'_>) -> Decision {
    if !matches!(verb, "get" | "create" | "update" | "patch" | "delete") {
        return no("can only get, create, update, patch, or delete a CSINode");
    }
    if !to.subresource.is_empty() {
        return no("cannot authorize CSINode subresources");
    }
    if verb != "create" && to.name != node {
        return no("can only access CSINode with the same name as the requesting node");
    }
    yes()
}

fn own_node(node: &str, verb: &str, to: ResourceTarget<'_>) -> Decision {
    match (to.subresource, verb) {
        ("", "create" | "update" | "patch") | ("status", "update" | "patch") => yes(),
        ("", "get" | "list" | "watch") => match to.name {
            name if name == node => yes(),
            "" => no(format!("node '{node}' cannot read all nodes, only its own Node object")),
            name => no(format!("node '{node}' cannot read '{name}', only its own Node object")),
        },
        _ => no(""),
    }
}

fn yes() -> Decision {
    Decision::Allow(String::new())
}

fn no(reason: impl Into<String>) -> Decision {
    Decision::NoOpinion(reason.into())
}

#[async_trait]
impl Authorizer for Nodes {
    async fn authorize(&self, attributes: Attributes<'_>) -> Decision {
        static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| bootstrap::rules_of("system:node"));
        let Some(node) = name_of(attributes.user) else { return no("") };
        if node.is_empty() {
            return no(format!("unknown node for user {:?}", attributes.user.name));
        }
        if let Target::Resource(to) = attributes.target
            && let Some(decision) = self.decide(node, attributes.verb, to).await
        {
            return decision;
        }
        match RULES.iter().any(|rule| rule.allows(attributes)) {
            true => yes(),
            false => no(""),
        }
    }

    async fn rules(&self, user: &UserInfo, _: &str) -> Rules {
        match name_of(user) {
            Some(_) => Rules {
                is_incomplete: true,
                error: "node authorizer does not support user rule resolution".into(),
                ..Rules::default()
            },
            None => Rules::default(),
        }
    }
}
