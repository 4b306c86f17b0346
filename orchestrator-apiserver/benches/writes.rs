//! What does a write through the whole pipeline cost? No sockets, no other parts, one thread.
//!
//! `cargo bench -p orchestrator-apiserver --all-features --bench writes -- WORD` measures the rows
//! whose name has the word in it. The time is that which the thread ran. Under
//! `valgrind --tool=callgrind` the difference between two counts (`WRITES=1000`, `WRITES=2000`)
//! tells the instructions of one write, whatever else the machine does.

#![allow(clippy::disallowed_methods)] // a bench looks at the real clock

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod, ServiceAccount};
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, Patch, Selection};
use orchestrator_core::{Env, Object, ObjectKey, Revision, UserInfo};
use orchestrator_store::MemoryStore;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let count = std::env::var("WRITES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(measure(&word, count));
}

async fn measure(word: &str, count: usize) {
    let client = plane().await;
    let pods = client.api::<Pod>();
    let from = pods.list(&Selection::default()).await.expect("listed").revision;
    let wants = |row: &str| row.contains(word);

    let bodies: Vec<Pod> = (0..count).map(pod).collect();
    let timer = Timer::start("create pods");
    for body in &bodies {
        pods.create(body).await.expect("created");
    }
    timer.done(count);
    drop(bodies);
    if wants("bind") {
        let timer = Timer::start("bind pods");
        for n in 0..count {
            let target = json!({"kind": "Node", "name": "node"});
            let mut binding = Object::new("v1", "Binding");
            binding.set("target", target);
            pods.create_sub(&key(n), "binding", binding).await.expect("bound");
        }
        timer.done(count);
    }
    if wants("patch status") {
        let timer = Timer::start("patch status of pods");
        for n in 0..count {
            let patch = Patch::Merge(json!({ "status": running() }));
            pods.patch_status(&key(n), patch).await.expect("patched");
        }
        timer.done(count);
    }
    if wants("update status") {
        let listed = pods.list(&Selection::default()).await.expect("listed");
        let timer = Timer::start("update status of pods");
        for pod in &listed.items {
            let mut pod = Pod::clone(pod);
            pod.status.get_or_insert_default().message = Some("well".into());
            pods.update_status(&pod).await.expect("updated");
        }
        timer.done(count);
    }
    if wants("events") {
        let events: Vec<Event> = (0..count).map(event).collect();
        let api = client.api::<Event>();
        let timer = Timer::start("create events");
        for event in &events {
            api.create(event).await.expect("created");
        }
        timer.done(count);
    }
    if wants("watch") {
        watch(&client, from, count).await;
    }
    if wants("select") {
        let selection = Selection { labels: "tier=none".into(), ..Selection::default() };
        let timer = Timer::start("list pods by label, none found");
        assert!(pods.list(&selection).await.expect("listed").items.is_empty());
        timer.done(count);
        let selection = Selection { fields: "spec.nodeName=none".into(), ..Selection::default() };
        let timer = Timer::start("list pods by field, none found");
        assert!(pods.list(&selection).await.expect("listed").items.is_empty());
        timer.done(count);
    }
}

/// Reads back all creates as a typed watcher does.
async fn watch(client: &Client, from: Revision, count: usize) {
    let selection = Selection::default();
    let events = client.api::<Pod>().watch(&selection, from).await.expect("watched").events;
    let timer = Timer::start("watch events, typed");
    let items = events.filter_map(|event| async { event.ok()?.item().cloned() });
    items.take(count).for_each(|item| async move { drop(item.typed::<Pod>()) }).await;
    timer.done(count);
}

/// A server with a namespace, its account and a node.
async fn plane() -> Client {
    let env = Env::system();
    let server = ApiServer::builder(Arc::new(MemoryStore::new(env.clone())), env.clone()).build();
    server.start().await.expect("the server starts");
    let client = Client::direct(server, UserInfo::system("admin"), env);
    let namespace: Namespace = typed(json!({"metadata": {"name": "ns"}}));
    client.api().create(&namespace).await.expect("created");
    let account: ServiceAccount =
        typed(json!({"metadata": {"name": "default", "namespace": "ns"}}));
    client.api().create(&account).await.expect("created");
    let node: Node = typed(json!({"metadata": {"name": "node"}}));
    client.api().create(&node).await.expect("created");
    client
}

fn key(n: usize) -> ObjectKey {
    ObjectKey::new("ns", format!("pod-{n:05}"))
}

fn typed<K: DeserializeOwned>(json: Json) -> K {
    serde_json::from_value(json).expect("an object of its kind")
}

fn pod(n: usize) -> Pod {
    typed(json!({
        "metadata": {"name": key(n).name, "namespace": "ns", "labels": {"app": "web", "tier": "front"}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/web:1",
            "env": [{"name": "COLOUR", "value": "blue"}], "ports": [{"containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]},
    }))
}

fn event(n: usize) -> Event {
    typed(json!({
        "metadata": {"name": format!("event-{n:05}"), "namespace": "ns"},
        "involvedObject": {"kind": "Pod", "namespace": "ns", "name": key(n).name, "apiVersion": "v1"},
        "reason": "Scheduled", "message": "bound", "type": "Normal",
        "source": {"component": "default-scheduler"},
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1,
    }))
}

/// What an agent says of a pod that runs.
fn running() -> Json {
    json!({"phase": "Running", "podIP": "127.64.0.9", "podIPs": [{"ip": "127.64.0.9"}],
        "hostIP": "127.0.0.1", "startTime": "2026-01-01T00:00:00Z",
        "conditions": [
            {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ],
        "containerStatuses": [{"name": "c", "image": "registry.example/web:1", "imageID": "i",
            "ready": true, "started": true, "restartCount": 0, "containerID": "x://1",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]})
}

/// How long the thread ran.
struct Timer {
    what: &'static str,
    before: Duration,
}

impl Timer {
    fn start(what: &'static str) -> Self {
        Self { what, before: ran() }
    }

    fn done(self, count: usize) {
        let took = ran().saturating_sub(self.before);
        let each = took / u32::try_from(count).expect("a small number");
        let rate = count as f64 / took.as_secs_f64();
        println!("{:<36} {each:>10.1?} each {rate:>12.0}/s", self.what);
    }
}

/// How long this thread has run so far; nothing where the system does not tell.
fn ran() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = stat.split_whitespace().next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or_default())
}
