//! The life of nodes: who is silent becomes `Unknown`, who is not ready is tainted.
//!
//! A node speaks by its status and by renewing its lease. One that does neither for the grace
//! period is marked; the taints that follow keep new pods away and let
//! [taint eviction](crate::tainteviction) move the old ones, at the pace that `zones` allows. Signs of life are timed by our own
//! clock; losing what was seen only restarts the grace period.

mod health;
mod taints;
mod zones;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, NodeStatus, Pod};
use orchestrator_client::{Api, Informer, KindExt, Patch, Recorder, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, ObjectKey, Status};
use parking_lot::Mutex;
use serde_json::json;

use crate::clock;
use crate::deps::{Config, ControllerDeps};
use crate::workload::pods::{INDEX_NODE, is_ready, node_name};
use health::{Sign, readiness};
use zones::{Census, Leave, Pace};

/// The namespace of the nodes' leases.
const LEASES: &str = "kube-node-lease";

/// Watches over nodes.
#[derive(Debug)]
pub struct NodeLifecycleController {
    nodes: Informer<Node>,
    leases: Informer<Lease>,
    pods: Informer<Pod>,
    api: Api<Node>,
    pod_api: Api<Pod>,
    recorder: Recorder,
    config: Config,
    signs: Mutex<BTreeMap<String, Sign>>,
    census: Arc<Mutex<Census>>,
    pace: Mutex<Pace>,
}

impl NodeLifecycleController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_NODE, node_name);
        Self {
            nodes: deps.informers.of(),
            leases: deps.informers.of(),
            pods,
            api: deps.client().api(),
            pod_api: deps.client().api(),
            recorder: deps.recorder("node-controller"),
            config: deps.config.clone(),
            signs: Mutex::default(),
            census: Arc::default(),
            pace: Mutex::default(),
        }
    }

    /// Notes the node's last sign of life; tells how long it may still be silent.
    fn patience(&self, node: &Node) -> Option<Duration> {
        let now = self.api.client().env().instant();
        let lease = self.leases.get(&ObjectKey::new(LEASES, node.name()));
        let mut signs = self.signs.lock();
        let before = signs.remove(node.name());
        if before.is_none() {
            let name = node.name();
            let message = format!("Node {name} event: Registered Node {name} in Controller");
            self.recorder.normal(node, "RegisteredNode", message);
        }
        let sign = Sign::update(before, node, lease.as_deref(), now);
        let grace = match health::condition(node, "Ready") {
            Some(_) => self.config.node_grace,
            None => self.config.node_startup_grace,
        };
        signs.entry(node.name().to_owned()).or_insert(sign).patience(grace, now)
    }

    /// Writes what a node's silence means; returns the node as it is then.
    async fn silence(&self, node: Arc<Node>) -> Result<Arc<Node>, Status> {
        let now = clock::now(self.api.client().env());
        let Some(conditions) = health::silenced(&node, &now) else { return Ok(node) };
        let was_ready = readiness(&node) == "True";
        let mut wanted = Node::clone(&node);
        wanted.status = Some(NodeStatus {
            conditions: Some(conditions),
            ..wanted.status.take().unwrap_or_default()
        });
        let written = self.api.update_status(&wanted).await?;
        if was_ready {
            let message = format!("Node {} status is now: NodeNotReady", node.name());
            self.recorder.normal(&*node, "NodeNotReady", message);
        }
        Ok(written)
    }

    /// Writes the taints that follow from a node's conditions; tells how long the node has to wait
    /// until it may be given up.
    async fn taint(&self, node: &Node) -> Result<Option<Duration>, Status> {
        let now = clock::now(self.api.client().env());
        let leave = match readiness(node) {
            "True" => Leave::Now,
            _ => self.leave(node),
        };
        let wait = match leave {
            Leave::Later(wait) => Some(wait),
            _ => None,
        };
        let Some(taints) = taints::desired(node, &now, leave == Leave::Now) else {
            return Ok(wait);
        };
        let version = &node.metadata.resource_version;
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}});
        self.api.patch(&node.key(), Patch::Merge(patch)).await?;
        Ok(wait)
    }

    /// Whether a silent node may be given up; one that was stays so while any node speaks.
    fn leave(&self, node: &Node) -> Leave {
        let census = self.census.lock();
        if taints::is_given_up(node) && !census.is_all_silent() {
            return Leave::Now;
        }
        let now = self.api.client().env().instant();
        self.pace.lock().take(&zones::zone(node), &census, now)
    }

    /// The pods of a node that does not speak cannot be ready: services must leave them out.
    async fn unready_pods(&self, node: &Node) -> Result<(), Status> {
        let now = clock::now(self.api.client().env());
        for pod in self.pods.by_index(INDEX_NODE, node.name()) {
            if !is_ready(&pod) {
                continue;
            }
            let condition = json!({"type": "Ready", "status": "False", "lastTransitionTime": now});
            let patch =
                json!({"metadata": {"uid": pod.uid()}, "status": {"conditions": [condition]}});
            match self.pod_api.patch_status(&pod.key(), Patch::Strategic(patch)).await {
                Err(status) if !status.is_not_found() && !status.is_conflict() => {
                    return Err(status);
                }
                _ => self.recorder.warning(&*pod, "NodeNotReady", "Node is not ready"),
            }
        }
        Ok(())
    }
}

/// The nodes that do not speak, where a zone has come into another state.
fn silent_others(
    nodes: &Informer<Node>,
    census: &Mutex<Census>,
    change: &Change,
) -> Vec<ObjectKey> {
    let Some(key) = change.item().map(Item::key) else { return Vec::new() };
    let node = change.new.as_ref().and_then(|item| item.typed::<Node>().ok());
    if !census.lock().note(&key.name, node.as_deref()) {
        return Vec::new();
    }
    let silent = nodes.list().into_iter().filter(|node| readiness(node) != "True");
    silent.map(|node| node.key()).collect()
}

/// The node of a lease.
fn leased(change: &Change) -> Vec<ObjectKey> {
    let key = change.item().map(Item::key).filter(|key| key.namespace == LEASES);
    key.map(|key| ObjectKey::cluster(&*key.name)).into_iter().collect()
}

#[async_trait]
impl Controller for NodeLifecycleController {
    fn name(&self) -> &str {
        "node-lifecycle"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let (nodes, census) = (self.nodes.clone(), Arc::clone(&self.census));
        vec![
            WatchSpec::own(gvr::<Node>()),
            WatchSpec::new(gvr::<Node>(), move |c| silent_others(&nodes, &census, c)),
            WatchSpec::new(gvr::<Lease>(), leased),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(node) = self.nodes.get(key) else {
            self.signs.lock().remove(&*key.name);
            return Ok(Outcome::Done);
        };
        let patience = self.patience(&node);
        let node = match patience {
            Some(_) => node,
            None => self.silence(node).await?,
        };
        let wait = self.taint(&node).await?;
        if patience.is_none() && readiness(&node) == "Unknown" {
            self.unready_pods(&node).await?;
        }
        let next = clock::sooner(patience, wait);
        Ok(next.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}
