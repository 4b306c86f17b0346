//! Containers that fail: back-off, images that cannot be had, runs that begin again.

use orchestrator_core::Env;
use serde_json::json;

use crate::plane::{Plane, one, words};

#[tokio::test(start_paused = true)]
async fn a_crash_loop_pauses_longer_each_time() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let stages = json!({"simulate.orchestrator/run": "1s", "simulate.orchestrator/exit-code": "1"});
    plane.pod("p", stages, one("Always")).await;
    // Runs at 0, 1, 12, 33, 74, 155 seconds: each ends after one, pauses are 0, 10, 20, 40, 80.
    let mut seen = Vec::new();
    let begun = plane.env.instant();
    for at_s in [3u64, 14, 35, 76, 157] {
        let wait = at_s - (plane.env.instant() - begun).as_secs();
        plane.advance(wait).await;
        seen.push(words(plane.get("p").await.as_deref()));
    }
    let expected = (1..=5).map(|n| format!("Running a#{n}=CrashLoopBackOff"));
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_container_that_recovers_stays() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let stages = json!({"simulate.orchestrator/run": "1s", "simulate.orchestrator/exit-code": "1",
        "simulate.orchestrator/failures": "2"});
    plane.pod("p", stages, one("Always")).await;
    plane.advance(60).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Running a#2=Running+");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_says_so() {
    let plane = Plane::new(Env::simulated(1)).await;
    let _nodes = plane.nodes(1).await;
    let stages = json!({"simulate.orchestrator/pull-error": "no such image"});
    plane.pod("p", stages, one("Always")).await;
    plane.settle().await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Pending a=ErrImagePull");
    plane.advance(5).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Pending a=ImagePullBackOff");
    plane.advance(7).await;
    assert_eq!(words(plane.get("p").await.as_deref()), "Pending a=ImagePullBackOff");
}
