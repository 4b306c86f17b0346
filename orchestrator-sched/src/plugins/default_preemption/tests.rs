use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{Decision, Nomination, PodGroup, Scheduler, Snapshot};
use orchestrator_core::selector::LabelSelector;
use serde_json::{Value, json};

use super::*;
use crate::plugins;
use crate::testing::node;

/// A pod `name:cpu:priority`, with the label `app=name`.
fn pod(text: &str) -> Arc<PodInfo> {
    let parts: Vec<&str> = text.split(':').collect();
    let priority: i32 = parts[2].parse().unwrap();
    let containers = json!([{"name": "c", "resources": {"requests": {"cpu": parts[1]}}}]);
    let meta = json!({"name": parts[0], "namespace": "n", "labels": {"app": parts[0]}});
    let pod = json!({"metadata": meta, "spec": {"containers": containers, "priority": priority}});
    Arc::new(PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap())))
}

/// Nodes of 4 CPUs, each with pods: `a=p:1:5,q:2:0 b=`.
fn cluster(text: &str) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for part in text.split_whitespace() {
        let (name, pods) = part.split_once('=').unwrap();
        let allocatable: Value = json!({"cpu": "4", "pods": "110"});
        let fields = json!({"status": {"allocatable": allocatable}});
        snapshot.set_node(Arc::clone(&node(name, fields).node));
        for text in pods.split(',').filter(|text| !text.is_empty()) {
            snapshot.assume(pod(text), name);
        }
    }
    snapshot
}

fn nominate(snapshot: &Snapshot, incoming: &str) -> Result<Nomination, String> {
    let framework = plugins::defaults("s").build().unwrap();
    match framework.schedule(&pod(incoming), snapshot) {
        Decision::Unschedulable(rejection) => {
            rejection.nomination.clone().ok_or_else(|| rejection.to_string())
        }
        other => panic!("{other:?}"),
    }
}

fn in_short(nomination: &Nomination) -> String {
    let victims = nomination.victims.iter().map(|pod| pod.key.name.to_string());
    format!("{}: {}", nomination.node, victims.collect::<Vec<_>>().join(" "))
}

#[test]
fn as_few_and_as_unimportant_pods_leave_as_possible() {
    for (nodes, incoming, expected) in [
        ("a=p:4:0", "x:1:9", "a: p"),
        ("a=p:2:0,q:2:5", "x:2:9", "a: p"),
        ("a=p:2:1,q:2:1 b=r:4:0", "x:4:9", "b: r"),
        ("a=p:2:1,q:2:1 b=r:4:1", "x:4:9", "b: r"),
        ("a=p:4:8 b=q:4:7", "x:1:9", "b: q"),
    ] {
        assert_eq!(in_short(&nominate(&cluster(nodes), incoming).unwrap()), expected, "{nodes}");
    }
}

#[test]
fn a_budget_protects_its_pods_where_there_is_a_choice() {
    let mut snapshot = cluster("a=p:4:0 b=q:4:1");
    let selector = LabelSelector::from_labels([("app", "p")]).unwrap();
    let budget = PodGroup::new(selector).allowing(0);
    snapshot.set_group("PodDisruptionBudget", &ObjectKey::new("n", "pdb"), Some(budget));
    assert_eq!(in_short(&nominate(&snapshot, "x:1:9").unwrap()), "b: q");
}

#[test]
fn pods_of_the_same_priority_stay_and_the_words_say_so() {
    assert_eq!(
        nominate(&cluster("a=p:4:9 b="), "x:5:9").unwrap_err(),
        "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: \
         0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
    assert_eq!(
        nominate(&cluster("a=p:4:9"), "x:1:9").unwrap_err(),
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: \
         0/1 nodes are available: 1 No preemption victims found for incoming pod."
    );
}
