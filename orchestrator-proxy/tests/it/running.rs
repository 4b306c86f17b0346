//! The loop against a real API server in the same process, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, Informers, Patch};
use orchestrator_core::{Env, ObjectKey, UserInfo};
use orchestrator_proxy::{ProxyLoop, RecordingProxy, Running};
use orchestrator_store::MemoryStore;
use serde_json::{Value, json};

struct Cluster {
    client: Client,
    proxy: Arc<RecordingProxy>,
    _running: Running,
}

impl Cluster {
    async fn start() -> Self {
        let env = Env::simulated(1);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let api = ApiServer::builder(store, env.clone()).build();
        api.start().await.unwrap();
        let client = Client::direct(api, UserInfo::system("admin"), env);
        let proxy = Arc::new(RecordingProxy::new());
        let informers = Informers::new(client.clone());
        let running = ProxyLoop::new(informers, Arc::clone(&proxy) as _, "n1").start();
        running.ready().await;
        let cluster = Self { client, proxy, _running: running };
        cluster.settle().await;
        cluster
    }

    async fn settle(&self) {
        let env = self.client.env();
        let mut begun = u64::MAX;
        while begun != env.activity().begun() {
            begun = env.activity().begun();
            env.activity().idle().await;
            env.sleep(Duration::from_millis(1)).await;
        }
    }

    async fn service(&self) {
        let spec = json!({"ports": [{"port": 80}]});
        let meta = json!({"name": "web", "namespace": "default"});
        let service = json!({"metadata": meta, "spec": spec});
        let service: Service = serde_json::from_value(service).unwrap();
        self.client.api::<Service>().create(&service).await.unwrap();
        self.settle().await;
    }

    async fn slice(&self, endpoints: Value) {
        let labels = json!({"kubernetes.io/service-name": "web"});
        let slice = json!({
            "metadata": {"name": "web-1", "namespace": "default", "labels": labels},
            "addressType": "IPv4", "endpoints": endpoints, "ports": [{"name": "", "port": 8080}],
        });
        let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
        self.client.api::<EndpointSlice>().create(&slice).await.unwrap();
        self.settle().await;
    }

    /// The endpoints of the service in the newest table; `None` where it has no route.
    fn endpoints(&self) -> Option<Vec<String>> {
        let tables = self.proxy.tables();
        let routes = &tables.last()?.routes;
        let (_, route) = routes.iter().find(|(name, _)| name.service.name == "web")?;
        Some(route.internal.iter().map(ToString::to_string).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn the_table_follows_services_and_slices() {
    let cluster = Cluster::start().await;
    assert_eq!(cluster.endpoints(), None);
    cluster.service().await;
    assert_eq!(cluster.endpoints(), Some(vec![]));
    cluster.slice(json!([{"addresses": ["10.64.0.1"]}, {"addresses": ["10.64.0.2"]}])).await;
    let both = ["10.64.0.1:8080", "10.64.0.2:8080"].map(str::to_owned);
    assert_eq!(cluster.endpoints(), Some(both.to_vec()));
    let services = cluster.client.api::<Service>();
    let key = ObjectKey::new("default", "web");
    services.delete(&key, &Default::default()).await.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.endpoints(), None);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_does_not_matter_is_not_applied() {
    let cluster = Cluster::start().await;
    cluster.service().await;
    let before = cluster.proxy.tables().len();
    let patch = Patch::Merge(json!({"metadata": {"labels": {"colour": "blue"}}}));
    let key = ObjectKey::new("default", "web");
    cluster.client.api::<Service>().patch(&key, patch).await.unwrap();
    cluster.settle().await;
    assert_eq!(cluster.proxy.tables().len(), before);
}
