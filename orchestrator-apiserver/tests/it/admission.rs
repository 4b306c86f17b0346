//! Admission: the built-in steps, and one from outside.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_apiserver::admission::{Admission, AdmissionRequest};
use orchestrator_core::{Json, Status};
use serde_json::json;

use crate::support::Api;

fn pod(name: &str, spec: Json) -> Json {
    let mut spec = spec;
    spec["containers"] = json!([{"name": "c", "image": "i:1"}]);
    json!({"metadata": {"name": name}, "spec": spec})
}

#[tokio::test(start_paused = true)]
async fn a_pod_gets_account_token_priority_and_tolerations() {
    let api = Api::new().await;
    let made = api.create("v1/pods", pod("p", json!({}))).await.unwrap();
    let spec = &made["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!((&spec["priority"], spec["tolerations"].as_array().unwrap().len()), (&json!(0), 2));
    let volume = spec["volumes"][0]["name"].as_str().unwrap();
    assert!(volume.starts_with("kube-api-access-"));
    assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], volume);
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_names_must_be_there() {
    let api = Api::new().await;
    let cases = [
        (
            json!({"serviceAccountName": "nope"}),
            "error looking up service account ns/nope: serviceaccount \"nope\" not found",
        ),
        (json!({"priorityClassName": "nope"}), "no PriorityClass with name nope was found"),
        (json!({"runtimeClassName": "nope"}), "pod rejected: RuntimeClass \"nope\" not found"),
        (
            json!({"priority": 7}),
            "the integer value of priority (7) must not be provided in pod spec; priority \
             admission controller computed 0 from the given PriorityClass name",
        ),
    ];
    for (spec, why) in cases {
        let status = api.create("v1/pods", pod("a", spec)).await.unwrap_err();
        assert_eq!(status.message, format!("pods \"a\" is forbidden: {why}"));
    }
    let status = api
        .call(
            crate::support::request(orchestrator_core::Verb::Create, "v1/pods")
                .namespace("nope")
                .body(crate::support::object(pod("a", json!({})))),
        )
        .await
        .unwrap_err();
    assert_eq!((status.code, &*status.message), (404, "namespaces \"nope\" not found"));
}

#[tokio::test(start_paused = true)]
async fn limit_ranges_fill_in_and_refuse() {
    let api = Api::new().await;
    let range = json!({"metadata": {"name": "r"}, "spec": {"limits": [{"type": "Container",
        "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "1"}}]}});
    api.create("v1/limitranges", range).await.unwrap();
    let made = api.create("v1/pods", pod("p", json!({}))).await.unwrap();
    let resources = json!({"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}});
    assert_eq!(made["spec"]["containers"][0]["resources"], resources);
    let mut large = pod("q", json!({}));
    large["spec"]["containers"][0]["resources"] = json!({"limits": {"cpu": "2"}});
    assert_eq!(
        api.create("v1/pods", large).await.unwrap_err().message,
        "pods \"q\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"
    );
}

#[tokio::test(start_paused = true)]
async fn new_nodes_are_tainted_and_claims_protected() {
    let api = Api::new().await;
    let node = api.create("v1/nodes", json!({"metadata": {"name": "n"}})).await.unwrap();
    let taint = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]);
    assert_eq!(node["spec"]["taints"], taint);
    let class = json!({"metadata": {"name": "fast",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "x/y"});
    api.create("storage.k8s.io/v1/storageclasses", class).await.unwrap();
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}}}});
    let claim = api.create("v1/persistentvolumeclaims", claim).await.unwrap();
    assert_eq!(claim["spec"]["storageClassName"], "fast");
    assert_eq!(claim["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
}

/// Lets no object be called `bad`, and labels all others.
#[derive(Debug)]
struct House;

#[async_trait]
impl Admission for House {
    fn name(&self) -> &'static str {
        "House"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.is_for("", "configmaps")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        request.object.set_meta("labels", json!({"house": "yes"}));
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if request.object.name() == "bad" {
            return Err(request.forbidden("a bad name"));
        }
        request.warn("seen");
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_from_outside_changes_and_refuses() {
    let api = Api::with(|builder| builder.admission(Arc::new(House))).await;
    let made = api.create("v1/configmaps", json!({"metadata": {"name": "a"}})).await.unwrap();
    assert_eq!(made["metadata"]["labels"], json!({"house": "yes"}));
    let status = api.create("v1/configmaps", json!({"metadata": {"name": "bad"}})).await;
    assert_eq!(status.unwrap_err().message, "configmaps \"bad\" is forbidden: a bad name");
}
