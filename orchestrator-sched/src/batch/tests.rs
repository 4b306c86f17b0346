//! Plans of tiny clusters, against all plans that there are.

use std::sync::Arc;

use orchestrator_core::scheduler::{Decision, PodInfo, Scheduler, Snapshot};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Framework;
use crate::plugins::{NodeResourcesFit, PodTopologySpread};

fn _dyn_compatible(_: &dyn BatchPlanner) {}

fn snapshot(nodes: &[(u32, u32)]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (index, (cpus, gib)) in nodes.iter().enumerate() {
        let allocatable = json!({"cpu": cpus, "memory": format!("{gib}Gi"), "pods": "110"});
        let node = json!({
            "metadata": {"name": format!("n{index}"), "labels": {"zone": format!("z{index}")}},
            "status": {"allocatable": allocatable},
        });
        snapshot.set_node(Arc::new(serde_json::from_value(node).unwrap()));
    }
    snapshot
}

fn pod(index: usize, cpus: u32, gib: u32, priority: i32) -> Arc<PodInfo> {
    let requests = json!({"cpu": cpus, "memory": format!("{gib}Gi")});
    let pod = json!({
        "metadata": {"name": format!("p{index}"), "namespace": "n"},
        "spec": {
            "priority": priority,
            "containers": [{"name": "c", "resources": {"requests": requests}}],
        },
    });
    Arc::new(PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap())))
}

fn by_resources() -> Arc<dyn Scheduler> {
    let framework = Framework::builder("s").with(NodeResourcesFit::default());
    Arc::new(framework.build().unwrap())
}

/// The pods that a plan places, as a vector of counts by priority, the highest first; and that
/// the plan may be carried out.
fn placed(pods: &[Arc<PodInfo>], plan: &BatchPlan, snapshot: &Snapshot) -> Vec<usize> {
    let (scheduler, mut snapshot) = (by_resources(), snapshot.clone());
    assert_eq!(plan.nodes.len(), pods.len());
    for (pod, node) in pods.iter().zip(&plan.nodes) {
        let Some(node) = node else { continue };
        match scheduler.schedule(pod, &snapshot) {
            Decision::Bind(placement) => assert!(placement.feasible.contains(node), "{plan:?}"),
            other => panic!("{plan:?}: {other:?}"),
        }
        snapshot.assume(Arc::clone(pod), node);
    }
    let at = |priority| {
        let all = pods.iter().zip(&plan.nodes);
        all.filter(|(pod, node)| pod.priority == priority && node.is_some()).count()
    };
    vec![at(1), at(0)]
}

/// The best of all plans.
#[cfg(feature = "solver")]
fn best(pods: &[(u32, u32, i32)], free: &mut Vec<(u32, u32)>) -> Vec<usize> {
    let Some(((cpus, gib, priority), rest)) = pods.split_first() else { return vec![0, 0] };
    let mut most = best(rest, free);
    for node in 0..free.len() {
        if free[node].0 >= *cpus && free[node].1 >= *gib {
            (free[node].0, free[node].1) = (free[node].0 - cpus, free[node].1 - gib);
            let mut found = best(rest, free);
            found[usize::from(*priority == 0)] += 1;
            most = most.max(found);
            (free[node].0, free[node].1) = (free[node].0 + cpus, free[node].1 + gib);
        }
    }
    most
}

/// CPUs and gibibytes of nodes; the same of pods, and their priorities.
type Tiny = (Vec<(u32, u32)>, Vec<(u32, u32, i32)>);

fn cluster() -> impl Strategy<Value = Tiny> {
    let nodes = prop::collection::vec((1..6u32, 1..6u32), 1..4);
    let pods = prop::collection::vec((1..4u32, 1..4u32, 0..2i32), 0..7);
    (nodes, pods)
}

proptest! {
    #[test]
    fn plans_can_be_carried_out((nodes, pods) in cluster()) {
        let snapshot = snapshot(&nodes);
        let infos: Vec<_> =
            pods.iter().enumerate().map(|(i, (c, g, p))| pod(i, *c, *g, *p)).collect();
        let plan = OneByOne::new(by_resources()).plan(&infos, &snapshot);
        placed(&infos, &plan, &snapshot);
    }

    #[test]
    #[cfg(feature = "solver")]
    fn the_solver_places_as_much_as_any_plan((nodes, pods) in cluster()) {
        let snapshot = snapshot(&nodes);
        let infos: Vec<_> =
            pods.iter().enumerate().map(|(i, (c, g, p))| pod(i, *c, *g, *p)).collect();
        let plan = Solver::new(by_resources()).plan(&infos, &snapshot);
        let found = placed(&infos, &plan, &snapshot);
        let mut free = nodes;
        prop_assert_eq!(found, best(&pods, &mut free));
        prop_assert!(plan.is_optimal);
        prop_assert_eq!(Solver::new(by_resources()).plan(&infos, &snapshot), plan);
    }
}

#[test]
#[cfg(feature = "solver")]
fn a_pod_makes_way_for_another() {
    // One by one, the small pod takes the larger node, which is emptier afterwards.
    let snapshot = snapshot(&[(2, 8), (4, 8)]);
    let pods = [pod(0, 2, 1, 0), pod(1, 4, 1, 0)];
    let greedy = OneByOne::new(by_resources()).plan(&pods, &snapshot);
    let planned = Solver::new(by_resources()).plan(&pods, &snapshot);
    assert_eq!((greedy.placed(), planned.placed()), (1, 2));
    let nodes: Vec<_> = planned.nodes.iter().flatten().map(|node| &**node).collect();
    assert_eq!(nodes, ["n0", "n1"]);
}

#[test]
#[cfg(feature = "solver")]
fn the_most_valuable_pods_are_placed() {
    let snapshot = snapshot(&[(4, 8)]);
    let pods = [pod(0, 2, 1, 0), pod(1, 2, 1, 0), pod(2, 4, 1, 0)];
    let by_cpu = |pod: &PodInfo| if pod.requests.cpu_milli > 2000 { 3 } else { 1 };
    let plan = Solver::new(by_resources()).valued_by(by_cpu).plan(&pods, &snapshot);
    assert_eq!(plan.nodes, [None, None, Some("n0".into())]);
}

#[test]
#[cfg(feature = "solver")]
fn what_pods_mean_to_each_other_is_checked() {
    let snapshot = snapshot(&[(8, 8), (1, 8)]);
    let spread = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "a"}}}]);
    let pods = (0..3).map(|index| {
        let requests = json!({"cpu": 1});
        let pod = json!({
            "metadata": {"name": format!("p{index}"), "namespace": "n", "labels": {"app": "a"}},
            "spec": {
                "topologySpreadConstraints": spread,
                "containers": [{"name": "c", "resources": {"requests": requests}}],
            },
        });
        Arc::new(PodInfo::new(Arc::new(serde_json::from_value(pod).unwrap())))
    });
    let pods: Vec<_> = pods.collect();
    let framework = Framework::builder("s")
        .with(NodeResourcesFit::default())
        .with(PodTopologySpread::default())
        .build();
    let plan = Solver::new(Arc::new(framework.unwrap())).plan(&pods, &snapshot);
    let on = |name: &str| plan.nodes.iter().flatten().filter(|node| &***node == name).count();
    assert_eq!((on("n0"), on("n1")), (2, 1));
}
