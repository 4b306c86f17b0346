//! A rule of your own in the admission chain: every Deployment must say who answers for it.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::apps::v1::Deployment;
use orchestrator::Cluster;
use orchestrator::apiserver::admission::{Admission, AdmissionRequest, Operation};
use orchestrator::core::Status;
use serde_json::json;

#[derive(Debug)]
struct Answerable;

#[async_trait]
impl Admission for Answerable {
    fn name(&self) -> &'static str {
        "Answerable"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.is_for("apps", "deployments") && request.operation != Operation::Delete
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        match request.object.label("team") {
            Some(_) => Ok(()),
            None => Err(request.forbidden("a deployment needs the label \"team\"")),
        }
    }
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::builder().simulated(1).admission(Arc::new(Answerable)).start().await?;
    let deployments = cluster.client().api::<Deployment>();
    let deployment = |labels: serde_json::Value| -> Result<Deployment, serde_json::Error> {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "default", "labels": labels},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "i"}]},
                },
            },
        }))
    };
    let refused = deployments.create(&deployment(json!({}))?).await.expect_err("it has no team");
    assert_eq!((refused.code, refused.reason), (403, "Forbidden"));
    println!("refused: {refused}");
    deployments.create(&deployment(json!({"team": "shop"}))?).await?;
    println!("taken with a team");
    Ok(())
}
