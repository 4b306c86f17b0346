//! A small cluster in virtual time: an API server, and schedulers that run.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, Informers, Selection};
use orchestrator_core::{Env, ObjectKey, ResourceDef, UserInfo};
use orchestrator_sched::{Framework, Running, SchedulerLoop, plugins};
use orchestrator_store::MemoryStore;
use serde_json::{Value, json};

/// An API server with schedulers.
pub struct Cluster {
    pub client: Client,
    pub informers: Informers,
    _scheduler: Running,
}

impl Cluster {
    /// The default scheduler, and the same under the name `other`.
    pub async fn start() -> Self {
        let named = |name: &str| plugins::defaults(name).build().unwrap();
        Self::with([named("default-scheduler"), named("other")], None).await
    }

    /// These schedulers; `resource` is served beside the built-in ones.
    pub async fn with(
        frameworks: impl IntoIterator<Item = Framework>,
        resource: Option<ResourceDef>,
    ) -> Self {
        let env = Env::simulated(1);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let api = ApiServer::builder(store, env.clone());
        let api = ["ServiceAccount", "TaintNodesByCondition"]
            .into_iter()
            .fold(api, |api, step| api.without_admission(step));
        let api = resource.into_iter().fold(api, |api, def| api.resource(def)).build();
        api.start().await.unwrap();
        let client = Client::direct(api, UserInfo::system("admin"), env);
        let informers = Informers::new(client.clone());
        let schedulers = SchedulerLoop::new(informers.clone());
        let scheduler =
            frameworks.into_iter().fold(schedulers, SchedulerLoop::with_framework).start();
        scheduler.ready().await;
        let cluster = Self { client, informers, _scheduler: scheduler };
        cluster.settle().await;
        cluster
    }

    /// Waits until nothing is left to do before some time has passed.
    pub async fn settle(&self) {
        let env = self.client.env();
        let mut begun = u64::MAX;
        while begun != env.activity().begun() {
            begun = env.activity().begun();
            env.activity().idle().await;
            env.sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn node(&self, name: &str, cpu: &str) {
        let status = json!({"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}});
        let node = json!({"metadata": {"name": name}, "status": status});
        let node: Node = serde_json::from_value(node).unwrap();
        let nodes = self.client.api::<Node>();
        let made = Node::clone(&*nodes.create(&node).await.unwrap());
        nodes.update_status(&Node { status: node.status, ..made }).await.unwrap();
    }

    pub async fn pod(&self, name: &str, cpu: &str, fields: Value) {
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

    pub async fn find(&self, name: &str) -> Option<Arc<Pod>> {
        self.client.api::<Pod>().find(&ObjectKey::new("default", name)).await.unwrap()
    }

    pub async fn node_of(&self, name: &str) -> String {
        let pod = self.find(name).await.unwrap();
        pod.spec.as_ref().unwrap().node_name.clone().unwrap_or_default()
    }

    /// Reason and message of the condition that says whether the pod has a node.
    pub async fn condition(&self, name: &str) -> (String, String) {
        let pod = self.find(name).await.unwrap();
        let conditions = pod.status.as_ref().unwrap().conditions.iter().flatten();
        let condition = conditions.into_iter().find(|c| c.type_ == "PodScheduled").unwrap();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (text(&condition.reason), text(&condition.message))
    }

    /// The events about a pod: their reasons and messages.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let events = self.client.api::<Event>();
        let listed = events.list(&Selection::namespace("default")).await.unwrap();
        let about = listed.items.iter().filter(|e| e.involved_object.name.as_deref() == Some(name));
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        about.map(|event| format!("{}: {}", text(&event.reason), text(&event.message))).collect()
    }
}
