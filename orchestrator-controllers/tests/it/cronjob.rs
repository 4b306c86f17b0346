//! CronJobs against a real API, hours of them.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use orchestrator_client::KindExt;
use serde_json::{Value, json};

use crate::plane::{Plane, names};

fn cron(spec: Value) -> Value {
    let mut given = json!({"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}}});
    given.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"metadata": {"namespace": "default", "name": "c"}, "spec": given})
}

async fn complete(plane: &Plane, job: &str) {
    let now = plane.env.now_rfc3339();
    let conditions = json!([
        {"type": "SuccessCriteriaMet", "status": "True", "reason": "x", "message": "y"},
        {"type": "Complete", "status": "True", "reason": "x", "message": "y"}]);
    let status = json!({"completionTime": now, "conditions": conditions, "active": null,
        "ready": 0, "terminating": 0, "succeeded": 1});
    plane.patch_status::<Job>(&format!("default/{job}"), status).await;
}

#[tokio::test(start_paused = true)]
async fn six_hours_are_six_jobs_of_which_the_active_stay() {
    let plane = Plane::new().await;
    plane.create::<CronJob>(cron(json!({}))).await;
    assert!(plane.list::<Job>("default").await.is_empty());
    plane.advance(6 * 3600).await;
    let jobs = plane.list::<Job>("default").await;
    assert_eq!(jobs.len(), 6);
    let status = plane.get::<CronJob>("default/c").await.status.clone().unwrap();
    assert_eq!(status.active.unwrap().len(), 6);
    assert_eq!(status.last_schedule_time.unwrap().0.to_string(), "2026-01-01T06:00:00Z");
    assert_eq!(jobs[0].controller().unwrap().name, "c");

    plane.patch::<CronJob>("default/c", json!({"spec": {"suspend": true}})).await;
    plane.advance(3 * 3600).await;
    assert_eq!(plane.list::<Job>("default").await.len(), 6);
    plane.delete::<CronJob>("default/c", "Background").await;
    assert!(plane.list::<Job>("default").await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_forbids_the_next_or_is_replaced() {
    let plane = Plane::new().await;
    plane.create::<CronJob>(cron(json!({"concurrencyPolicy": "Forbid"}))).await;
    plane.advance(3 * 3600).await;
    let jobs = names(&plane.list::<Job>("default").await);
    assert_eq!(jobs.len(), 1);
    // When it ends, the newest missed time is used at once.
    complete(&plane, &jobs[0]).await;
    let status = plane.get::<CronJob>("default/c").await.status.clone().unwrap();
    assert_eq!(status.last_schedule_time.unwrap().0.to_string(), "2026-01-01T03:00:00Z");
    assert_eq!(status.active.unwrap().len(), 1);

    plane.patch::<CronJob>("default/c", json!({"spec": {"concurrencyPolicy": "Replace"}})).await;
    plane.advance(3600).await;
    let jobs = names(&plane.list::<Job>("default").await);
    let status = plane.get::<CronJob>("default/c").await.status.clone().unwrap();
    let active = status.active.unwrap();
    assert_eq!((jobs.len(), active.len()), (2, 1));
    assert_eq!(active[0].name.as_deref(), jobs.last().map(String::as_str));
}
