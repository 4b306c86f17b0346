//! Over random clusters and random changes, the core decides as the framework does.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator_core::ObjectKey;
use orchestrator_core::scheduler::{
    Decision, PodGroup, PodInfo, Rejection, Scheduler as _, Snapshot,
};
use orchestrator_core::selector::LabelSelector;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Choice, Core};
use crate::Framework;
use crate::plugins;

/// More nodes than topologies may have domains without being treated as one domain per node.
const NODES: usize = 12;

/// A snapshot and the core that follows it.
struct World {
    framework: Arc<Framework>,
    snapshot: Snapshot,
    core: Core,
    bound: Vec<(Arc<PodInfo>, String)>,
    promised: Vec<Arc<PodInfo>>,
    next: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Node(usize, Option<Value>),
    Pod(Value, usize),
    Gone(usize),
    Promise(Value, usize),
    Withdraw(usize),
    Namespace(&'static str, &'static str),
    Service(Option<&'static str>),
    /// A pod is placed on one of the best nodes, so many times.
    Place(Value, usize),
}

fn read(pod: &Value, name: &str) -> Arc<PodInfo> {
    let mut pod = pod.clone();
    pod["metadata"]["name"] = json!(name);
    let pod: Pod = serde_json::from_value(pod).unwrap();
    Arc::new(PodInfo::new(Arc::new(pod)))
}

impl World {
    fn new(framework: Framework) -> Self {
        let framework = Arc::new(framework);
        let core = Core::new([Arc::clone(&framework)]);
        let (snapshot, bound, promised) = Default::default();
        Self { framework, snapshot, core, bound, promised, next: 0 }
    }

    fn pod(&mut self, pod: &Value) -> Arc<PodInfo> {
        self.next += 1;
        read(pod, &format!("p{}", self.next))
    }

    fn put(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.snapshot.assume(Arc::clone(pod), node);
        self.core.add_pod(pod, node);
        self.bound.push((Arc::clone(pod), node.to_owned()));
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Node(index, node) => {
                let name = format!("n{index}");
                match node {
                    Some(node) => {
                        let mut node = node.clone();
                        node["metadata"]["name"] = json!(name);
                        let node: Node = serde_json::from_value(node).unwrap();
                        self.snapshot.set_node(Arc::new(node));
                    }
                    None => self.snapshot.remove_node(&name),
                }
                self.core.set_node(&name, &self.snapshot);
            }
            Step::Pod(pod, node) => {
                let pod = self.pod(pod);
                self.put(&pod, &format!("n{node}"));
            }
            Step::Gone(index) if !self.bound.is_empty() => {
                let (pod, node) = self.bound.remove(index % self.bound.len());
                self.snapshot.forget(&pod.id, &node);
                self.core.remove_pod(&pod, &node);
            }
            Step::Promise(pod, node) => {
                let (pod, node) = (self.pod(pod), format!("n{node}"));
                self.snapshot.nominate(Arc::clone(&pod), &node);
                self.core.promise(&pod, &node);
                self.promised.push(pod);
            }
            Step::Withdraw(index) if !self.promised.is_empty() => {
                let pod = self.promised.remove(index % self.promised.len());
                self.snapshot.withdraw(&pod.id);
                self.core.withdraw(&pod.id);
            }
            Step::Namespace(name, team) => {
                let labels = BTreeMap::from([("team".to_owned(), (*team).to_owned())]);
                self.snapshot.set_namespace(name, Some(labels));
                self.core.namespaces_changed();
            }
            Step::Service(app) => {
                let selector = app.map(|app| LabelSelector::from_labels([("app", app)]).unwrap());
                let key = ObjectKey::new("default", "s");
                self.snapshot.set_group("Service", &key, selector.map(PodGroup::new));
                self.core.groups_changed();
            }
            Step::Place(pod, times) => {
                for _ in 0..*times {
                    self.place(pod)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn place(&mut self, pod: &Value) -> Result<(), TestCaseError> {
        let pod = self.pod(pod);
        self.compare(&pod)?;
        let next = self.next;
        if let Choice::Node { node, .. } =
            self.core.choose(0, &pod, &self.snapshot, |among| next % among)
        {
            self.put(&pod, &node);
        }
        Ok(())
    }

    /// Whether both say the same of a pod; one that was promised room is asked about too.
    fn compare(&mut self, pod: &Arc<PodInfo>) -> Result<(), TestCaseError> {
        let slow = match self.framework.schedule(pod, &self.snapshot) {
            Decision::Bind(placement) => placement.best,
            Decision::Unschedulable(slow) => {
                if let Choice::None(fast) = self.core.choose(0, pod, &self.snapshot, |_| 0) {
                    prop_assert_eq!(in_short(&fast), in_short(&slow), "{:?}", pod.pod);
                }
                Vec::new()
            }
            _ => Vec::new(),
        };
        if let Some(fast) = self.core.best_names(0, pod, &self.snapshot) {
            prop_assert_eq!(fast, slow, "{:?}", pod.pod);
        }
        Ok(())
    }
}

/// Everything that a rejection says.
fn in_short(rejection: &Rejection) -> impl PartialEq + std::fmt::Debug {
    let nomination = rejection.nomination.as_ref().map(|nomination| {
        let victims = nomination.victims.iter().map(|pod| pod.key.to_string());
        (nomination.node.to_string(), victims.collect::<Vec<_>>())
    });
    let by = rejection.rejected_by.clone();
    (rejection.to_string(), by, nomination, rejection.withdraws)
}

fn node() -> impl Strategy<Value = Value> {
    let zone = prop::sample::select(vec!["a", "b", "c", ""]);
    let host = prop::sample::select(vec!["own", "own", "own", "own", "x", ""]);
    let size = prop::sample::select(vec![("2", "4Gi"), ("4", "4Gi"), ("4", "8Gi"), ("8", "1Gi")]);
    let taint = prop::sample::select(vec!["", "", "", "NoSchedule", "PreferNoSchedule"]);
    let more = (0..3i64, any::<bool>(), 0..8u8, prop::sample::select(vec!["ssd", "hdd"]));
    (zone, host, size, taint, more, 0..NODES).prop_map(
        |(zone, host, (cpu, memory), taint, (gpus, has_image, closed, disk), unique)| {
            let mut labels = json!({"disk": disk});
            if !zone.is_empty() {
                labels["topology.kubernetes.io/zone"] = json!(zone);
            }
            match host {
                "" => {}
                "own" => labels["kubernetes.io/hostname"] = json!(format!("h{unique}")),
                shared => labels["kubernetes.io/hostname"] = json!(shared),
            }
            let taints = match taint {
                "" => json!([]),
                effect => json!([{"key": "t", "effect": effect}]),
            };
            let images = match has_image {
                true => json!([{"names": ["web:1"], "sizeBytes": 400_000_000}]),
                false => json!([]),
            };
            json!({"metadata": {"labels": labels},
                "spec": {"taints": taints, "unschedulable": closed == 0},
                "status": {"images": images, "allocatable":
                    {"cpu": cpu, "memory": memory, "pods": "6", "x.io/gpu": gpus.to_string()}}})
        },
    )
}

fn term(app: &str, key: &str, all: bool) -> Value {
    let mut term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}});
    if all {
        term["namespaceSelector"] = json!({"matchLabels": {"team": "red"}});
    }
    term
}

fn affinity() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec!["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
    let app = prop::sample::select(vec!["a", "b", "c"]);
    let kind = prop::sample::select(vec!["podAffinity", "podAntiAffinity"]);
    (key, app, kind, any::<bool>(), any::<bool>()).prop_map(|(key, app, kind, required, all)| {
        let term = term(app, key, all);
        match required {
            true => json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}),
            false => json!({kind: {"preferredDuringSchedulingIgnoredDuringExecution":
                [{"weight": 10, "podAffinityTerm": term}]}}),
        }
    })
}

fn constraint() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec!["topology.kubernetes.io/zone", "kubernetes.io/hostname"]);
    let kind = prop::sample::select(vec!["DoNotSchedule", "ScheduleAnyway"]);
    let policy = prop::sample::select(vec!["Honor", "Ignore"]);
    let app = prop::sample::select(vec!["a", "b"]);
    (key, kind, 1..3i32, app, policy, prop::option::of(1..5i32)).prop_map(
        |(key, kind, skew, app, policy, domains)| {
            let mut constraint = json!({"topologyKey": key, "whenUnsatisfiable": kind,
                "maxSkew": skew, "labelSelector": {"matchLabels": {"app": app}},
                "nodeTaintsPolicy": policy});
            if let Some(domains) = domains.filter(|_| kind == "DoNotSchedule") {
                constraint["minDomains"] = json!(domains);
            }
            constraint
        },
    )
}

/// The specs of pods, from plain ones to those with wishes of all sorts.
fn pod() -> impl Strategy<Value = Value> {
    let app = prop::sample::select(vec!["a", "b", "c"]);
    let cpu = prop::sample::select(vec!["", "500m", "1", "7"]);
    let memory = prop::sample::select(vec!["", "512Mi", "1Gi"]);
    let namespace = prop::sample::select(vec!["default", "default", "other"]);
    let odd = (0..10u8, 0..10u8, 0..10u8, 0..3i32, 0..8u8);
    let affinity = prop::option::weighted(0.3, affinity());
    let spread = prop::option::weighted(0.3, prop::collection::vec(constraint(), 1..3));
    ((app, cpu, memory, namespace), odd, affinity, spread).prop_map(
        |((app, cpu, memory, namespace), (port, gpu, select, priority, toleration), near, spread)| {
            let mut requests = json!({});
            for (name, amount) in [("cpu", cpu), ("memory", memory)] {
                if !amount.is_empty() {
                    requests[name] = json!(amount);
                }
            }
            if gpu == 0 {
                requests["x.io/gpu"] = json!("1");
            }
            let mut container =
                json!({"name": "c", "image": "web:1", "resources": {"requests": requests}});
            if port == 0 {
                container["ports"] = json!([{"containerPort": 1, "hostPort": 80}]);
            }
            let mut affinity = near.unwrap_or(json!({}));
            let ssd = json!({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]});
            match select {
                0 => affinity["nodeAffinity"] =
                    json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [ssd]}}),
                1 => affinity["nodeAffinity"] =
                    json!({"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 3, "preference": ssd}]}),
                _ => {}
            }
            let mut spec = json!({"containers": [container], "priority": priority, "affinity": affinity});
            if toleration == 0 {
                spec["tolerations"] = json!([{"operator": "Exists"}]);
            }
            if let Some(spread) = spread {
                spec["topologySpreadConstraints"] = json!(spread);
            }
            json!({"metadata": {"namespace": namespace, "labels": {"app": app}}, "spec": spec})
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let team = prop::sample::select(vec!["red", "blue"]);
    let namespace = prop::sample::select(vec!["default", "other"]);
    let app = prop::option::of(prop::sample::select(vec!["a", "b"]));
    prop_oneof![
        3 => (0..NODES, prop::option::weighted(0.8, node())).prop_map(|(i, n)| Step::Node(i, n)),
        3 => (pod(), 0..NODES).prop_map(|(pod, node)| Step::Pod(pod, node)),
        3 => any::<usize>().prop_map(Step::Gone),
        1 => (pod(), 0..NODES).prop_map(|(pod, node)| Step::Promise(pod, node)),
        1 => any::<usize>().prop_map(Step::Withdraw),
        1 => (namespace, team).prop_map(|(name, team)| Step::Namespace(name, team)),
        1 => app.prop_map(Step::Service),
        6 => (pod(), 1..4usize).prop_map(|(pod, times)| Step::Place(pod, times)),
    ]
}

fn run(
    framework: Framework,
    nodes: &[Value],
    steps: &[Step],
    pods: &[Value],
) -> Result<(), TestCaseError> {
    let mut world = World::new(framework);
    for (index, node) in nodes.iter().enumerate() {
        world.step(&Step::Node(index, Some(node.clone())))?;
    }
    for step in steps {
        world.step(step)?;
        // The same pods again and again, so that kept answers are used.
        for pod in pods {
            let pod = world.pod(pod);
            world.compare(&pod)?;
        }
        for pod in world.promised.clone() {
            world.compare(&pod)?;
        }
    }
    Ok(())
}

/// A node and a pod of any size; amounts that make shares of whole hundredths are frequent.
fn amounts() -> impl Strategy<Value = (i64, i64)> {
    let round = (1..40i64, 1..40i64).prop_map(|(cpu, memory)| (cpu * 100, memory << 28));
    prop_oneof![round, (1..9_000i64, 1..1i64 << 34)]
}

proptest! {
    /// Pods that are each like no other, so that all nodes are looked at in one pass.
    #[test]
    fn pods_of_any_size_go_where_the_framework_says(
        nodes in prop::collection::vec((amounts(), any::<bool>()), 1..40),
        pods in prop::collection::vec(amounts(), 1..40),
    ) {
        let mut world = World::new(plugins::defaults("s").build().unwrap());
        for (index, ((cpu, memory), tainted)) in nodes.into_iter().enumerate() {
            let taints = json!([{"key": "t", "effect": "PreferNoSchedule"}]);
            let allocatable =
                json!({"cpu": format!("{cpu}m"), "memory": memory.to_string(), "pods": "9"});
            let node = json!({"status": {"allocatable": allocatable},
                "spec": {"taints": if tainted && index > 20 { taints } else { json!([]) }}});
            world.step(&Step::Node(index, Some(node)))?;
        }
        for (cpu, memory) in pods {
            let requests = json!({"cpu": format!("{}m", cpu / 4), "memory": (memory / 4).to_string()});
            let container = json!({"name": "c", "resources": {"requests": requests}});
            let meta = json!({"namespace": "default"});
            world.place(&json!({"metadata": meta, "spec": {"containers": [container]}}))?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Pods of some sorts in any order, so that each class looks at many changes at once; on more
    /// nodes than are looked at together.
    #[test]
    fn pods_of_some_sorts_go_where_the_framework_says(
        nodes in prop::collection::vec(prop::sample::select(vec![2_000, 3_000]), 60..140),
        sorts in prop::collection::vec(0..6i64, 20..60),
    ) {
        let mut world = World::new(plugins::defaults("s").build().unwrap());
        for (index, cpu) in nodes.into_iter().enumerate() {
            let allocatable = json!({"cpu": format!("{cpu}m"), "memory": "4Gi", "pods": "4"});
            world.step(&Step::Node(index, Some(json!({"status": {"allocatable": allocatable}}))))?;
        }
        for sort in sorts {
            let cpu = format!("{}m", 100 + 290 * sort);
            let requests = json!({"cpu": cpu, "memory": format!("{}Mi", 200 + 100 * sort)});
            let container = json!({"name": "c", "resources": {"requests": requests}});
            let pod = json!({"metadata": {"namespace": "default"}, "spec": {"containers": [container]}});
            let pod = world.pod(&pod);
            let slow = match world.framework.schedule(&pod, &world.snapshot) {
                Decision::Bind(placement) => placement.best,
                other => panic!("there is room: {other:?}"),
            };
            let next = world.next;
            match world.core.choose(0, &pod, &world.snapshot, |among| next % among) {
                Choice::Node { node, among } => {
                    prop_assert!(slow.contains(&node) && slow.len() == among, "{node} {slow:?}");
                    world.put(&pod, &node);
                }
                other => panic!("there is room: {other:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_core_decides_as_the_framework(
        nodes in prop::collection::vec(node(), NODES - 1),
        steps in prop::collection::vec(step(), 1..25),
        pods in prop::collection::vec(pod(), 3),
    ) {
        run(plugins::defaults("s").build().unwrap(), &nodes, &steps, &pods)?;
    }
}
