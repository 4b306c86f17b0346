//! The controller runtime: queues, panics, retries, and reading one's own writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use orchestrator_client::{KindExt, Patch, gvr};
use orchestrator_controllers::controller_fn;
use orchestrator_core::controller::{Outcome, WatchSpec};
use orchestrator_core::{ObjectKey, Status};
use serde_json::{Value, json};

use crate::plane::Plane;

fn config_map(name: &str) -> Value {
    json!({"metadata": {"namespace": "default", "name": name}, "data": {"count": "0"}})
}

fn watches() -> Vec<WatchSpec> {
    vec![WatchSpec::own(gvr::<ConfigMap>())]
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_sees_what_the_last_one_wrote() {
    // Each run adds one to the number that the cache shows, until it is 20. If a run ever saw an
    // older state, its write would be lost or refused.
    let plane = Plane::with(|deps| {
        let (maps, api) = (deps.informers.of::<ConfigMap>(), deps.client().api::<ConfigMap>());
        vec![controller_fn("counter", watches(), move |key, _| {
            let (maps, api) = (maps.clone(), api.clone());
            async move {
                let Some(map) = maps.get(&key).filter(|map| map.name() == "a") else {
                    return Ok(Outcome::Done);
                };
                let count: u32 = map.data.as_ref().unwrap()["count"].parse().unwrap();
                if count < 20 {
                    let mut map = ConfigMap::clone(&map);
                    map.data
                        .get_or_insert_default()
                        .insert("count".into(), (count + 1).to_string());
                    api.update(&map).await?;
                }
                Ok(Outcome::Done)
            }
        })]
    })
    .await;
    plane.create::<ConfigMap>(config_map("a")).await;
    let map = plane.get::<ConfigMap>("default/a").await;
    assert_eq!(map.data.as_ref().unwrap()["count"], "20");
    let metrics = &plane.manager.metrics()[0];
    assert_eq!((metrics.failures, metrics.unseen_writes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_and_errors_are_retried() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let plane = Plane::with(move |_| {
        vec![controller_fn("clumsy", watches(), move |key, cx| {
            let runs = Arc::clone(&counted);
            async move {
                if key.name != "a" {
                    return Ok(Outcome::Done);
                }
                assert_eq!(cx.failures as usize, runs.load(Ordering::SeqCst));
                match runs.fetch_add(1, Ordering::SeqCst) {
                    0 => panic!("oops"),
                    1 => Err(Status::internal("not yet")),
                    _ => Ok(Outcome::Done),
                }
            }
        })]
    })
    .await;
    plane.create::<ConfigMap>(config_map("a")).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let metrics = &plane.manager.metrics()[0];
    assert_eq!((metrics.panics, metrics.failures), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_key_comes_back_after_the_time_it_asked_for() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let plane = Plane::with(move |_| {
        vec![controller_fn("hourly", watches(), move |key, _| {
            let runs = Arc::clone(&counted);
            async move {
                if key == ObjectKey::new("default", "a") {
                    runs.fetch_add(1, Ordering::SeqCst);
                    return Ok(Outcome::RequeueAfter(Duration::from_secs(3600)));
                }
                Ok(Outcome::Done)
            }
        })]
    })
    .await;
    plane.create::<ConfigMap>(config_map("a")).await;
    plane.advance(6 * 3600).await;
    assert_eq!(runs.load(Ordering::SeqCst), 7);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_manager_ends_its_controllers() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let Plane { env, client, informers, manager } = Plane::with(move |_| {
        vec![controller_fn("any", watches(), move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok(Outcome::Done) }
        })]
    })
    .await;
    drop(manager);
    let before = runs.load(Ordering::SeqCst);
    let map: ConfigMap = serde_json::from_value(config_map("a")).unwrap();
    let made = client.api::<ConfigMap>().create(&map).await.unwrap();
    informers.of::<ConfigMap>().reached(made.revision()).await;
    let patch = Patch::Merge(json!({"data": {"x": "y"}}));
    client.api::<ConfigMap>().patch(&made.key(), patch).await.unwrap();
    env.sleep(Duration::from_secs(1)).await;
    assert_eq!((runs.load(Ordering::SeqCst), env.activity().busy()), (before, 0));
}
