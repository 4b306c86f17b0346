//! `orchestrator up`: a whole cluster, the manifests in it, and a bar for each workload.

use std::collections::BTreeMap;
use std::time::Duration;

use orchestrator::client::{Applied, Client, Manifest, ManifestError};
use orchestrator::cluster::ServeOptions;
use orchestrator::core::{BoxError, Object};
use orchestrator::{Cluster, Part};

use super::cluster::{Shape, builder, network};
use super::termination;
use crate::args::Up;
use crate::progress::Bars;
use crate::waiting::{is_workload, progress};
use crate::{UsageError, report};

/// The name that owns the fields which the manifests set.
const MANAGER: &str = "orchestrator-up";

pub async fn run(up: Up) -> Result<(), BoxError> {
    let manifests = read(&up)?;
    let shape = Shape {
        parts: Part::ALL.into(),
        runtime: up.runtime,
        nodes: up.nodes,
        network: network(up.runtime),
        data_dir: &up.listen.data_dir,
        engine: up.engine.clone(),
        static_pods: None,
        containers: up.containers.clone(),
        keep_pods: false,
    };
    let mut end = std::pin::pin!(termination());
    // A member of several waits here until there are enough of them.
    let cluster = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        started = builder(shape)?.start() => started?,
    };
    let serving = cluster.serve(ServeOptions { bind: up.listen.bind }).await?;
    let outcome = tokio::select! {
        biased;
        () = &mut end => Ok(()),
        outcome = bring_up(&cluster, &up, &manifests) => outcome,
    };
    if outcome.is_ok() {
        show(&cluster, &serving);
        if !up.exit_when_ready {
            println!("\nCtrl-C stops everything");
            end.await;
        }
    }
    serving.shutdown().await;
    cluster.shutdown().await;
    outcome
}

/// Reads all manifests before anything is started.
fn read(up: &Up) -> Result<Vec<Manifest>, BoxError> {
    let read = |path: &std::path::PathBuf| {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|why| UsageError(format!("cannot read {name}: {why}").into()))?;
        Ok(Manifest::parse(&name, &text).map_err(|error| UsageError(error.into()))?)
    };
    up.filename.iter().map(read).collect()
}

async fn bring_up(cluster: &Cluster, up: &Up, manifests: &[Manifest]) -> Result<(), BoxError> {
    cluster.ready().await;
    let client = cluster.client().with_agent(MANAGER);
    let mut applied = Vec::new();
    for manifest in manifests {
        applied.extend(apply(cluster, &client, manifest, &up.namespace).await?);
    }
    let waiting = wait(cluster, &applied);
    match up.timeout {
        None => waiting.await,
        Some(seconds) => tokio::time::timeout(Duration::from_secs(seconds), waiting)
            .await
            .map_err(|_| format!("not everything is ready after {seconds} s"))?,
    }
}

async fn apply(
    cluster: &Cluster,
    client: &Client,
    manifest: &Manifest,
    namespace: &str,
) -> Result<Vec<Applied>, BoxError> {
    let registry = cluster.api().registry();
    let mapping = |gvk: &orchestrator::core::GroupVersionKind| {
        let resource = registry.by_kind(&gvk.group, &gvk.version, &gvk.kind)?;
        Some((resource.def.gvr.clone(), resource.def.is_namespaced()))
    };
    match manifest.apply(client, &mapping, MANAGER, namespace).await {
        Ok(applied) => Ok(applied),
        Err(error @ ManifestError::Refused(_)) => Err(UsageError(error.into()).into()),
        Err(error) => Err(error.into()),
    }
}

/// Shows a bar for each workload until all are ready or one has failed.
async fn wait(cluster: &Cluster, applied: &[Applied]) -> Result<(), BoxError> {
    let workloads: BTreeMap<String, &Applied> = applied
        .iter()
        .filter(|applied| is_workload(applied))
        .map(|applied| (title(applied), applied))
        .collect();
    let titles: Vec<String> = workloads.keys().cloned().collect();
    let mut bars = Bars::new(&titles);
    // Each change of a watched collection is a new revision somewhere, so one look per change.
    let (changed, mut changes) = tokio::sync::watch::channel(());
    for workload in workloads.values() {
        let changed = changed.clone();
        let cache = cluster.informers().resource(&workload.resource);
        cache.on_change(std::sync::Arc::new(move |_| {
            changed.send_replace(());
        }));
        cache.synced().await;
    }
    loop {
        changes.mark_unchanged();
        let mut done = true;
        for (title, workload) in &workloads {
            let state = progress(&current(cluster, workload));
            bars.show(title, &state);
            done &= state.is_done();
            if !state.failed.is_empty() {
                bars.finish();
                return Err(format!("{title} will not become ready: {}", state.failed).into());
            }
        }
        if done {
            bars.finish();
            return Ok(());
        }
        changes.changed().await?;
    }
}

/// The workload as it is now.
fn current(cluster: &Cluster, workload: &Applied) -> Object {
    let cache = cluster.informers().resource(&workload.resource);
    let item = cache.get(&workload.key).unwrap_or_else(|| workload.item.clone());
    item.to_object().unwrap_or_default()
}

/// `namespace/kind/name`, for people.
fn title(applied: &Applied) -> String {
    let kind = applied.resource.resource.trim_end_matches('s');
    format!("{} {kind}/{}", applied.key.namespace, applied.key.name)
}

fn show(cluster: &Cluster, serving: &orchestrator::cluster::Serving) {
    println!("\n{}", report::pods(cluster.informers()));
    println!("\n{}", report::services(cluster.informers()));
    println!("\nThe API is at {}", serving.url());
    if let Some(kubeconfig) = serving.kubeconfig_file() {
        println!("Try:  {}", report::kubectl(kubeconfig));
    }
}
