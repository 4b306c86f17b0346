//! The suite that every scheduler must pass.
//!
//! [`conforms`] shows a [`Scheduler`] many small clusters, drawn at random from a seed, and checks
//! that its decisions are pure, whole and explained. It does not say which node is the right one.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_core::Env;
use orchestrator_core::scheduler::{
    ClusterEvent, Decision, Placement, PodInfo, Rejection, Scheduler, Snapshot, Waiting,
};
use serde_json::{Value, json};

/// How many clusters are shown.
const ROUNDS: usize = 200;

/// The values that labels, taints and tolerations draw from: few, so that they often meet.
const WORDS: [&str; 4] = ["a", "b", "c", "d"];

/// Checks the decisions of `scheduler` about clusters that derive from the randomness of `env`.
///
/// # Panics
/// The scheduler breaks its contract, or panics itself.
pub fn conforms(scheduler: &dyn Scheduler, env: &Env) {
    let draw = Draw { env };
    for round in 0..ROUNDS {
        let snapshot = draw.snapshot();
        let pods: Vec<PodInfo> = (0..4).map(|number| draw.pod(&format!("new-{number}"))).collect();
        for pod in &pods {
            decisions_are_pure_and_whole(scheduler, pod, &snapshot, round);
        }
        the_order_is_an_order(scheduler, &pods);
    }
    a_pod_without_a_spec_and_an_empty_cluster_are_borne(scheduler);
}

fn decisions_are_pure_and_whole(
    scheduler: &dyn Scheduler,
    pod: &PodInfo,
    snapshot: &Snapshot,
    round: usize,
) {
    let first = scheduler.schedule(pod, snapshot);
    let second = scheduler.schedule(pod, &snapshot.clone());
    assert_eq!(
        format!("{first:?}"),
        format!("{second:?}"),
        "round {round}: the same question has the same answer"
    );
    match &first {
        Decision::Bind(placement) => placement_is_whole(placement, snapshot, round),
        Decision::Unschedulable(rejection) => {
            rejection_is_explained(rejection, snapshot, round);
            for node in snapshot.nodes() {
                scheduler.helped_by(pod, rejection, &ClusterEvent::NodeAdded { node });
                for other in &node.pods {
                    scheduler.helped_by(pod, rejection, &ClusterEvent::PodRemoved { pod: other });
                }
            }
        }
        _ => {}
    }
}

fn placement_is_whole(placement: &Placement, snapshot: &Snapshot, round: usize) {
    assert!(!placement.best.is_empty(), "round {round}: a placement names a node");
    let feasible: BTreeSet<_> = placement.feasible.iter().collect();
    for node in &placement.best {
        assert!(feasible.contains(node), "round {round}: the best node is feasible");
        assert!(snapshot.node(node).is_some(), "round {round}: the best node is in the snapshot");
    }
    if placement.totals.is_empty() {
        return;
    }
    assert_eq!(placement.totals.len(), placement.feasible.len(), "round {round}: a total each");
    let highest = placement.totals.iter().max();
    let pairs = placement.feasible.iter().zip(&placement.totals);
    let best: Vec<_> = pairs.filter(|(_, total)| Some(*total) == highest).collect();
    let best: Vec<_> = best.into_iter().map(|(node, _)| Arc::clone(node)).collect();
    assert_eq!(placement.best, best, "round {round}: all nodes with the highest total are named");
    for part in &placement.scores {
        let len = part.scores.len();
        assert_eq!(len, placement.feasible.len(), "round {round}: {} scores all", part.plugin);
    }
}

fn rejection_is_explained(rejection: &Rejection, snapshot: &Snapshot, round: usize) {
    assert_eq!(rejection.nodes, snapshot.nodes().len(), "round {round}: all nodes are counted");
    let counted = rejection.reasons.values().all(|count| (1..=rejection.nodes).contains(count));
    assert!(counted, "round {round}: a reason is that of some nodes");
    let explained = !rejection.reasons.is_empty() || !rejection.whole.is_empty();
    assert!(explained || rejection.nodes == 0, "round {round}: a rejection has a reason");
    if let Some(nomination) = &rejection.nomination {
        let node = snapshot.node(&nomination.node);
        let here = |id| node.is_some_and(|node| node.pods.iter().any(|pod| pod.id == id));
        let all_here = nomination.victims.iter().all(|victim| here(victim.id.clone()));
        assert!(all_here, "round {round}: the victims are on the node");
    }
}

fn the_order_is_an_order(scheduler: &dyn Scheduler, pods: &[PodInfo]) {
    let waiting =
        |index: usize| Waiting { pod: &pods[index], since: Duration::from_secs(index as u64 % 2) };
    let order = |a: usize, b: usize| scheduler.order(&waiting(a), &waiting(b));
    for a in 0..pods.len() {
        assert_eq!(order(a, a), Ordering::Equal, "a pod is its own equal");
        for b in 0..pods.len() {
            assert_eq!(order(a, b), order(b, a).reverse(), "the order is the same from both sides");
            for c in 0..pods.len() {
                let chain = order(a, b).is_le() && order(b, c).is_le();
                assert!(!chain || order(a, c).is_le(), "the order is transitive");
            }
        }
    }
}

fn a_pod_without_a_spec_and_an_empty_cluster_are_borne(scheduler: &dyn Scheduler) {
    let nothing = PodInfo::new(Arc::default());
    match scheduler.schedule(&nothing, &Snapshot::default()) {
        Decision::Unschedulable(rejection) => assert_eq!(rejection.nodes, 0),
        other => panic!("no node can be chosen where there is none: {other:?}"),
    }
    let mut one = Snapshot::default();
    one.set_node(Arc::default());
    scheduler.schedule(&nothing, &one);
}

/// Draws small objects.
struct Draw<'a> {
    env: &'a Env,
}

impl Draw<'_> {
    fn below(&self, bound: u64) -> u64 {
        self.env.random_below(bound)
    }

    fn word(&self) -> &'static str {
        WORDS[self.below(WORDS.len() as u64) as usize]
    }

    fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for number in 0..self.below(6) {
            let name = format!("node-{number}");
            snapshot.set_node(Arc::new(self.node(&name)));
            for pod in 0..self.below(5) {
                snapshot.assume(Arc::new(self.pod(&format!("{name}-{pod}"))), &name);
            }
        }
        snapshot
    }

    fn node(&self, name: &str) -> Node {
        let labels = json!({"kubernetes.io/hostname": name, "zone": self.word(), "x": self.word()});
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        let effect = effects[self.below(3) as usize];
        let taints = match self.chance(30) {
            true => json!([{"key": "x", "value": self.word(), "effect": effect}]),
            false => json!([]),
        };
        let allocatable = json!({
            "cpu": self.below(8).to_string(), "memory": format!("{}Gi", self.below(8)),
            "pods": self.below(10).to_string(),
        });
        read(json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints, "unschedulable": self.chance(10)},
            "status": {"allocatable": allocatable},
        }))
    }

    fn pod(&self, name: &str) -> PodInfo {
        let requests = json!({"cpu": format!("{}m", self.below(4000)), "memory": "1Gi"});
        let mut container = json!({"name": "c", "image": "i"});
        if self.chance(80) {
            container["resources"] = json!({"requests": requests});
        }
        if self.chance(20) {
            container["ports"] = json!([{"containerPort": 80, "hostPort": 8000 + self.below(3)}]);
        }
        let mut spec = json!({"containers": [container], "priority": self.below(4)});
        if self.chance(30) {
            spec["nodeSelector"] = json!({"x": self.word()});
        }
        if self.chance(40) {
            spec["tolerations"] = json!([{"key": "x", "operator": "Exists"}]);
        }
        if self.chance(40) {
            spec["affinity"] = self.affinity();
        }
        if self.chance(30) {
            spec["topologySpreadConstraints"] = json!([{
                "maxSkew": 1 + self.below(2), "topologyKey": "zone", "labelSelector": self.selector(),
                "whenUnsatisfiable": if self.chance(50) { "DoNotSchedule" } else { "ScheduleAnyway" },
            }]);
        }
        let meta = json!({"name": name, "namespace": "suite", "labels": {"app": self.word()}});
        PodInfo::new(Arc::new(read::<Pod>(json!({"metadata": meta, "spec": spec}))))
    }

    fn selector(&self) -> Value {
        json!({"matchLabels": {"app": self.word()}})
    }

    fn affinity(&self) -> Value {
        let term = json!({"topologyKey": "zone", "labelSelector": self.selector()});
        let rule = match self.chance(50) {
            true => json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]}),
            false => json!({"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1 + self.below(100), "podAffinityTerm": term}
            ]}),
        };
        let kind = if self.chance(50) { "podAffinity" } else { "podAntiAffinity" };
        json!({kind: rule})
    }
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("the suite draws valid objects")
}
