//! Pod garbage: pods of nodes that are gone, pods that can never end, and too many ended ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, Patch, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Object, ObjectKey, Status};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::pods::{INDEX_NODE, is_finished, node, node_name};

/// How long a node must have been missing before its pods go: it may only be registering anew.
const QUARANTINE: Duration = Duration::from_secs(40);
/// The index of pods that have ended.
const INDEX_FINISHED: &str = "finished";
/// The name of the key that stands for the number of ended pods; pods have namespaces, it has none.
const ENDED: &str = "ended-pods";

/// Deletes pods that nobody else will; its keys are pods.
#[derive(Debug)]
pub struct PodGarbageCollector {
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    api: Api<Pod>,
    node_api: Api<Node>,
    threshold: usize,
    /// Since when nodes that pods are bound to have been missing.
    missing: Mutex<BTreeMap<String, Instant>>,
}

impl PodGarbageCollector {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_NODE, node_name);
        pods.add_index(INDEX_FINISHED, finished);
        Self {
            nodes: deps.informers.of(),
            pods,
            api: deps.client().api(),
            node_api: deps.client().api(),
            threshold: deps.config.terminated_pods,
            missing: Mutex::default(),
        }
    }

    /// Deletes a pod whose node is gone, after a quarantine.
    async fn orphan(&self, pod: &Pod) -> Result<Outcome, Status> {
        let name = node(pod);
        let now = self.api.client().env().instant();
        let since = *self.missing.lock().entry(name.to_owned()).or_insert(now);
        let wait = (since + QUARANTINE).saturating_duration_since(now);
        if !wait.is_zero() {
            return Ok(Outcome::RequeueAfter(wait));
        }
        if self.node_api.find(&ObjectKey::cluster(name)).await?.is_some() {
            return Ok(Outcome::Done);
        }
        self.fail_and_delete(pod).await?;
        Ok(Outcome::Done)
    }

    async fn fail_and_delete(&self, pod: &Pod) -> Result<(), Status> {
        if !is_finished(pod) {
            let condition = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
                "message": "PodGC: node no longer exists",
                "lastTransitionTime": clock::now(self.api.client().env()),
            });
            let status = json!({"phase": "Failed", "conditions": [condition]});
            let patch = json!({"metadata": {"uid": pod.uid()}, "status": status});
            ignore_gone(
                self.api.patch_status(&pod.key(), Patch::Strategic(patch)).await.map(drop),
            )?;
        }
        self.delete(pod).await
    }

    async fn delete(&self, pod: &Pod) -> Result<(), Status> {
        let options = DeleteOptions::uid(pod.uid()).grace(0);
        ignore_gone(self.api.delete(&pod.key(), &options).await)
    }

    /// Deletes the oldest ended pods beyond the threshold.
    async fn thin_out(&self) -> Result<(), Status> {
        let ended = self.pods.by_index(INDEX_FINISHED, ENDED);
        for pod in surplus(ended, self.threshold) {
            self.delete(&pod).await?;
        }
        Ok(())
    }
}

/// The oldest of `ended` beyond the threshold; none where there is no threshold.
fn surplus(mut ended: Vec<Arc<Pod>>, threshold: usize) -> Vec<Arc<Pod>> {
    let excess = if threshold == 0 { 0 } else { ended.len().saturating_sub(threshold) };
    ended.sort_by_key(|pod| (pod.metadata.creation_timestamp.clone(), pod.key()));
    ended.truncate(excess);
    ended
}

fn ignore_gone(result: Result<(), Status>) -> Result<(), Status> {
    result.or_else(|status| match status.is_not_found() || status.is_conflict() {
        true => Ok(()),
        false => Err(status),
    })
}

/// The values of [`INDEX_FINISHED`].
fn finished(pod: &Object) -> Vec<String> {
    let ended = matches!(pod.text_at(&["status", "phase"]), "Succeeded" | "Failed");
    if ended { vec![ENDED.to_owned()] } else { Vec::new() }
}

/// A pod, and with it the number of ended pods where it has just ended.
fn concerned(change: &Change) -> Vec<ObjectKey> {
    let ended = |item: &Option<Item>| {
        let tree = item.as_ref().and_then(|item| item.lean().ok());
        tree.is_some_and(|tree| !finished(&tree).is_empty())
    };
    let own = change.new.as_ref().map(Item::key);
    let all = (ended(&change.new) && !ended(&change.old)).then(|| ObjectKey::cluster(ENDED));
    own.into_iter().chain(all).collect()
}

/// The pods of a node that has just gone.
fn abandoned(pods: &Informer<Pod>, change: &Change) -> Vec<ObjectKey> {
    let Some(node) = change.old.as_ref().filter(|_| change.new.is_none()) else {
        return Vec::new();
    };
    pods.by_index(INDEX_NODE, &node.key().name).iter().map(|pod| pod.key()).collect()
}

#[async_trait]
impl Controller for PodGarbageCollector {
    fn name(&self) -> &str {
        "pod-garbage-collector"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let pods = self.pods.clone();
        vec![
            WatchSpec::new(gvr::<Pod>(), concerned),
            WatchSpec::new(gvr::<Node>(), move |change| abandoned(&pods, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        if key.namespace.is_empty() {
            return self.thin_out().await.map(|()| Outcome::Done);
        }
        let Some(pod) = self.pods.get(key) else { return Ok(Outcome::Done) };
        let name = node(&pod);
        if name.is_empty() {
            // Nobody runs it, so nobody would end it.
            if pod.is_terminating() {
                self.delete(&pod).await?;
            }
            return Ok(Outcome::Done);
        }
        if self.nodes.get(&ObjectKey::cluster(name)).is_some() {
            self.missing.lock().remove(name);
            return Ok(Outcome::Done);
        }
        self.orphan(&pod).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ended_pods_beyond_the_threshold_go() {
        let pod = |name: &str, made: &str| -> Arc<Pod> {
            let pod = json!({"metadata": {"name": name, "creationTimestamp": made}});
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        let ended = vec![
            pod("b", "2026-01-02T00:00:00Z"),
            pod("a", "2026-01-02T00:00:00Z"),
            pod("c", "2026-01-01T00:00:00Z"),
        ];
        let names = |threshold| {
            let surplus = surplus(ended.clone(), threshold);
            surplus.iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(1), ["c", "a"]);
        assert!(names(3).is_empty());
        assert!(names(0).is_empty());
    }
}
