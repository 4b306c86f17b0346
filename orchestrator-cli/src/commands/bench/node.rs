//! `bench node`: how fast a node of real containers starts pods, beside the bare calls to containerd.
//!
//! A pod counts from the request that makes it, bound to the node already, until a watch shows it
//! running. The bare calls are the three that containerd needs, one after the other, in the same
//! containerd in the same run: compare the ratio, since everything else depends on the machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use orchestrator::client::{DeleteOptions, Informer, KindExt};
use orchestrator::cluster::NodeSpec;
use orchestrator::containerd::{BarePod, Link};
use orchestrator::core::{BoxError, ObjectKey};
use orchestrator::runtime::agent::host_name;
use orchestrator::{Cluster, Part};
use serde_json::json;
use tokio::sync::Notify;

use super::latency::Latencies;
use crate::UsageError;
use crate::args::{BenchNode, RuntimeKind};
use crate::commands::cluster;

/// What every pod runs.
const IMAGE: &str = "orchestrator/toolbox:1";
const COMMAND: [&str; 2] = ["sleep", "3600"];

/// How long pods may take to start or to go.
const PATIENCE: Duration = Duration::from_secs(300);

pub async fn run(bench: &BenchNode) -> Result<(), BoxError> {
    if bench.dir.exists() {
        let why = format!("{} is there already; name a new folder by --dir", bench.dir.display());
        return Err(UsageError(why.into()).into());
    }
    let outcome = measure(bench).await;
    // What cannot be removed is told by the error before.
    let _ = std::fs::remove_dir_all(&bench.dir);
    outcome
}

async fn measure(bench: &BenchNode) -> Result<(), BoxError> {
    let network = cluster::network(RuntimeKind::Containerd);
    let node = cluster::container_node(host_name(), &bench.dir, &bench.containers)?;
    let socket = node.folder.join("containerd/state/containerd.sock");
    let plane = Cluster::builder()
        .parts([Part::Controllers, Part::Nodes])
        .network(network)
        .data_dir(&bench.dir)
        .node(NodeSpec::containers(node))
        .start()
        .await?;
    plane.ready().await;
    let (pods, link) = (Pods::new(&plane), Link::new(&socket));
    pods.one("warm-up").await?;
    bare(&link, &plane, &bench.dir, "warm-up").await?;
    let (mut ours, mut theirs) = (Latencies::default(), Latencies::default());
    for round in 0..bench.rounds {
        // In turns, so that both see the same machine.
        ours.add(pods.one(&format!("one-{round}")).await?);
        theirs.add(bare(&link, &plane, &bench.dir, &format!("bare-{round}")).await?);
    }
    let (ours, theirs) = (ours.percentiles(), theirs.percentiles());
    println!("pod start, half of {}: {:.1} ms", bench.rounds, ours.p50_ms);
    println!("bare calls, half of {}: {:.1} ms", bench.rounds, theirs.p50_ms);
    println!("ratio: {:.2}", ours.p50_ms / theirs.p50_ms);
    let (first, last) = pods.many(bench.pods).await?;
    println!(
        "{} pods at once: the first runs after {:.2} s, the last after {:.2} s",
        bench.pods,
        first.as_secs_f64(),
        last.as_secs_f64()
    );
    plane.shutdown().await;
    Ok(())
}

async fn bare(
    link: &Link,
    plane: &Cluster,
    folder: &Path,
    name: &str,
) -> Result<Duration, BoxError> {
    let logs = std::path::absolute(folder.join("bare"))?;
    std::fs::create_dir_all(&logs)?;
    let began = plane.env().instant();
    let pod = BarePod::start(link, name, IMAGE, &COMMAND, &logs).await?;
    let took = plane.env().instant() - began;
    pod.remove(link).await?;
    Ok(took)
}

/// The pods of the measured node.
struct Pods<'a> {
    plane: &'a Cluster,
    cache: Informer<Pod>,
    changed: Arc<Notify>,
}

impl<'a> Pods<'a> {
    fn new(plane: &'a Cluster) -> Self {
        let changed = Arc::new(Notify::new());
        let cache = plane.informers().of::<Pod>();
        let tell = Arc::clone(&changed);
        cache.on_change(Arc::new(move |_| tell.notify_one()));
        Self { plane, cache, changed }
    }

    async fn make(&self, name: &str) -> Result<(), BoxError> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "nodeName": host_name(),
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "c", "image": IMAGE, "command": COMMAND}],
            },
        }))?;
        self.plane.client().api::<Pod>().create(&pod).await?;
        Ok(())
    }

    /// Waits until the cache shows what `holds` wants.
    async fn until(
        &self,
        what: &str,
        holds: impl Fn(&Informer<Pod>) -> bool,
    ) -> Result<(), BoxError> {
        let waiting = async {
            while !holds(&self.cache) {
                self.changed.notified().await;
            }
        };
        let late = |_| format!("{what}: not within {} s", PATIENCE.as_secs());
        Ok(tokio::time::timeout(PATIENCE, waiting).await.map_err(late)?)
    }

    /// How long one pod takes from the request until it is seen running.
    async fn one(&self, name: &str) -> Result<Duration, BoxError> {
        let key = ObjectKey::new("default", name);
        let began = self.plane.env().instant();
        self.make(name).await?;
        self.until("start", |cache| cache.get(&key).is_some_and(|pod| runs(&pod))).await?;
        let took = self.plane.env().instant() - began;
        self.remove(&[name.to_owned()]).await?;
        Ok(took)
    }

    /// How long it takes until the first and the last of many run.
    async fn many(&self, count: u32) -> Result<(Duration, Duration), BoxError> {
        let names: Vec<String> = (0..count).map(|index| format!("many-{index}")).collect();
        let began = self.plane.env().instant();
        for name in &names {
            self.make(name).await?;
        }
        let running = |cache: &Informer<Pod>| {
            let pods = cache.namespace("default");
            pods.iter().filter(|pod| runs(pod)).count()
        };
        self.until("start of the first", |cache| running(cache) > 0).await?;
        let first = self.plane.env().instant() - began;
        self.until("start of the last", |cache| running(cache) == names.len()).await?;
        let last = self.plane.env().instant() - began;
        self.remove(&names).await?;
        Ok((first, last))
    }

    async fn remove(&self, names: &[String]) -> Result<(), BoxError> {
        for name in names {
            let key = ObjectKey::new("default", name.as_str());
            self.plane.client().api::<Pod>().delete(&key, &DeleteOptions::default()).await?;
        }
        self.until("removal", |cache| cache.namespace("default").is_empty()).await
    }
}

fn runs(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && !pod.is_terminating()
}
