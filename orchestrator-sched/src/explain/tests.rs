//! What is said of pods in small clusters.

use serde_json::{Value, json};

use super::*;
use crate::framework::Framework;
use crate::plugins;
use crate::testing::{asking, node, pod, snapshot};
use orchestrator_core::scheduler::NodeInfo;

fn framework() -> Framework {
    plugins::defaults("default-scheduler").build().unwrap()
}

fn sized(name: &str, cpu: &str, more: Value) -> NodeInfo {
    let mut fields =
        json!({"status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}}});
    for (field, value) in more.as_object().unwrap() {
        fields[field] = value.clone();
    }
    node(name, fields)
}

/// The ways to make `pod` fit, in words.
fn remedies(pod: &PodInfo, nodes: &[NodeInfo]) -> Vec<String> {
    let told = explain(&framework(), pod, &snapshot(nodes));
    told.remedies().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_missing_is_told_for_the_node_that_lacks_least() {
    let nodes = [
        sized("a", "1", json!({})),
        sized("b", "1500m", json!({})),
        sized(
            "c",
            "8",
            json!({"spec": {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}}),
        ),
        sized("d", "8", json!({"spec": {"unschedulable": true}})),
    ];
    let told = remedies(&asking(json!({"cpu": "2"})), &nodes);
    assert_eq!(
        told,
        [
            "c: tolerate gpu=yes:NoSchedule",
            "d: uncordon the node",
            "b: 500m more cpu, more than the node has (least of 2 nodes)",
        ]
    );
}

#[test]
fn labels_and_ports_are_named() {
    let mut with_port = sized("a", "4", json!({}));
    let ports = |port: i32| {
        let port = json!({"containerPort": port, "hostPort": port});
        json!({"containers": [{"name": "c", "ports": [port]}]})
    };
    with_port.add(std::sync::Arc::new(pod("web", ports(80))));
    assert_eq!(
        remedies(&pod("p", ports(80)), &[with_port]),
        ["a: host port 80, which default/web has"]
    );
    let rules = json!([
        {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["x", "y"]},
            {"key": "old", "operator": "DoesNotExist"}]},
        {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["8"]}]},
    ]);
    let required = json!({"nodeSelectorTerms": rules});
    let affinity =
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}});
    let asks = json!({"nodeSelector": {"disk": "ssd"}, "affinity": affinity});
    let labels = json!({"metadata": {"name": "a", "labels": {"old": "1"}}});
    let node = sized("a", "4", labels);
    assert_eq!(remedies(&pod("p", asks), &[node]), ["a: node label disk=ssd; node label cores>8"]);
}

#[test]
fn every_refusal_of_a_node_is_told_and_the_first_counts() {
    let taints = json!({"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}});
    let told =
        explain(&framework(), &asking(json!({"cpu": "2"})), &snapshot(&[sized("a", "1", taints)]));
    let plugins: Vec<_> = told.nodes[0].obstacles.iter().map(|obstacle| obstacle.plugin).collect();
    assert_eq!(plugins, ["TaintToleration", "NodeResourcesFit"]);
    assert!(told.verdict.to_string().contains("1 node(s) had untolerated taint(s)"));
    assert!(!told.verdict.to_string().contains("Insufficient"));
}

#[test]
fn scores_are_told_raw_and_weighted_and_add_up_to_the_decision() {
    let nodes = [sized("a", "4", json!({})), sized("b", "8", json!({}))];
    let (pod, snapshot) = (asking(json!({"cpu": "1"})), snapshot(&nodes));
    let told = explain(&framework(), &pod, &snapshot);
    let Decision::Bind(placement) = framework().schedule(&pod, &snapshot) else { panic!("bound") };
    let totals: Vec<_> = told.nodes.iter().map(Explained::total).collect();
    assert_eq!(totals, placement.totals);
    assert_eq!(told.verdict.to_string(), "goes to b");
    let taints = told.plugins.iter().position(|(plugin, _)| *plugin == "TaintToleration").unwrap();
    assert_eq!(told.nodes[0].scores[taints], (0, 300), "no taints is best, three times");
    assert!(told.remedies().is_empty());
}

#[test]
fn a_gated_pod_is_held_and_a_lost_claim_refuses_the_pod_as_a_whole() {
    let nodes = [sized("a", "4", json!({}))];
    let gated = pod("p", json!({"schedulingGates": [{"name": "g"}]}));
    let told = explain(&framework(), &gated, &snapshot(&nodes));
    assert_eq!(
        told.verdict.to_string(),
        "not tried yet: waiting for scheduling gates: [g] (SchedulingGates)"
    );
    let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "gone"}}]);
    let told = explain(&framework(), &pod("p", json!({"volumes": volumes})), &snapshot(&nodes));
    assert!(told.whole.is_some() && told.nodes.is_empty() && told.remedies().is_empty());
}
