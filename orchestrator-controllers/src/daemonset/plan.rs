//! Which daemons to make and which to delete.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use orchestrator_client::KindExt;

use super::pod::{Place, place, target};
use crate::workload::history::HASH_LABEL;
use crate::workload::pods::{is_active, is_available, is_ready, phase};
use crate::workload::scaled::{Round, scaled};

/// The nodes of a cluster as one DaemonSet sees them.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub set: &'a DaemonSet,
    pub nodes: Vec<(String, Place)>,
    /// The pods by the node that they are on or meant for, oldest first.
    pub pods: BTreeMap<String, Vec<Arc<Pod>>>,
    /// The hash of the present template.
    pub hash: String,
    pub now: Timestamp,
}

/// What to do.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// The nodes that get a daemon.
    pub create: Vec<String>,
    /// The pods that go.
    pub delete: Vec<Arc<Pod>>,
}

/// How far an update may go at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    unavailable: usize,
    surge: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(
        set: &'a DaemonSet,
        nodes: &[Arc<Node>],
        pods: Vec<Arc<Pod>>,
        hash: &str,
        now: Timestamp,
    ) -> Self {
        let nodes = nodes.iter().map(|node| (node.name().to_owned(), place(set, node))).collect();
        let mut by_node = BTreeMap::<String, Vec<Arc<Pod>>>::new();
        for pod in pods {
            by_node.entry(target(&pod).to_owned()).or_default().push(pod);
        }
        for pods in by_node.values_mut() {
            pods.sort_by_key(|pod| {
                (pod.metadata.creation_timestamp.clone(), pod.metadata.name.clone())
            });
        }
        Self { set, nodes, pods: by_node, hash: hash.into(), now }
    }

    fn on(&self, node: &str) -> &[Arc<Pod>] {
        self.pods.get(node).map_or(&[], Vec::as_slice)
    }

    fn is_new(&self, pod: &Pod) -> bool {
        pod.label(HASH_LABEL) == Some(&self.hash)
    }

    fn is_up(&self, pod: &Pod) -> bool {
        let min_ready = self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
        !pod.is_terminating() && is_available(pod, min_ready.unwrap_or(0), self.now)
    }

    /// What is to be done now.
    pub(super) fn plan(&self) -> Plan {
        let mut plan = Plan::default();
        for (node, place) in &self.nodes {
            let active: Vec<_> = self.on(node).iter().filter(|pod| is_active(pod)).collect();
            // A pod that failed makes room for another; one on its way out does so when gone.
            let ended = self.on(node).iter().filter(|pod| {
                !pod.is_terminating() && matches!(phase(pod), "Failed" | "Succeeded")
            });
            plan.delete.extend(ended.cloned());
            match place {
                Place::Run if self.on(node).is_empty() => plan.create.push(node.clone()),
                Place::Run | Place::Stay => plan.delete.extend(self.doubles(&active)),
                Place::Leave => plan.delete.extend(active.into_iter().cloned()),
            }
        }
        // What is meant for a node that is gone.
        let known = |node: &String| self.nodes.iter().any(|(name, _)| name == node);
        let stray = self.pods.iter().filter(|(node, _)| !known(node)).flat_map(|(_, pods)| pods);
        plan.delete.extend(stray.filter(|pod| is_active(pod)).cloned());
        if plan == Plan::default() {
            self.update(&mut plan);
        }
        plan
    }

    /// All active pods of a node but the one that stays; a new one beside an old one is how an
    /// update with a surge goes.
    fn doubles(&self, active: &[&Arc<Pod>]) -> Vec<Arc<Pod>> {
        let group = |new: bool| active.iter().filter(move |pod| self.is_new(pod) == new).copied();
        let surging = self.limits().surge > 0;
        let skip = usize::from(group(true).next().is_none() || surging);
        let old: Vec<_> = group(false).skip(skip).cloned().collect();
        group(true).skip(1).cloned().chain(old).collect()
    }

    /// The next step of a rolling update.
    fn update(&self, plan: &mut Plan) {
        let spec = self.set.spec.clone().unwrap_or_default();
        let strategy = spec.update_strategy.unwrap_or_default();
        if strategy.type_.as_deref() == Some("OnDelete") {
            return;
        }
        let limits = self.limits();
        let running = self.nodes.iter().filter(|(_, place)| *place == Place::Run);
        let (mut down, mut surging) = (0, 0);
        let mut old_up = Vec::new();
        for (node, _) in running {
            let pods = self.on(node);
            let new = pods.iter().find(|pod| self.is_new(pod) && is_active(pod));
            let old = pods.iter().find(|pod| !self.is_new(pod) && is_active(pod));
            let up = pods.iter().any(|pod| self.is_up(pod));
            down += usize::from(!up);
            match (old, new) {
                (Some(old), Some(new)) if self.is_up(new) => plan.delete.push(Arc::clone(old)),
                (Some(_), Some(_)) => surging += 1,
                // What is not available anyway can go without harm.
                (Some(old), None) if !up => plan.delete.push(Arc::clone(old)),
                (Some(old), None) => old_up.push((node, old)),
                _ => {}
            }
        }
        if limits.surge > 0 {
            let room = limits.surge.saturating_sub(surging);
            plan.create.extend(old_up.iter().take(room).map(|(node, _)| (*node).clone()));
        } else {
            let room = limits.unavailable.saturating_sub(down);
            plan.delete.extend(old_up.iter().take(room).map(|(_, pod)| Arc::clone(pod)));
        }
    }

    fn limits(&self) -> Limits {
        let strategy = self.set.spec.as_ref().and_then(|spec| spec.update_strategy.clone());
        let rolling = strategy.and_then(|strategy| strategy.rolling_update).unwrap_or_default();
        let desired = self.nodes.iter().filter(|(_, place)| *place == Place::Run).count();
        let resolve = |value: Option<IntOrString>, default: i32| {
            let value = value.unwrap_or(IntOrString::Int(default));
            let number = scaled(&value, i32::try_from(desired).unwrap_or(i32::MAX), Round::Up);
            number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
        };
        let surge = resolve(rolling.max_surge, 0);
        let unavailable = resolve(rolling.max_unavailable, 1);
        Limits { surge, unavailable: if surge == 0 { unavailable.max(1) } else { unavailable } }
    }

    /// The status as the nodes and pods are.
    pub(super) fn status(&self) -> DaemonSetStatus {
        let mut status = DaemonSetStatus {
            observed_generation: self.set.metadata.generation,
            collision_count: self.set.status.as_ref().and_then(|status| status.collision_count),
            conditions: self.set.status.as_ref().and_then(|status| status.conditions.clone()),
            ..DaemonSetStatus::default()
        };
        let (mut updated, mut available) = (0, 0);
        for (node, place) in &self.nodes {
            let pods = self.on(node);
            if *place != Place::Run {
                status.number_misscheduled += i32::from(!pods.is_empty());
                continue;
            }
            status.desired_number_scheduled += 1;
            status.current_number_scheduled += i32::from(!pods.is_empty());
            status.number_ready +=
                i32::from(pods.iter().any(|p| is_ready(p) && !p.is_terminating()));
            available += i32::from(pods.iter().any(|pod| self.is_up(pod)));
            updated += i32::from(pods.iter().any(|pod| self.is_new(pod) && is_active(pod)));
        }
        let shown = |number: i32| Some(number).filter(|number| *number != 0);
        status.updated_number_scheduled = shown(updated);
        status.number_available = shown(available);
        status.number_unavailable = shown(status.desired_number_scheduled - available);
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn set(rolling: Value) -> DaemonSet {
        let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
        serde_json::from_value(json!({"metadata": {"name": "d", "generation": 1}, "spec": {
            "selector": {}, "template": {"spec": {"containers": []}}, "updateStrategy": strategy}}))
        .unwrap()
    }

    fn nodes(count: usize) -> Vec<Arc<Node>> {
        let node = |index| json!({"metadata": {"name": format!("n{index}")}});
        (0..count).map(|index| Arc::new(serde_json::from_value(node(index)).unwrap())).collect()
    }

    /// Pods as `name@node:hash:state`, with the states `up`, `down`, `failed`.
    fn pods(text: &str) -> Vec<Arc<Pod>> {
        let pod = |word: &str| {
            let (name, rest) = word.split_once('@').unwrap();
            let parts: Vec<_> = rest.split(':').collect();
            let ready = if parts[2] == "up" { "True" } else { "False" };
            let phase = if parts[2] == "failed" { "Failed" } else { "Running" };
            let pod = json!({"metadata": {"name": name, "labels": {HASH_LABEL: parts[1]}},
                "spec": {"nodeName": parts[0], "containers": []},
                "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        text.split_whitespace().map(pod).collect()
    }

    fn run(count: usize, rolling: Value, text: &str) -> String {
        let set = set(rolling);
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let view = View::new(&set, &nodes(count), pods(text), "new", now);
        let plan = view.plan();
        let made = plan.create.iter().map(|node| format!("+{node}"));
        let gone = plan.delete.iter().map(|pod| format!("-{}", pod.name()));
        made.chain(gone).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_node_has_one_daemon() {
        let none = || json!({});
        assert_eq!(run(2, none(), "a@n0:new:up"), "+n1");
        assert_eq!(run(1, none(), "a@n0:new:up b@n0:new:down"), "-b");
        assert_eq!(run(1, none(), "a@n0:new:failed"), "-a");
        assert_eq!(run(1, none(), "a@n0:new:up b@n9:new:up"), "-b");
    }

    #[test]
    fn an_update_takes_down_as_many_as_it_may() {
        let old = "a@n0:old:up b@n1:old:up c@n2:old:up";
        let one = || json!({"maxUnavailable": 1});
        assert_eq!(run(3, one(), old), "-a");
        assert_eq!(run(3, json!({"maxUnavailable": "50%"}), old), "-a -b");
        assert_eq!(run(3, one(), "a@n0:new:down b@n1:old:up c@n2:old:up"), "");
        assert_eq!(run(3, one(), "a@n0:new:up b@n1:old:down c@n2:old:up"), "-b");
    }

    #[test]
    fn a_surge_starts_the_new_beside_the_old() {
        let surge = || json!({"maxSurge": 1, "maxUnavailable": 0});
        assert_eq!(run(2, surge(), "a@n0:old:up b@n1:old:up"), "+n0");
        assert_eq!(run(2, surge(), "a@n0:old:up c@n0:new:down b@n1:old:up"), "");
        assert_eq!(run(2, surge(), "a@n0:old:up c@n0:new:up b@n1:old:up"), "+n1 -a");
    }
}
