//! Controllers in a storm: calls fail before and after they have taken effect, versions conflict,
//! watches break off, the process is restarted. When it is over, the world is as if there had
//! been none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    Node, PersistentVolume, PersistentVolumeClaim, Pod, ReplicationController, ResourceQuota,
    Service,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_client::{Client, Informers, Kind, KindExt};
use orchestrator_controllers::{ControllerDeps, Manager, RunningManager, builtin};
use orchestrator_core::service::{ResponseBody, Watch};
use orchestrator_core::{ApiRequest, ApiResponse, ApiService, Env, Status, Verb};
use serde_json::{Value, json};

use crate::plane::{Plane, deps, runs_pods, template};

/// How many of a hundred writes fail while it blows.
const FAILING: u64 = 25;
/// How many changes a watch tells at most before it breaks off while it blows.
const WATCHED: u64 = 12;
/// How often the controllers are restarted.
const RESTARTS: u32 = 5;

/// The API behind a bad line.
#[derive(Debug)]
struct Stormy {
    service: Arc<dyn ApiService>,
    env: Env,
    blows: Arc<AtomicBool>,
}

#[async_trait]
impl ApiService for Stormy {
    async fn call(&self, request: ApiRequest) -> Result<ApiResponse, Status> {
        let blows = self.blows.load(Ordering::Relaxed);
        let writes =
            matches!(request.verb, Verb::Create | Verb::Update | Verb::Patch | Verb::Delete);
        if blows && writes && self.env.random_below(100) < FAILING {
            return match self.env.random_below(3) {
                0 => Err(Status::unavailable("the line is down")),
                1 => Err(Status::new(409, "Conflict", "somebody was faster")),
                _ => {
                    let _ = self.service.call(request).await;
                    Err(Status::unavailable("the answer is lost"))
                }
            };
        }
        let mut answer = self.service.call(request).await?;
        if blows && let ResponseBody::Watch(Watch { events, .. }) = &mut answer.body {
            let most = usize::try_from(self.env.random_below(WATCHED) + 1).unwrap();
            let whole = std::mem::replace(events, futures::stream::empty().boxed());
            *events = whole.take(most).boxed();
        }
        Ok(answer)
    }
}

fn start(deps: &ControllerDeps, service: &Arc<dyn ApiService>) -> (Informers, RunningManager) {
    let env = deps.env().clone();
    let user = orchestrator_core::UserInfo::system("test");
    let client = Client::direct(Arc::clone(service), user, env.clone());
    let mut mine = deps.clone();
    mine.informers = Informers::new(client.clone());
    let mut all = builtin(&mine);
    all.push(runs_pods(client));
    let manager = Manager::new(mine.informers.clone(), env)
        .follow(mine.resources.clone())
        .add_all(all)
        .start();
    (mine.informers, manager)
}

async fn make_world(client: &Client) {
    let meta = |name: &str| json!({"namespace": "default", "name": name});
    let workload = |name: &str, count: u32| {
        json!({"metadata": meta(name), "spec": {"replicas": count, "serviceName": "s",
            "selector": {"matchLabels": {"app": name}}, "template": template(name, "img")}})
    };
    create::<Node>(client, json!({"metadata": {"name": "n1"}})).await;
    create::<ResourceQuota>(
        client,
        json!({"metadata": meta("q"), "spec": {"hard": {"pods": "99", "services": "9"}}}),
    )
    .await;
    create::<Deployment>(client, workload("d", 4)).await;
    create::<StatefulSet>(client, workload("s", 3)).await;
    let daemon = json!({"metadata": meta("ds"), "spec": {
        "selector": {"matchLabels": {"app": "ds"}}, "template": template("ds", "img")}});
    create::<DaemonSet>(client, daemon).await;
    let old = json!({"metadata": meta("rc"), "spec": {"replicas": 2, "selector": {"app": "rc"},
        "template": template("rc", "img")}});
    create::<ReplicationController>(client, old).await;
    let mut pods = template("j", "img");
    pods["spec"]["restartPolicy"] = json!("Never");
    let job = json!({"metadata": meta("j"), "spec": {
        "completions": 3, "parallelism": 3, "completionMode": "Indexed", "template": pods}});
    create::<Job>(client, job).await;
    let service = json!({"metadata": meta("svc"), "spec": {
        "selector": {"app": "d"}, "ports": [{"port": 80}]}});
    create::<Service>(client, service).await;
    for (name, size) in [("v1", "1Gi"), ("v2", "2Gi"), ("v3", "3Gi")] {
        let spec = json!({"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
            "storageClassName": "x", "hostPath": {"path": "/x"}});
        create::<PersistentVolume>(client, json!({"metadata": {"name": name}, "spec": spec})).await;
    }
    // Each fits one volume best, whoever comes first.
    for (name, size) in [("c1", "1Gi"), ("c2", "2Gi")] {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "x",
            "resources": {"requests": {"storage": size}}});
        create::<PersistentVolumeClaim>(client, json!({"metadata": meta(name), "spec": spec}))
            .await;
    }
}

async fn create<K: Kind>(client: &Client, object: Value) {
    let typed: K = serde_json::from_value(object).unwrap();
    client.api::<K>().create(&typed).await.unwrap();
}

/// What the statuses of all objects of a kind say, without times and generated names.
async fn statuses<K: Kind>(plane: &Plane, namespace: &str) -> Value {
    let shown = |object: &Arc<K>| {
        let mut status = serde_json::to_value(&**object).unwrap()["status"].take();
        if let Some(conditions) = status["conditions"].as_array() {
            let words = conditions.iter().map(|c| json!([c["type"], c["status"], c["reason"]]));
            status["conditions"] = words.collect();
        }
        for time in ["startTime", "completionTime", "lastPhaseTransitionTime"] {
            status.as_object_mut().and_then(|status| status.remove(time));
        }
        json!([object.name(), status])
    };
    plane.list::<K>(namespace).await.iter().map(shown).collect()
}

/// What counts of the world: which objects there are, and what they say.
async fn world(plane: &Plane) -> BTreeMap<&'static str, Value> {
    let mut pods = BTreeMap::<String, usize>::new();
    for pod in plane.list::<Pod>("default").await {
        let labels = pod.metadata.labels.clone().unwrap_or_default();
        *pods.entry(labels.get("app").cloned().unwrap_or_default()).or_default() += 1;
    }
    let slices = plane.list::<EndpointSlice>("default").await;
    let endpoints: usize =
        slices.iter().map(|slice| slice.endpoints.iter().flatten().count()).sum();
    BTreeMap::from([
        ("deployments", statuses::<Deployment>(plane, "default").await),
        ("statefulsets", statuses::<StatefulSet>(plane, "default").await),
        ("daemonsets", statuses::<DaemonSet>(plane, "default").await),
        ("controllers", statuses::<ReplicationController>(plane, "default").await),
        ("jobs", statuses::<Job>(plane, "default").await),
        ("claims", statuses::<PersistentVolumeClaim>(plane, "default").await),
        ("volumes", statuses::<PersistentVolume>(plane, "").await),
        ("quotas", statuses::<ResourceQuota>(plane, "default").await),
        ("sets", json!(plane.list::<ReplicaSet>("default").await.len())),
        ("pods", json!(pods)),
        ("endpoints", json!(endpoints)),
    ])
}

/// The world that becomes of the same wishes, in a storm or without one.
async fn run(seed: u64, restarts: u32) -> BTreeMap<&'static str, Value> {
    let env = Env::simulated(seed);
    let deps = deps(&env).await;
    let client = deps.client().clone();
    let blows = Arc::new(AtomicBool::new(restarts > 0));
    let service: Arc<dyn ApiService> = Arc::new(Stormy {
        service: Arc::clone(client.service()),
        env: env.clone(),
        blows: Arc::clone(&blows),
    });
    make_world(&client).await;
    for _ in 0..restarts {
        let (informers, manager) = start(&deps, &service);
        env.sleep(Duration::from_secs(5 + env.random_below(30))).await;
        drop(manager);
        informers.close();
    }
    blows.store(false, Ordering::Relaxed);
    let (informers, manager) = start(&deps, &service);
    let plane = Plane { env, client, informers, manager };
    // Long enough for the longest backoff that the storm has left behind.
    plane.advance(1200).await;
    world(&plane).await
}

#[tokio::test(start_paused = true)]
async fn the_world_after_a_storm_is_the_world_without_one() {
    let calm = run(1, 0).await;
    for seed in 2..5 {
        let after = run(seed, RESTARTS).await;
        for (part, want) in &calm {
            assert_eq!(after[part], *want, "{part} after storm {seed}");
        }
    }
}
