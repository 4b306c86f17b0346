//! A plane without scheduler and controllers: API server, memory store, and nodes.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Secret, ServiceAccount};
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, DeleteOptions, Informers, Kind, KindExt, Selection};
use orchestrator_core::{Env, ObjectKey, UserInfo};
use orchestrator_runtime::simulated::{SimulatedNodes, SimulatedNodesConfig};
use orchestrator_store::MemoryStore;
use serde_json::{Value, json};

/// How long nothing may begin before the plane counts as settled.
const QUIET: Duration = Duration::from_millis(50);

pub struct Plane {
    pub env: Env,
    pub client: Client,
    pub informers: Informers,
}

impl Plane {
    pub async fn new(env: Env) -> Self {
        let store = Arc::new(MemoryStore::new(env.clone()));
        let server = ApiServer::builder(store, env.clone()).build();
        server.start().await.unwrap();
        let client = Client::direct(server, UserInfo::system("test"), env.clone());
        let account = json!({"metadata": {"name": "default", "namespace": "default"},
            "automountServiceAccountToken": false});
        let account: ServiceAccount = serde_json::from_value(account).unwrap();
        client.api().create(&account).await.unwrap();
        Self { env, informers: Informers::new(client.clone()), client }
    }

    /// Starts simulated nodes `node-0` and so on.
    pub async fn nodes(&self, count: u32) -> SimulatedNodes {
        let config = SimulatedNodesConfig::new("node", count);
        let nodes = SimulatedNodes::start(config, &self.informers);
        nodes.ready().await;
        nodes
    }

    /// Waits until nothing happens any more, on virtual time.
    pub async fn settle(&self) {
        loop {
            let begun = self.env.activity().begun();
            self.env.sleep(QUIET).await;
            if self.env.activity().busy() == 0 && self.env.activity().begun() == begun {
                return;
            }
        }
    }

    pub async fn advance(&self, seconds: u64) {
        self.env.sleep(Duration::from_secs(seconds)).await;
        self.settle().await;
    }

    /// Makes a pod on `node-0`.
    pub async fn pod(&self, name: &str, annotations: Value, spec: Value) -> Arc<Pod> {
        let mut spec = spec;
        let node = spec.get("nodeName").cloned().unwrap_or_else(|| "node-0".into());
        spec["nodeName"] = node;
        let meta = json!({"name": name, "namespace": "default", "annotations": annotations});
        let pod = json!({"metadata": meta, "spec": spec});
        self.client.api().create(&serde_json::from_value(pod).unwrap()).await.unwrap()
    }

    pub async fn config_map(&self, name: &str, data: Value) {
        let meta = json!({"name": name, "namespace": "default"});
        let map: ConfigMap =
            serde_json::from_value(json!({"metadata": meta, "data": data})).unwrap();
        self.client.api().create(&map).await.unwrap();
    }

    pub async fn secret(&self, name: &str, data: Value) {
        let meta = json!({"name": name, "namespace": "default"});
        let secret: Secret =
            serde_json::from_value(json!({"metadata": meta, "stringData": data})).unwrap();
        self.client.api().create(&secret).await.unwrap();
    }

    pub async fn get(&self, name: &str) -> Option<Arc<Pod>> {
        self.client.api().find(&key(name)).await.unwrap()
    }

    pub async fn delete<K: Kind>(&self, name: &str, grace: Option<i64>) {
        let options = DeleteOptions { grace_period_seconds: grace, ..DeleteOptions::default() };
        self.client.api::<K>().delete(&key(name), &options).await.unwrap();
    }

    /// Waits until the pod is as `accept` says, driven by its changes.
    pub async fn until(&self, name: &str, accept: impl Fn(Option<&Pod>) -> bool) {
        let pods = self.informers.of::<Pod>();
        loop {
            let revision = pods.revision();
            if accept(pods.get(&key(name)).as_deref()) {
                return;
            }
            pods.reached(revision.next()).await;
        }
    }

    /// The reasons of the pod's events, in order of their making, each as often as it happened.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let events = self.client.api::<Event>().list(&Selection::default()).await.unwrap();
        let mut events: Vec<_> = events.items.into_iter().collect();
        events.retain(|event| event.involved_object.name.as_deref() == Some(name));
        events.sort_by_key(|event| event.revision());
        let words = events.iter().map(|event| event.reason.clone().unwrap_or_default());
        words.collect()
    }
}

pub fn key(name: &str) -> ObjectKey {
    ObjectKey::new("default", name)
}

/// The pod in a few words: phase, and each container with its state, restarts and readiness.
pub fn words(pod: Option<&Pod>) -> String {
    let Some(status) = pod.and_then(|pod| pod.status.as_ref()) else { return "gone".into() };
    let init = status.init_container_statuses.iter().flatten();
    let app = status.container_statuses.iter().flatten();
    let mut words = vec![status.phase.clone().unwrap_or_default()];
    for container in init.chain(app) {
        let state = container.state.clone().unwrap_or_default();
        let running = state.running.map(|_| "Running".to_owned());
        let ended = state.terminated.map(|t| format!("{}({})", t.reason.unwrap(), t.exit_code));
        let waiting = state.waiting.and_then(|waiting| waiting.reason);
        let state = running.or(ended).or(waiting).unwrap_or_else(|| "?".into());
        let ready = if container.ready { "+" } else { "" };
        let restarts = match container.restart_count {
            0 => String::new(),
            count => format!("#{count}"),
        };
        words.push(format!("{}{restarts}={state}{ready}", container.name));
    }
    words.join(" ")
}

/// A pod of one container that does what its annotations say.
pub fn one(policy: &str) -> Value {
    json!({"restartPolicy": policy, "containers": [{"name": "a", "image": "i"}]})
}
