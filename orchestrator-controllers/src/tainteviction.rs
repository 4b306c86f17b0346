//! Taint eviction: pods leave a node whose `NoExecute` taints they do not tolerate, or tolerate
//! for a time only.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, Patch, Recorder, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, Json, ObjectKey, Status};
use parking_lot::Mutex;
use serde_json::json;

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::placement::{taints, tolerates};
use crate::workload::pods::{INDEX_NODE, is_finished, node, node_name};

/// The effect of taints that drive pods away.
const NO_EXECUTE: &str = "NoExecute";

/// Evicts pods from tainted nodes; its keys are pods.
#[derive(Debug)]
pub struct TaintEvictionController {
    nodes: Informer<Node>,
    pods: Informer<Pod>,
    api: Api<Pod>,
    recorder: Recorder,
    /// Since when there are the taints that do not say so, by node.
    seen: Mutex<BTreeMap<String, Vec<Taint>>>,
}

impl TaintEvictionController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        let pods = deps.informers.of::<Pod>();
        pods.add_index(INDEX_NODE, node_name);
        Self {
            nodes: deps.informers.of(),
            pods,
            api: deps.client().api(),
            recorder: deps.recorder("taint-eviction-controller"),
            seen: Mutex::default(),
        }
    }

    /// The taints of a node that drive pods away; one that does not say since when it is there, as
    /// those that people set, counts from when it was first seen here.
    fn driving(&self, node: &Node, now: Timestamp) -> Vec<Taint> {
        let mut seen = self.seen.lock();
        let before = seen.remove(node.name()).unwrap_or_default();
        let driving = taints(node).iter().filter(|taint| taint.effect == NO_EXECUTE);
        let mut driving: Vec<_> = driving.cloned().collect();
        for taint in driving.iter_mut().filter(|taint| taint.time_added.is_none()) {
            let same = |other: &&Taint| other.key == taint.key && other.value == taint.value;
            let first = before.iter().find(same).and_then(|other| other.time_added.clone());
            taint.time_added = Some(first.unwrap_or(Time(now)));
        }
        if !driving.is_empty() {
            seen.insert(node.name().to_owned(), driving.clone());
        }
        driving
    }

    async fn evict(&self, pod: &Pod) -> Result<(), Status> {
        let message = format!("Marking for deletion Pod {}", pod.key());
        self.recorder.normal(pod, "TaintManagerEviction", message);
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": clock::now(self.api.client().env()),
        });
        let patch = json!({"metadata": {"uid": pod.uid()}, "status": {"conditions": [condition]}});
        let marked = self.api.patch_status(&pod.key(), Patch::Strategic(patch)).await.map(drop);
        let gone = |status: &Status| status.is_not_found() || status.is_conflict();
        marked.or_else(|status| if gone(&status) { Ok(()) } else { Err(status) })?;
        match self.api.delete(&pod.key(), &DeleteOptions::uid(pod.uid())).await {
            Err(status) if !gone(&status) => Err(status),
            _ => Ok(()),
        }
    }
}

/// When a pod has to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    /// It may stay.
    Forever,
    /// At this time.
    Until(Timestamp),
}

fn stay(taints: &[Taint], tolerations: &[Toleration]) -> Stay {
    let mut stay = Stay::Forever;
    for taint in taints.iter().filter(|taint| taint.effect == NO_EXECUTE) {
        let tolerated: Vec<_> = tolerations.iter().filter(|t| tolerates(t, taint)).collect();
        if tolerated.is_empty() {
            return Stay::Until(Timestamp::MIN);
        }
        // A toleration without a limit does not lift the limit of another.
        let Some(limit) = tolerated.iter().filter_map(|t| t.toleration_seconds).min() else {
            continue;
        };
        let since = taint.time_added.as_ref();
        let until = since.map_or(Timestamp::MIN, |since| clock::plus(since, limit.max(0)));
        stay = match stay {
            Stay::Until(before) if before <= until => stay,
            _ => Stay::Until(until),
        };
    }
    stay
}

/// The pods of a node whose taints have changed.
fn pods_of(pods: &Informer<Pod>, change: &Change) -> Vec<ObjectKey> {
    let taints = |item: &Option<Item>| {
        let tree = item.as_ref()?.lean().ok()?;
        tree.at(&["spec", "taints"]).cloned().filter(|taints| *taints != Json::Null)
    };
    let Some(node) = change.new.as_ref().filter(|_| taints(&change.old) != taints(&change.new))
    else {
        return Vec::new();
    };
    let on_node: Vec<Arc<Pod>> = pods.by_index(INDEX_NODE, &node.key().name);
    on_node.iter().map(|pod| pod.key()).collect()
}

/// A pod that has just been bound.
fn bound(change: &Change) -> Vec<ObjectKey> {
    let names = |item: &Option<Item>| {
        let tree = item.as_ref()?.lean().ok()?;
        Some((
            tree.text_at(&["spec", "nodeName"]).to_owned(),
            tree.at(&["spec", "tolerations"]).cloned(),
        ))
    };
    let new = names(&change.new).filter(|(node, _)| !node.is_empty());
    let changed = new.is_some() && new != names(&change.old);
    change.new.as_ref().filter(|_| changed).map(Item::key).into_iter().collect()
}

#[async_trait]
impl Controller for TaintEvictionController {
    fn name(&self) -> &str {
        "taint-eviction"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let pods = self.pods.clone();
        vec![
            WatchSpec::new(gvr::<Pod>(), bound),
            WatchSpec::new(gvr::<Node>(), move |change| pods_of(&pods, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(pod) = self.pods.get(key) else { return Ok(Outcome::Done) };
        let node = self.nodes.get(&ObjectKey::cluster(node(&pod)));
        let Some(node) = node.filter(|_| !pod.is_terminating() && !is_finished(&pod)) else {
            return Ok(Outcome::Done);
        };
        let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref());
        let now = cx.env.now();
        let driving = self.driving(&node, now);
        let Stay::Until(then) = stay(&driving, tolerations.unwrap_or_default()) else {
            return Ok(Outcome::Done);
        };
        match clock::until(now, then) {
            Some(wait) => Ok(Outcome::RequeueAfter(wait)),
            None => self.evict(&pod).await.map(|()| Outcome::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_stays_as_long_as_it_tolerates_every_taint() {
        let taints = |keys: &[(&str, &str)]| -> Vec<Taint> {
            let taint = |(key, effect): &(&str, &str)| {
                let taint =
                    json!({"key": key, "effect": effect, "timeAdded": "2026-01-01T00:00:00Z"});
                serde_json::from_value(taint).unwrap()
            };
            keys.iter().map(taint).collect()
        };
        let at = |text: &str| Stay::Until(text.parse().unwrap());
        let now = Stay::Until(Timestamp::MIN);
        let execute = ("a", "NoExecute");
        let cases = [
            (vec![("a", "NoSchedule")], json!([]), Stay::Forever),
            (vec![execute], json!([]), now),
            (vec![execute], json!([{"key": "a", "operator": "Exists"}]), Stay::Forever),
            (vec![execute], json!([{"operator": "Exists"}]), Stay::Forever),
            (vec![execute], json!([{"key": "a", "operator": "Equal", "value": "x"}]), now),
            (
                vec![execute],
                json!([{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]),
                now,
            ),
            (
                vec![execute],
                json!([{"key": "a", "operator": "Exists", "tolerationSeconds": 300}]),
                at("2026-01-01T00:05:00Z"),
            ),
            (
                vec![execute, ("b", "NoExecute")],
                json!([{"key": "a", "operator": "Exists", "tolerationSeconds": 300},
                    {"key": "b", "operator": "Exists", "tolerationSeconds": 60}]),
                at("2026-01-01T00:01:00Z"),
            ),
            (
                vec![execute],
                json!([{"key": "a", "operator": "Exists", "tolerationSeconds": -5}]),
                at("2026-01-01T00:00:00Z"),
            ),
        ];
        for (keys, tolerations, want) in cases {
            let typed: Vec<Toleration> = serde_json::from_value(tolerations.clone()).unwrap();
            assert_eq!(stay(&taints(&keys), &typed), want, "{keys:?} {tolerations}");
        }
    }
}
