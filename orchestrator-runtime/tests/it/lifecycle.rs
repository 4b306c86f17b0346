//! Pods from birth to death on simulated nodes.

use k8s_openapi::api::core::v1::Pod;
use orchestrator_core::Env;
use serde_json::json;

use crate::plane::{Plane, one, words};

#[tokio::test(start_paused = true)]
async fn a_pod_runs_and_is_deleted() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    plane.pod("p", json!({}), one("Always")).await;
    plane.settle().await;
    let pod = plane.get("p").await.unwrap();
    assert_eq!(words(Some(&pod)), "Running a=Running+");
    let status = pod.status.as_ref().unwrap();
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.1"));
    assert_eq!(status.host_ip.as_deref(), Some("127.0.0.1"));
    let ready = status.conditions.iter().flatten().filter(|c| c.status == "True").count();
    assert_eq!(ready, 5, "{:?}", status.conditions);
    assert_eq!(plane.events("p").await, ["Created", "Started"]);
    plane.delete::<Pod>("p", None).await;
    plane.settle().await;
    assert_eq!(plane.get("p").await, None);
    assert_eq!(plane.events("p").await, ["Created", "Started", "Killing"]);
}

#[tokio::test(start_paused = true)]
async fn grace_is_given_and_the_status_is_told_before_the_end() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    plane.pod("p", json!({"simulate.orchestrator/stop": "10s"}), one("Always")).await;
    plane.settle().await;
    plane.delete::<Pod>("p", None).await;
    plane.env.sleep(std::time::Duration::from_secs(9)).await;
    let pod = plane.get("p").await;
    assert_eq!(words(pod.as_deref()), "Running a=Running+");
    assert!(pod.unwrap().metadata.deletion_timestamp.is_some());
    plane.advance(2).await;
    assert_eq!(plane.get("p").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_second_deletion_without_grace_ends_the_pod_at_once() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    plane.pod("p", json!({"simulate.orchestrator/stop": "1h"}), one("Always")).await;
    plane.settle().await;
    plane.delete::<Pod>("p", Some(600)).await;
    plane.env.sleep(std::time::Duration::from_secs(5)).await;
    assert!(plane.get("p").await.is_some());
    let began = plane.env.instant();
    plane.delete::<Pod>("p", Some(0)).await;
    plane.settle().await;
    assert_eq!(plane.get("p").await, None);
    assert!((plane.env.instant() - began).as_secs() < 2);
}

#[tokio::test(start_paused = true)]
async fn work_that_ends_leaves_its_phase() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let run = |code: &str| json!({"simulate.orchestrator/run": "5s", "simulate.orchestrator/exit-code": code});
    plane.pod("good", run("0"), one("Never")).await;
    plane.pod("bad", run("3"), one("Never")).await;
    plane.pod("retry", run("0"), one("OnFailure")).await;
    plane.advance(10).await;
    for (name, expected) in [
        ("good", "Succeeded a=Completed(0)"),
        ("bad", "Failed a=Error(3)"),
        ("retry", "Succeeded a=Completed(0)"),
    ] {
        assert_eq!(words(plane.get(name).await.as_deref()), expected);
    }
    plane.delete::<Pod>("good", None).await;
    plane.settle().await;
    assert_eq!(plane.get("good").await, None);
}

#[tokio::test(start_paused = true)]
async fn init_containers_and_sidecars_take_their_turns() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let spec = json!({"restartPolicy": "Never",
        "initContainers": [{"name": "i", "image": "i"},
            {"name": "s", "image": "i", "restartPolicy": "Always"}],
        "containers": [{"name": "a", "image": "i"}]});
    let stages =
        json!({"i.simulate.orchestrator/run": "10s", "a.simulate.orchestrator/run": "20s"});
    plane.pod("p", stages, spec).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        plane.settle().await;
        seen.push(words(plane.get("p").await.as_deref()));
        plane.advance(10).await;
    }
    assert_eq!(
        seen,
        [
            "Pending i=Running s=PodInitializing a=PodInitializing",
            "Running i=Completed(0)+ s=Running+ a=Running+",
            "Running i=Completed(0)+ s=Running+ a=Running+",
            "Succeeded i=Completed(0)+ s=Error(143) a=Completed(0)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_pod() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let mut spec = one("Always");
    spec["activeDeadlineSeconds"] = 60.into();
    plane.pod("p", json!({}), spec).await;
    plane.advance(50).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a=Running+");
    plane.advance(20).await;
    let pod = plane.get("p").await.unwrap();
    assert_eq!(words(Some(&pod)), "Failed a=Error(143)");
    assert_eq!(pod.status.as_ref().unwrap().reason.as_deref(), Some("DeadlineExceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_does_not_fit_fails() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let big = json!({"containers": [
        {"name": "a", "image": "i", "resources": {"requests": {"cpu": "64"}}}]});
    plane.pod("big", json!({}), big).await;
    let other = json!({"nodeSelector": {"x": "y"}, "containers": [{"name": "a", "image": "i"}]});
    plane.pod("other", json!({}), other).await;
    plane.settle().await;
    for (name, reason) in [("big", "OutOfcpu"), ("other", "NodeAffinity")] {
        let pod = plane.get(name).await.unwrap();
        let status = pod.status.as_ref().unwrap();
        assert_eq!(status.phase.as_deref(), Some("Failed"));
        assert_eq!(status.reason.as_deref(), Some(reason));
        assert_eq!(plane.events(name).await, [reason]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_agent_ends_what_the_api_has_forgotten_and_keeps_the_rest() {
    use orchestrator_runtime::agent::{Agent, NodeConfig, Parts};
    use orchestrator_runtime::simulated::{SimulatedConfig, SimulatedRuntime, Wheel};
    let plane = Plane::new(Env::simulated(1)).await;
    let config = SimulatedConfig::new("10.0.0.0/24".parse().unwrap());
    let runtime = SimulatedRuntime::new(config, plane.env.clone(), Wheel::new(&plane.env));
    let runtime: std::sync::Arc<dyn orchestrator_core::runtime::Runtime> =
        std::sync::Arc::new(runtime);
    let start = || {
        let parts = Parts::new(&plane.informers, runtime.clone(), "node-0");
        Agent::start(NodeConfig::new("node-0", ""), parts)
    };
    let first = start();
    first.ready().await;
    for name in ["kept", "lost"] {
        plane.pod(name, json!({}), one("Always")).await;
    }
    plane.settle().await;
    drop(first);
    plane.delete::<Pod>("lost", Some(0)).await;
    let before = runtime.pods(None).await.unwrap();
    assert_eq!(before.len(), 2);
    let _second = start();
    plane.settle().await;
    let after = runtime.pods(None).await.unwrap();
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].containers, before.iter().find(|p| p.name == "kept").unwrap().containers);
    assert_eq!(words(plane.get("kept").await.as_deref()), "Running a=Running+");
}
