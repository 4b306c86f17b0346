//! Probes on simulated nodes, whose stages decide the answers.

use orchestrator_core::Env;
use serde_json::json;

use crate::plane::{Plane, words};

#[tokio::test(start_paused = true)]
async fn readiness_comes_with_the_probe() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let probe = json!({"httpGet": {"port": 80}, "periodSeconds": 5});
    let spec = json!({"containers": [{"name": "a", "image": "i", "readinessProbe": probe}]});
    plane.pod("p", json!({"simulate.orchestrator/ready-after": "12s"}), spec).await;
    plane.advance(11).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a=Running");
    plane.advance(6).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a=Running+");
    let unhealthy = plane.events("p").await.into_iter().filter(|reason| reason == "Unhealthy");
    assert_eq!(unhealthy.count(), 1, "equal events are counted, not repeated");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_alive_runs_again() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 10, "failureThreshold": 2});
    let spec = json!({"containers": [{"name": "a", "image": "i", "livenessProbe": probe}]});
    plane.pod("p", json!({"simulate.orchestrator/unhealthy-after": "30s"}), spec).await;
    plane.advance(35).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a=Running+");
    plane.advance(10).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a#1=Running+");
    assert!(plane.events("p").await.contains(&"Killing".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn nothing_else_is_asked_before_the_start() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let probe = |threshold: i32| json!({"exec": {"command": ["x"]}, "periodSeconds": 5, "failureThreshold": threshold});
    let spec = json!({"containers": [{"name": "a", "image": "i", "startupProbe": probe(10),
        "livenessProbe": probe(1)}]});
    let stages = json!({"simulate.orchestrator/ready-after": "20s"});
    plane.pod("p", stages, spec).await;
    plane.advance(18).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a=Running");
    plane.advance(5).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a=Running+");
    let spec = json!({"containers": [{"name": "a", "image": "i", "startupProbe": probe(2)}]});
    plane.pod("q", json!({"simulate.orchestrator/ready-after": "1h"}), spec).await;
    plane.advance(8).await;
    assert_eq!(words(plane.get("q").await.as_deref()), "Running a#1=Running");
}
