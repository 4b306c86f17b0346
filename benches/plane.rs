//! What does a plane cost? Each figure is printed beside its budget; none is asserted.
//!
//! `cargo bench --bench plane` measures; the machine, its neighbours and the allocator show in
//! absolute figures, so compare ratios of two runs on one machine. Criterion keeps the history of
//! the two latencies; the rates are measured once over many operations, by the clock and, where
//! one thread does all the work, by the time that the thread ran, which neighbours do not show in.
//! A word behind `--` measures only what has that word in its name, as in `-- creates`. The
//! allocator is the one that the program has.

#![allow(clippy::disallowed_methods)] // a bench looks at the real clock

use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use futures::StreamExt;
use futures::stream::{self, FuturesUnordered};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use orchestrator::Cluster;
use orchestrator::client::{Client, RemoteConfig, Selection};
use orchestrator::cluster::ServeOptions;
use orchestrator::core::{Env, Revision};
use serde_json::json;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many pods the rates are measured over.
const PODS: usize = 10_000;

/// How many requests are under way over HTTP/2.
const IN_FLIGHT: usize = 64;

fn main() {
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let wants = |name: &str| word.as_ref().is_none_or(|word| name.contains(word.as_str()));
    // First of all, while the allocator has nothing left over to give.
    let memory = wants("memory").then(memory);
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    criterion.bench_function("plane start to ready", |bench| {
        let runtime = runtime();
        bench.iter(|| runtime.block_on(start()));
    });
    criterion.bench_function("deployment of 3 to Running, simulated nodes", |bench| {
        bench.iter_batched(|| (), |()| deployment_runs(), criterion::BatchSize::PerIteration);
    });
    criterion.final_summary();
    println!();
    row("what", "measured".into(), "budget");
    if wants("latencies") {
        latencies();
    }
    for (what, measured, budget) in memory.into_iter().flatten() {
        row(what, measured, budget);
    }
    if wants("creates direct") {
        creates_direct();
    }
    if wants("creates and list over http") {
        over_http();
    }
    for watchers in [100, 1000].into_iter().filter(|_| wants("watch")) {
        fan_out(watchers);
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn row(what: &str, measured: String, budget: &str) {
    println!("{what:<52} {measured:>16}   {budget}");
}

fn rate(count: usize, took: Duration) -> String {
    format!("{:.0}/s", count as f64 / took.as_secs_f64())
}

/// How long this thread has run so far; nothing where the system does not tell.
fn ran() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = stat.split_whitespace().next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(ns.unwrap_or_default())
}

async fn start() -> Cluster {
    Cluster::builder().start().await.expect("the plane starts")
}

fn latencies() {
    let runtime = runtime();
    runtime.block_on(start());
    let begun = Instant::now();
    let cluster = runtime.block_on(start());
    row("plane start to ready", format!("{:.1?}", begun.elapsed()), "< 10 ms");
    drop(cluster);
    row(
        "deployment of 3 to Running, simulated nodes",
        format!("{:.1?}", deployment_runs()),
        "< 50 ms",
    );
}

/// From the create to three pods Running, in virtual time, the plane being up.
fn deployment_runs() -> Duration {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let builder = Cluster::builder().simulated(1).simulated_nodes(3);
        let cluster = builder.start().await.expect("the plane starts");
        cluster.settle().await;
        let begun = Instant::now();
        cluster.client().api::<Deployment>().create(&deployment()).await.expect("created");
        let pods = cluster.client().api::<Pod>();
        loop {
            cluster.advance(Duration::from_millis(200)).await;
            let listed = pods.list(&Selection::namespace("default")).await.expect("listed");
            let runs = |pod: &&Arc<Pod>| {
                pod.status.as_ref().and_then(|s| s.phase.as_deref()) == Some("Running")
            };
            if listed.items.iter().filter(runs).count() == 3 {
                return begun.elapsed();
            }
        }
    })
}

fn deployment() -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]}}},
    }))
    .expect("a deployment")
}

fn pod(name: String) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default", "labels": {"app": "web", "tier": "front"}},
        "spec": {"containers": [{"name": "c", "image": "registry.example/web:1",
            "env": [{"name": "COLOUR", "value": "blue"}], "ports": [{"containerPort": 8080}],
            "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]},
    }))
    .expect("a pod")
}

/// A plane of nothing but the API, with the account that pods need.
async fn api_only() -> Cluster {
    let cluster = Cluster::builder().parts([]).start().await.expect("the plane starts");
    let account =
        serde_json::from_value(json!({"metadata": {"name": "default", "namespace": "default"}}));
    let account: k8s_openapi::api::core::v1::ServiceAccount = account.expect("an account");
    cluster.client().api().create(&account).await.expect("created");
    cluster
}

async fn create_pods(client: &Client, prefix: &str, in_flight: usize) -> Duration {
    let api = client.api::<Pod>();
    let pods: Vec<Pod> = (0..PODS).map(|n| pod(format!("{prefix}-{n:05}"))).collect();
    let begun = Instant::now();
    let creates = stream::iter(&pods).map(|pod| api.create(pod)).buffer_unordered(in_flight);
    creates.for_each(|made| async { drop(made.expect("created")) }).await;
    begun.elapsed()
}

fn creates_direct() {
    let (took, ran) = runtime().block_on(async {
        let cluster = api_only().await;
        let before = ran();
        let took = create_pods(&cluster.client(), "direct", 1).await;
        (took, ran().saturating_sub(before))
    });
    row("pod creates, direct, one core", rate(PODS, took), ">= 50,000/s");
    let each = ran / u32::try_from(PODS).expect("a small number");
    row("processor time of such a create", format!("{each:.1?}"), "<= 20 µs");
}

fn over_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let server = server.expect("a runtime");
    let (cluster, serving) = server.block_on(async {
        let builder = Cluster::builder().parts([]).data_dir(folder.path());
        let cluster = builder.start().await.expect("the plane starts");
        let account = json!({"metadata": {"name": "default", "namespace": "default"}});
        let account: k8s_openapi::api::core::v1::ServiceAccount =
            serde_json::from_value(account).expect("an account");
        cluster.client().api().create(&account).await.expect("created");
        let bind = "127.0.0.1:0".parse().expect("an address");
        let serving = cluster.serve(ServeOptions { bind }).await.expect("served");
        (cluster, serving)
    });
    runtime().block_on(async {
        let path = folder.path().join("admin.kubeconfig");
        let config = RemoteConfig::from_kubeconfig(&path).expect("a kubeconfig");
        let client = Client::remote(config, Env::system()).expect("a client");
        let took = create_pods(&client, "http", IN_FLIGHT).await;
        row(
            "pod creates over HTTP/2 and TLS, 64 in flight",
            rate(PODS, took),
            ">= 10 x kube-apiserver",
        );
        let begun = Instant::now();
        let listed = client.api::<Pod>().list(&Selection::default()).await.expect("listed");
        assert_eq!(listed.items.len(), PODS);
        row(
            "list of 10,000 pods over HTTP, decoded",
            format!("{:.1?}", begun.elapsed()),
            "(no budget)",
        );
    });
    drop((serving, cluster));
}

fn fan_out(watchers: usize) {
    /// How many changes each watcher sees.
    const CHANGES: usize = 1000;
    let took = runtime().block_on(async {
        let cluster = api_only().await;
        let api = cluster.client().api::<Pod>();
        let from = Revision::new(cluster.store().status().await.expect("status").revision.get());
        let mut watches = Vec::new();
        for _ in 0..watchers {
            watches.push(api.watch(&Selection::default(), from).await.expect("watched").events);
        }
        for n in 0..CHANGES {
            api.create(&pod(format!("fan-{n:05}"))).await.expect("created");
        }
        let begun = Instant::now();
        let drained = watches.into_iter().map(|events| async {
            let seen = events.filter(|event| {
                let of_pod = event.as_ref().is_ok_and(|event| event.item().is_some());
                std::future::ready(of_pod)
            });
            seen.take(CHANGES).for_each(|event| async { drop(event) }).await;
        });
        drained.collect::<FuturesUnordered<_>>().collect::<Vec<_>>().await;
        begun.elapsed()
    });
    let what = format!("watch deliveries to {watchers} watchers, one core");
    row(&what, rate(watchers * CHANGES, took), ">= 1,000,000/s");
}

/// What, how much, and the budget.
type Figure = (&'static str, String, &'static str);

fn memory() -> [Figure; 2] {
    let runtime = runtime();
    let before = resident_kib();
    let planes: Vec<Cluster> = (0..20).map(|_| runtime.block_on(start())).collect();
    let each = resident_kib().saturating_sub(before) / planes.len();
    drop(planes);
    let cluster = runtime.block_on(api_only());
    let before = resident_kib();
    runtime.block_on(async {
        let api = cluster.client().api::<Pod>();
        // One at a time: what the bench itself holds must not show.
        for n in 0..PODS {
            api.create(&pod(format!("memory-{n:05}"))).await.expect("created");
        }
    });
    let grown = resident_kib().saturating_sub(before);
    [
        ("memory of an empty plane", format!("{each} KiB"), "< 1,024 KiB"),
        ("memory of 10,000 pods", format!("{} MiB", grown / 1024), "(no budget)"),
    ]
}

/// The resident memory of this process.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
