//! The loop against a real API server in the same process, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, Informers, Selection};
use orchestrator_core::{Env, ObjectKey, UserInfo};
use orchestrator_sched::{Running, SchedulerLoop, plugins};
use orchestrator_store::MemoryStore;
use serde_json::{Value, json};

struct Cluster {
    client: Client,
    informers: Informers,
    _scheduler: Running,
}

impl Cluster {
    async fn start() -> Self {
        let env = Env::simulated(1);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let api = ApiServer::builder(store, env.clone());
        let api = ["ServiceAccount", "TaintNodesByCondition"]
            .into_iter()
            .fold(api, |api, step| api.without_admission(step))
            .build();
        api.start().await.unwrap();
        let client = Client::direct(api, UserInfo::system("admin"), env);
        let informers = Informers::new(client.clone());
        let other = plugins::defaults("other").build().unwrap();
        let schedulers = SchedulerLoop::new(informers.clone()).with_default();
        let scheduler = schedulers.with_framework(other).start();
        scheduler.ready().await;
        let cluster = Self { client, informers, _scheduler: scheduler };
        cluster.settle().await;
        cluster
    }

    /// Waits until nothing is left to do before some time has passed.
    async fn settle(&self) {
        let env = self.client.env();
        let mut begun = u64::MAX;
        while begun != env.activity().begun() {
            begun = env.activity().begun();
            env.activity().idle().await;
            env.sleep(Duration::from_millis(1)).await;
        }
    }

    async fn node(&self, name: &str, cpu: &str) {
        let status = json!({"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}});
        let node = json!({"metadata": {"name": name}, "status": status});
        let node: Node = serde_json::from_value(node).unwrap();
        let nodes = self.client.api::<Node>();
        let made = Node::clone(&*nodes.create(&node).await.unwrap());
        nodes.update_status(&Node { status: node.status, ..made }).await.unwrap();
    }

    async fn pod(&self, name: &str, cpu: &str, fields: Value) {
        let container = json!({"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}});
        let mut spec = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
        for (name, value) in fields.as_object().unwrap() {
            spec[name] = value.clone();
        }
        let meta = json!({"name": name, "namespace": "default"});
        let pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
        self.client.api::<Pod>().create(&pod).await.unwrap();
        self.settle().await;
    }

    async fn find(&self, name: &str) -> Option<Arc<Pod>> {
        self.client.api::<Pod>().find(&ObjectKey::new("default", name)).await.unwrap()
    }

    async fn node_of(&self, name: &str) -> String {
        let pod = self.find(name).await.unwrap();
        pod.spec.as_ref().unwrap().node_name.clone().unwrap_or_default()
    }

    /// Reason and message of the condition that says whether the pod has a node.
    async fn condition(&self, name: &str) -> (String, String) {
        let pod = self.find(name).await.unwrap();
        let conditions = pod.status.as_ref().unwrap().conditions.iter().flatten();
        let condition = conditions.into_iter().find(|c| c.type_ == "PodScheduled").unwrap();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (text(&condition.reason), text(&condition.message))
    }

    /// The events about a pod: their reasons and messages.
    async fn events(&self, name: &str) -> Vec<String> {
        let events = self.client.api::<Event>();
        let listed = events.list(&Selection::namespace("default")).await.unwrap();
        let about = listed.items.iter().filter(|e| e.involved_object.name.as_deref() == Some(name));
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        about.map(|event| format!("{}: {}", text(&event.reason), text(&event.message))).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_and_an_event_tells() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "4").await;
    cluster.pod("a", "1", json!({})).await;
    assert_eq!(cluster.node_of("a").await, "n1");
    let told = "Scheduled: Successfully assigned default/a to n1";
    assert_eq!(cluster.events("a").await, [told]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_room_is_told_why_and_bound_when_there_is_some() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "1").await;
    cluster.pod("a", "2", json!({})).await;
    let why = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, \
               preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    assert_eq!(cluster.condition("a").await, ("Unschedulable".into(), why.into()));
    assert_eq!(cluster.events("a").await, [format!("FailedScheduling: {why}")]);
    cluster.node("n2", "2").await;
    cluster.settle().await;
    assert_eq!(cluster.node_of("a").await, "n2", "no other pod is to be tried before it");
}

#[tokio::test(start_paused = true)]
async fn room_is_made_for_an_important_pod() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "2").await;
    cluster.pod("low", "2", json!({"priority": 0})).await;
    let class = json!({"metadata": {"name": "high"}, "value": 1000});
    let class = serde_json::from_value(class).unwrap();
    let classes = cluster.client.api::<k8s_openapi::api::scheduling::v1::PriorityClass>();
    classes.create(&class).await.unwrap();
    cluster.settle().await;
    cluster.pod("high", "2", json!({"priorityClassName": "high"})).await;
    assert!(cluster.find("low").await.is_none());
    assert!(cluster.events("low").await.iter().any(|told| told.starts_with("Preempted: ")));
    cluster.client.env().sleep(Duration::from_secs(1)).await;
    cluster.settle().await;
    assert_eq!(cluster.node_of("high").await, "n1");
}

#[tokio::test(start_paused = true)]
async fn many_pods_fill_the_nodes_and_no_node_is_overfull() {
    let cluster = Cluster::start().await;
    for name in ["n1", "n2", "n3"] {
        cluster.node(name, "4").await;
    }
    for number in 0..14 {
        cluster.pod(&format!("p{number}"), "1", json!({})).await;
    }
    let pods = cluster.informers.of::<Pod>().list();
    let on = |name: &str| {
        let here = |pod: &&Arc<Pod>| {
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(name)
        };
        pods.iter().filter(here).count()
    };
    assert_eq!([on("n1"), on("n2"), on("n3")], [4, 4, 4]);
}

#[tokio::test(start_paused = true)]
async fn pods_go_to_the_scheduler_that_they_name() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "4").await;
    cluster.pod("a", "1", json!({"schedulerName": "other"})).await;
    cluster.pod("b", "1", json!({"schedulerName": "nobody"})).await;
    assert_eq!(cluster.node_of("a").await, "n1");
    assert_eq!(cluster.node_of("b").await, "");
}

#[tokio::test(start_paused = true)]
async fn a_gated_pod_waits_for_its_gates() {
    let cluster = Cluster::start().await;
    cluster.node("n1", "4").await;
    cluster.pod("a", "1", json!({"schedulingGates": [{"name": "wait"}]})).await;
    assert_eq!(cluster.condition("a").await.0, "SchedulingGated");
    let pods = cluster.client.api::<Pod>();
    let open = orchestrator_client::Patch::Merge(json!({"spec": {"schedulingGates": null}}));
    pods.patch(&ObjectKey::new("default", "a"), open).await.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.node_of("a").await, "n1");
}

fn read<K: serde::de::DeserializeOwned>(wire: Value) -> K {
    serde_json::from_value(wire).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_volume_is_set_aside_and_waited_for_while_others_are_bound() {
    let cluster = Cluster::start().await;
    let (client, env) = (cluster.client.clone(), cluster.client.env().clone());
    cluster.node("n1", "4").await;
    let class = json!({"metadata": {"name": "local"}, "volumeBindingMode": "WaitForFirstConsumer",
        "provisioner": "kubernetes.io/no-provisioner"});
    client.api::<StorageClass>().create(&read(class)).await.unwrap();
    let size = json!({"storage": "5Gi"});
    let volume = json!({"metadata": {"name": "v"}, "spec": {"storageClassName": "local",
        "capacity": size, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/tmp/v"}}});
    let volumes = client.api::<PersistentVolume>();
    let made = PersistentVolume::clone(&*volumes.create(&read(volume)).await.unwrap());
    let status = read(json!({"phase": "Available"}));
    volumes.update_status(&PersistentVolume { status: Some(status), ..made }).await.unwrap();
    let claim = json!({"metadata": {"name": "c", "namespace": "default"}, "spec": {
        "storageClassName": "local", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": size}}});
    let claims = client.api::<PersistentVolumeClaim>();
    let claim = PersistentVolumeClaim::clone(&*claims.create(&read(claim)).await.unwrap());
    cluster.settle().await;

    let pod = |name: &str, volumes: Value| -> Pod {
        let spec = json!({"containers": [{"name": "c", "image": "i"}], "volumes": volumes});
        read(json!({"metadata": {"name": name, "namespace": "default"}, "spec": spec}))
    };
    let uses_claim = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]);
    client.api::<Pod>().create(&pod("waits", uses_claim)).await.unwrap();
    client.api::<Pod>().create(&pod("goes", json!([]))).await.unwrap();
    env.sleep(Duration::from_secs(5)).await;
    assert_eq!(cluster.node_of("waits").await, "", "nobody has bound the claim");
    assert_eq!(cluster.node_of("goes").await, "n1");
    let volume = volumes.get(&ObjectKey::new("", "v")).await.unwrap();
    let meant_for = volume.spec.as_ref().unwrap().claim_ref.clone().unwrap();
    assert_eq!(meant_for.uid, claim.metadata.uid);

    // What the controller of volumes does with a volume that is set aside.
    let mut bound = claim;
    bound.spec.get_or_insert_default().volume_name = Some("v".into());
    let complete = ("pv.kubernetes.io/bind-completed".to_owned(), "yes".to_owned());
    bound.metadata.annotations.get_or_insert_default().extend([complete]);
    claims.update(&bound).await.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.node_of("waits").await, "n1");
}
