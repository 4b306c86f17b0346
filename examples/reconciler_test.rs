//! How a reconciler is tested: the real plane, virtual time, no sleeps.
//!
//! The reconciler deletes ConfigMaps that say how long they live. What its test would check
//! stands in `main`, so that this example runs by itself.

use std::error::Error;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use orchestrator::Cluster;
use orchestrator::client::{DeleteOptions, Informer, KindExt, gvr};
use orchestrator::controllers::{ControllerDeps, controller_fn};
use orchestrator::core::ObjectKey;
use orchestrator::core::controller::{Controller, Outcome, WatchSpec};
use serde_json::json;

/// Deletes each ConfigMap so many seconds after its creation as its annotation `ttl` says.
fn reaper(deps: &ControllerDeps) -> std::sync::Arc<dyn Controller> {
    let informer: Informer<ConfigMap> = deps.informers.of();
    let api = deps.client().api::<ConfigMap>();
    controller_fn("reaper", vec![WatchSpec::own(gvr::<ConfigMap>())], move |key, cx| {
        let (map, api) = (informer.get(&key), api.clone());
        async move {
            let Some(map) = map else { return Ok(Outcome::Done) };
            let ttl = map.annotation("ttl").and_then(|ttl| ttl.parse().ok());
            let (Some(ttl), Some(born)) = (ttl, &map.metadata.creation_timestamp) else {
                return Ok(Outcome::Done);
            };
            let age = cx.env.now().duration_since(born.0).unsigned_abs();
            match Duration::from_secs(ttl).checked_sub(age) {
                Some(left) if !left.is_zero() => Ok(Outcome::RequeueAfter(left)),
                _ => {
                    api.delete(&key, &DeleteOptions::uid(map.uid())).await?;
                    Ok(Outcome::Done)
                }
            }
        }
    })
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().simulated(1).parts([]).controller(reaper).start().await?;
    let maps = cluster.client().api::<ConfigMap>();
    let mortal: ConfigMap = serde_json::from_value(json!({
        "metadata": {"name": "mortal", "namespace": "default", "annotations": {"ttl": "3600"}},
    }))?;
    maps.create(&mortal).await?;
    let key = ObjectKey::new("default", "mortal");

    cluster.advance(Duration::from_secs(3500)).await;
    assert!(maps.find(&key).await?.is_some(), "too early");
    cluster.advance(Duration::from_secs(200)).await;
    assert!(maps.find(&key).await?.is_none(), "too late");
    println!("deleted after a virtual hour");
    Ok(())
}
