//! A plane without scheduler and nodes: API server, memory store and controllers.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, DeleteOptions, Informers, Kind, KindExt, Patch, Selection, gvr};
use orchestrator_controllers::{
    ControllerDeps, Manager, Resources, RunningManager, ServedResource, builtin, controller_fn,
};
use orchestrator_core::controller::{Controller, Outcome, WatchSpec};
use orchestrator_core::{Env, Json, ObjectKey, Status, UserInfo};
use orchestrator_store::MemoryStore;
use serde_json::json;

/// How long nothing may begin before the plane counts as settled.
const QUIET: Duration = Duration::from_millis(100);

pub struct Plane {
    pub env: Env,
    pub client: Client,
    pub informers: Informers,
    pub manager: RunningManager,
}

/// The client and the deps of a new, empty plane.
pub async fn deps(env: &Env) -> ControllerDeps {
    let store = Arc::new(MemoryStore::new(env.clone()));
    let server = ApiServer::builder(store, env.clone()).build();
    server.start().await.unwrap();
    let client = Client::direct(server.clone(), UserInfo::system("test"), env.clone());
    let resources = Resources::new(move || {
        server.registry().defs().iter().map(|def| ServedResource::from(&**def)).collect()
    });
    let mut deps = ControllerDeps::new(Informers::new(client), resources);
    deps.config.root_ca = "PEM".into();
    deps
}

impl Plane {
    /// All built-in controllers.
    pub async fn new() -> Self {
        Self::with(builtin).await
    }

    /// All built-in controllers, and pods that run as soon as they exist.
    pub async fn with_pods() -> Self {
        Self::with(|deps| {
            let mut all = builtin(deps);
            all.push(runs_pods(deps.client().clone()));
            all
        })
        .await
    }

    pub async fn with(make: impl FnOnce(&ControllerDeps) -> Vec<Arc<dyn Controller>>) -> Self {
        let env = Env::simulated(7);
        let deps = deps(&env).await;
        let controllers = make(&deps);
        let informers = deps.informers.clone();
        let manager = Manager::new(informers.clone(), env.clone())
            .follow(deps.resources.clone())
            .add_all(controllers)
            .start();
        let plane = Self { env, client: deps.client().clone(), informers, manager };
        plane.settle().await;
        plane
    }

    /// Waits until nothing happens any more.
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

    /// Makes an object and settles.
    pub async fn create<K: Kind>(&self, object: Json) -> Arc<K> {
        let typed: K = serde_json::from_value(object).unwrap();
        let made = self.client.api::<K>().create(&typed).await.unwrap();
        self.settle().await;
        made
    }

    pub async fn get<K: Kind>(&self, key: &str) -> Arc<K> {
        self.client.api::<K>().get(&self::key(key)).await.unwrap()
    }

    pub async fn find<K: Kind>(&self, key: &str) -> Option<Arc<K>> {
        self.client.api::<K>().find(&self::key(key)).await.unwrap()
    }

    /// All objects of a namespace, by name.
    pub async fn list<K: Kind>(&self, namespace: &str) -> Vec<Arc<K>> {
        let selection = Selection::namespace(namespace);
        self.client.api::<K>().list(&selection).await.unwrap().items
    }

    /// Changes an object and settles.
    pub async fn patch<K: Kind>(&self, key: &str, patch: Json) {
        self.client.api::<K>().patch(&self::key(key), Patch::Merge(patch)).await.unwrap();
        self.settle().await;
    }

    /// Changes an object's status and settles.
    pub async fn patch_status<K: Kind>(&self, key: &str, status: Json) {
        let patch = Patch::Strategic(json!({"status": status}));
        self.client.api::<K>().patch_status(&self::key(key), patch).await.unwrap();
        self.settle().await;
    }

    /// Deletes an object and settles.
    pub async fn delete<K: Kind>(&self, key: &str, policy: &str) {
        let options = DeleteOptions { propagation: policy.into(), ..DeleteOptions::default() };
        self.client.api::<K>().delete(&self::key(key), &options).await.unwrap();
        self.settle().await;
    }

    /// The events about an object, `reason: message`, without repetitions.
    pub async fn events(&self, name: &str) -> Vec<String> {
        let events = self.list::<k8s_openapi::api::core::v1::Event>("").await;
        let about = events.iter().filter(|e| e.involved_object.name.as_deref() == Some(name));
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut all: Vec<_> = about
            .map(|e| {
                (
                    e.metadata.resource_version.clone(),
                    format!("{}: {}", text(&e.reason), text(&e.message)),
                )
            })
            .collect();
        all.sort_by_key(|(version, _)| version.as_ref().and_then(|v| v.parse::<u64>().ok()));
        all.into_iter().map(|(_, text)| text).collect()
    }
}

/// `namespace/name`, or the name alone.
pub fn key(key: &str) -> ObjectKey {
    match key.split_once('/') {
        Some((namespace, name)) => ObjectKey::new(namespace, name),
        None => ObjectKey::cluster(key),
    }
}

pub fn names<K: Kind>(objects: &[Arc<K>]) -> Vec<String> {
    objects.iter().map(|object| object.name().to_owned()).collect()
}

/// Stands in for scheduler and nodes: a pod runs and is ready as soon as it exists.
pub fn runs_pods(client: Client) -> Arc<dyn Controller> {
    let watches = vec![WatchSpec::own(gvr::<Pod>())];
    controller_fn("runs-pods", watches, move |key, cx| {
        let client = client.clone();
        async move {
            let Some(pod) = client.api::<Pod>().find(&key).await? else { return Ok(Outcome::Done) };
            if pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Pending") {
                run(&client, &pod, &cx.env).await?;
            }
            Ok(Outcome::Done)
        }
    })
}

async fn run(client: &Client, pod: &Pod, env: &Env) -> Result<(), Status> {
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": env.now_rfc3339()});
    let status = json!({"status": {"phase": "Running", "conditions": [ready]}});
    client.api::<Pod>().patch_status(&pod.key(), Patch::Strategic(status)).await.map(drop)
}

/// A pod template with a label `app`.
pub fn template(app: &str, image: &str) -> Json {
    json!({"metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": image}]}})
}
