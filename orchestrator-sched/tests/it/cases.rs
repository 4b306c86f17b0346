//! Decisions recorded from a real kube-scheduler, replayed case by case.
//!
//! Each topic has a floor: the number of cases that agree may rise, never fall. Only the topics
//! whose plugins exist are run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{
    Decision, Placement, PodGroup, PodInfo, Rejection, Scheduler, Snapshot, Storage,
};
use orchestrator_core::selector::LabelSelector;
use orchestrator_sched::Framework;
use orchestrator_sched::framework::FrameworkBuilder;
use orchestrator_sched::plugins::{
    self, InterPodAffinity, NodeAffinity, NodeResourcesBalancedAllocation, NodeResourcesFit,
    PodTopologySpread, ResourceWeight, ScoringStrategy, ShapePoint,
};
use serde_json::Value;

use crate::recorded::{cases, folder, list, read};

/// The topics that are run, each with how many of its cases must agree.
const FLOORS: &[(&str, usize)] = &[
    ("fit", 114),
    ("scoring-profiles", 72),
    ("balanced-least", 54),
    ("node-ports", 36),
    ("node-name-unschedulable", 22),
    ("gates-and-names", 5),
    ("taint-toleration", 56),
    ("taint-compare", 20),
    ("node-affinity", 86),
    ("image-locality", 27),
    ("inter-pod-affinity", 89),
    ("topology-spread", 118),
    ("preemption", 91),
    ("nominated-pods", 23),
    ("mixed-preemption", 36),
    ("mixed", 115),
    ("node-declared-features", 2),
    ("volumes", 44),
    ("volume-limits", 20),
];

#[test]
fn decisions_agree_with_the_recorded_ones() {
    let Some(folder) = folder() else { return };
    let profiles = profiles(&folder);
    let shown: usize = std::env::var("SCHED_SHOW").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut below = Vec::new();
    for (topic, floor) in FLOORS {
        let cases = cases(&folder, topic);
        let failures: Vec<String> =
            cases.iter().filter_map(|case| check(case, &profiles).err()).collect();
        let agreed = cases.len() - failures.len();
        eprintln!("{topic}: {agreed} of {} agree", cases.len());
        failures.iter().take(shown).for_each(|failure| eprintln!("  {failure}"));
        if agreed < *floor {
            below.push(format!("{topic}: {agreed} of at least {floor}"));
        }
    }
    assert!(below.is_empty(), "{}", below.join("\n"));
}

/// The schedulers of the recorded configuration, by name.
fn profiles(folder: &Path) -> BTreeMap<String, Framework> {
    let text = fs::read_to_string(folder.join("scheduler-config.json")).unwrap();
    let config: Value = serde_json::from_str(&text).unwrap();
    let profiles = config["profiles"].as_array().unwrap().iter().map(|profile| {
        let name = profile["schedulerName"].as_str().unwrap().to_owned();
        let args = profile["pluginConfig"].as_array().unwrap().iter();
        let mut builder = args.fold(plugins::defaults(&name), configure);
        if profile.get("plugins").is_some() {
            builder = few_plugins(builder);
        }
        (name, builder.build().unwrap())
    });
    profiles.collect()
}

/// Keeps two scores, with the weights of that profile.
fn few_plugins(builder: FrameworkBuilder) -> FrameworkBuilder {
    const WITHOUT: [&str; 5] = [
        "TaintToleration",
        "NodeAffinity",
        "PodTopologySpread",
        "InterPodAffinity",
        "NodeResourcesBalancedAllocation",
    ];
    WITHOUT
        .into_iter()
        .fold(builder, FrameworkBuilder::without_score)
        .weight("NodeResourcesFit", 3)
        .weight("ImageLocality", 7)
}

fn configure(builder: FrameworkBuilder, config: &Value) -> FrameworkBuilder {
    let args = &config["args"];
    match config["name"].as_str().unwrap() {
        "NodeAffinity" => builder.replace(NodeAffinity::with_added(read(&args["addedAffinity"]))),
        "PodTopologySpread" => {
            builder.replace(PodTopologySpread::with_defaults(read(&args["defaultConstraints"])))
        }
        "InterPodAffinity" => builder.replace(inter_pod_affinity(args)),
        "NodeResourcesFit" => builder.replace(fit(args)),
        "NodeResourcesBalancedAllocation" => {
            builder.replace(NodeResourcesBalancedAllocation::new(weights(&args["resources"])))
        }
        _ => builder,
    }
}

fn inter_pod_affinity(args: &Value) -> InterPodAffinity {
    let weight = args["hardPodAffinityWeight"].as_i64().unwrap();
    let plugin = InterPodAffinity::default().hard_weight(weight);
    match args["ignorePreferredTermsOfExistingPods"].as_bool() {
        Some(true) => plugin.ignoring_preferences(),
        _ => plugin,
    }
}

fn fit(args: &Value) -> NodeResourcesFit {
    let mut plugin = match args.get("scoringStrategy") {
        None => NodeResourcesFit::default(),
        Some(wire) => {
            let strategy = match wire["type"].as_str().unwrap() {
                "MostAllocated" => ScoringStrategy::MostAllocated,
                "RequestedToCapacityRatio" => {
                    let points = list(&wire["requestedToCapacityRatio"]["shape"]);
                    ScoringStrategy::RequestedToCapacityRatio(points.map(point).collect())
                }
                _ => ScoringStrategy::LeastAllocated,
            };
            NodeResourcesFit::new(strategy, weights(&wire["resources"]))
        }
    };
    for name in list(&args["ignoredResources"]) {
        plugin = plugin.ignoring(name.as_str().unwrap());
    }
    for group in list(&args["ignoredResourceGroups"]) {
        plugin = plugin.ignoring_group(group.as_str().unwrap());
    }
    plugin
}

fn point(wire: &Value) -> ShapePoint {
    let number = |name: &str| wire[name].as_i64().unwrap();
    ShapePoint { utilization: number("utilization"), score: number("score") }
}

fn weights(wire: &Value) -> Vec<ResourceWeight> {
    let weight = |wire: &Value| {
        ResourceWeight::new(wire["name"].as_str().unwrap(), wire["weight"].as_i64().unwrap())
    };
    list(wire).map(weight).collect()
}

fn pods<'a>(wire: &'a Value) -> impl Iterator<Item = Arc<PodInfo>> + 'a {
    list(wire).map(|pod| Arc::new(PodInfo::new(Arc::new(read(pod)))))
}

fn snapshot(case: &Value) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for node in list(&case["nodes"]) {
        snapshot.set_node(Arc::new(read(node)));
    }
    for pod in pods(&case["pods"]).filter(|pod| !pod.is_finished()) {
        snapshot.assume(Arc::clone(&pod), pod.node_name());
    }
    for namespace in list(&case["namespaces"]) {
        let labels = namespace["metadata"].get("labels").map(read).unwrap_or_default();
        snapshot.set_namespace(namespace["metadata"]["name"].as_str().unwrap(), Some(labels));
    }
    add_groups(&mut snapshot, case);
    add_storage(snapshot.storage_mut(), case);
    for pod in pods(&case["pending"]) {
        let status = pod.pod.status.as_ref().unwrap();
        snapshot.nominate(Arc::clone(&pod), status.nominated_node_name.as_deref().unwrap());
    }
    snapshot
}

fn add_groups(snapshot: &mut Snapshot, case: &Value) {
    let mut add = |kind: &str, object: &Value, group| {
        let text = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
        snapshot.set_group(kind, &ObjectKey::new(text("namespace"), text("name")), Some(group));
    };
    let selected =
        |object: &Value| LabelSelector::from_json(object["spec"].get("selector")).unwrap();
    for service in list(&case["services"]) {
        let labels = service["spec"]["selector"].as_object().into_iter().flatten();
        let labels = labels.map(|(key, value)| (key.as_str(), value.as_str().unwrap()));
        add("Service", service, PodGroup::new(LabelSelector::from_labels(labels).unwrap()));
    }
    for owner in list(&case["replicasets"]) {
        add("ReplicaSet", owner, PodGroup::new(selected(owner)));
    }
    for budget in list(&case["pdbs"]) {
        let allowed = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or_default();
        add("PodDisruptionBudget", budget, PodGroup::new(selected(budget)).allowing(allowed));
    }
}

fn add_storage(storage: &mut Storage, case: &Value) {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    let key = |object: &Value| {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        ObjectKey::new(namespace, name(object))
    };
    for object in list(&case["pvcs"]) {
        storage.claims.insert(key(object), Arc::new(read(object)));
    }
    for object in list(&case["pvs"]) {
        storage.volumes.insert(name(object), Arc::new(read(object)));
    }
    for object in list(&case["storageclasses"]) {
        storage.classes.insert(name(object), Arc::new(read(object)));
    }
    for object in list(&case["csidrivers"]) {
        storage.drivers.insert(name(object), Arc::new(read(object)));
    }
    for object in list(&case["csinodes"]) {
        storage.nodes.insert(name(object), Arc::new(read(object)));
    }
    for object in list(&case["csistoragecapacities"]) {
        storage.capacities.insert(key(object), Arc::new(read(object)));
    }
    for object in list(&case["volumeattachments"]) {
        storage.attachments.insert(name(object), Arc::new(read(object)));
    }
}

fn check(case: &Value, profiles: &BTreeMap<String, Framework>) -> Result<(), String> {
    let id = case["id"].as_str().unwrap();
    let pod = PodInfo::new(Arc::new(read(&case["incoming"])));
    let expect = &case["expect"];
    let outcome = match profiles.get(pod.scheduler_name()) {
        None => agree("untouched", &true, &expect["untouched"]),
        Some(framework) if framework.gate(&pod).is_some() => {
            agree("untouched", &true, &expect["untouched"])
        }
        Some(framework) => match framework.schedule(&pod, &snapshot(case)) {
            Decision::Bind(placement) => check_placement(&placement, expect),
            Decision::Unschedulable(rejection) => {
                check_rejection(&rejection, &expect["unschedulable"])
            }
            _ => Err("an unknown decision".into()),
        },
    };
    outcome.map_err(|why| format!("{id}: {why}"))
}

fn check_placement(placement: &Placement, expect: &Value) -> Result<(), String> {
    agree("feasible", &placement.feasible, &expect["feasible"])?;
    if expect.get("total").is_some() {
        let by_node = |scores: &[i64]| -> BTreeMap<String, i64> {
            let names = placement.feasible.iter().map(ToString::to_string);
            names.zip(scores.iter().copied()).collect()
        };
        let scores = placement.scores.iter().map(|part| (part.plugin, by_node(&part.scores)));
        agree("scores", &scores.collect::<BTreeMap<_, _>>(), &expect["scores"])?;
        agree("total", &by_node(&placement.totals), &expect["total"])?;
    }
    agree("best", &placement.best, &expect["best"])
}

fn check_rejection(rejection: &Rejection, expect: &Value) -> Result<(), String> {
    agree("message", &rejection.to_string(), &expect["message"])?;
    let nomination = rejection.nomination.as_ref();
    agree("nominated", &nomination.map(|n| &*n.node), &expect["nominated"])?;
    let victims = nomination.into_iter().flat_map(|nomination| &nomination.victims);
    let leaving = victims.filter(|pod| !pod.is_terminating());
    let mut leaving: Vec<_> = leaving.map(|pod| pod.key.to_string()).collect();
    leaving.sort();
    let mut expected: Vec<String> = read(&expect["victims"]);
    expected.sort();
    agree("victims", &leaving, &serde_json::to_value(expected).unwrap())
}

fn agree<T: serde::Serialize>(what: &str, got: &T, expected: &Value) -> Result<(), String> {
    let got = serde_json::to_value(got).unwrap();
    match got == *expected {
        true => Ok(()),
        false => Err(format!("{what}\n    got      {got}\n    expected {expected}")),
    }
}
