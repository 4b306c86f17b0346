//! Jobs against a real API; the tests end the pods.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;
use serde_json::{Value, json};

use crate::plane::{Plane, names};

fn job(spec: Value) -> Value {
    let mut given = json!({"template": {"spec": {"restartPolicy": "Never",
        "containers": [{"name": "c", "image": "img:1"}]}}});
    given.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"metadata": {"namespace": "default", "name": "j"}, "spec": given})
}

async fn active(plane: &Plane) -> Vec<std::sync::Arc<Pod>> {
    let mut pods = plane.list::<Pod>("default").await;
    pods.retain(|pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Pending"));
    pods
}

/// Ends the first of the pending pods.
async fn end(plane: &Plane, phase: &str) {
    let pod = format!("default/{}", active(plane).await[0].name());
    plane.patch_status::<Pod>(&pod, json!({"phase": phase})).await;
}

async fn conditions(plane: &Plane) -> String {
    let job = plane.get::<Job>("default/j").await;
    let conditions = job.status.clone().unwrap().conditions.unwrap_or_default();
    let words = conditions.iter().map(|c| format!("{}={}", c.type_, c.status));
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_to_completion_and_is_deleted_in_time() {
    let plane = Plane::new().await;
    let spec = json!({"completions": 3, "parallelism": 2, "ttlSecondsAfterFinished": 60});
    plane.create::<Job>(job(spec)).await;
    assert_eq!(active(&plane).await.len(), 2);
    for left in [2, 1, 0] {
        end(&plane, "Succeeded").await;
        assert_eq!(active(&plane).await.len(), left);
    }
    let status = plane.get::<Job>("default/j").await.status.clone().unwrap();
    assert_eq!((status.succeeded, status.active, status.failed), (Some(3), None, None));
    assert_eq!(conditions(&plane).await, "SuccessCriteriaMet=True Complete=True");
    let pods = plane.list::<Pod>("default").await;
    assert!(pods.iter().all(|pod| pod.metadata.finalizers.is_none()));
    assert_eq!(plane.events("j").await.last().unwrap(), "Completed: Job completed");

    plane.advance(61).await;
    assert!(plane.find::<Job>("default/j").await.is_none());
    assert!(plane.list::<Pod>("default").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_with_a_backoff_up_to_the_limit() {
    let plane = Plane::new().await;
    plane.create::<Job>(job(json!({"backoffLimit": 1}))).await;
    end(&plane, "Failed").await;
    assert!(active(&plane).await.is_empty());
    plane.advance(11).await;
    assert_eq!(active(&plane).await.len(), 1);
    end(&plane, "Failed").await;
    assert_eq!(conditions(&plane).await, "FailureTarget=True Failed=True");
    let status = plane.get::<Job>("default/j").await.status.clone().unwrap();
    assert_eq!((status.failed, status.active), (Some(2), None));
    let events = plane.events("j").await;
    let last = "BackoffLimitExceeded: Job has reached the specified backoff limit";
    assert_eq!(events.last().unwrap(), last);
}

#[tokio::test(start_paused = true)]
async fn a_job_can_be_suspended_and_each_index_has_its_pod() {
    let plane = Plane::new().await;
    let spec = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed"});
    plane.create::<Job>(job(spec)).await;
    let pods = active(&plane).await;
    let hosts: Vec<_> =
        pods.iter().map(|pod| pod.spec.as_ref().unwrap().hostname.clone().unwrap()).collect();
    assert_eq!(hosts, ["j-0", "j-1", "j-2"]);
    plane.patch::<Job>("default/j", json!({"spec": {"suspend": true}})).await;
    assert_eq!(conditions(&plane).await, "Suspended=True");
    assert_eq!(names(&plane.list::<Pod>("default").await), Vec::<String>::new());
    let status = plane.get::<Job>("default/j").await.status.clone().unwrap();
    assert_eq!((status.failed, status.active, status.start_time), (None, None, None));
    plane.patch::<Job>("default/j", json!({"spec": {"suspend": false}})).await;
    assert_eq!(active(&plane).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_job_and_a_deleted_job_takes_its_pods_along() {
    let plane = Plane::new().await;
    plane.create::<Job>(job(json!({"activeDeadlineSeconds": 100}))).await;
    plane.advance(101).await;
    assert_eq!(conditions(&plane).await, "FailureTarget=True Failed=True");
    assert!(active(&plane).await.is_empty());

    plane.delete::<Job>("default/j", "Background").await;
    plane.create::<Job>(job(json!({}))).await;
    assert_eq!(active(&plane).await.len(), 1);
    plane.delete::<Job>("default/j", "Background").await;
    assert!(plane.list::<Pod>("default").await.is_empty());
}
