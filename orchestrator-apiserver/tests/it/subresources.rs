//! Parts of objects.

use orchestrator_core::request::{Body, Options, PatchKind};
use orchestrator_core::{Json, ObjectKey, Verb};
use serde_json::json;

use crate::support::{Answer, Api, object, request};

async fn post(
    api: &Api,
    name: &str,
    part: &str,
    body: Json,
) -> Result<Answer, orchestrator_core::Status> {
    let key = ObjectKey::new("ns", name);
    api.object(request(Verb::Create, "v1/pods").object(&key).subresource(part).body(object(body)))
        .await
}

fn pod(name: &str) -> Json {
    json!({"metadata": {"name": name, "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i:1"}]}})
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_once() {
    let api = Api::new().await;
    api.create("v1/pods", pod("p")).await.unwrap();
    let binding = json!({"target": {"kind": "Node", "name": "n"}});
    let answer = post(&api, "p", "binding", binding.clone()).await.unwrap();
    assert_eq!((answer.code, &answer.object["status"]), (201, &json!("Success")));
    let bound = api.get("v1/pods", "p").await.unwrap();
    assert_eq!(bound["spec"]["nodeName"], "n");
    assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    let status = post(&api, "p", "binding", binding).await.err().unwrap();
    assert_eq!(
        status.message,
        "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \
         \"n\""
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_is_apart_from_the_rest() {
    let api = Api::new().await;
    api.create("v1/pods", pod("p")).await.unwrap();
    let part = json!({"metadata": {"labels": {"x": "y"}}, "status": {"message": "m"}});
    let new = api.patch_part("v1/pods", "p", "status", part).await.unwrap();
    assert_eq!(new["status"]["message"], "m");
    assert_eq!(new["metadata"]["labels"], json!({"a": "b"}));
    let whole = api.patch("v1/pods", "p", json!({"status": {"message": "other"}})).await.unwrap();
    assert_eq!(whole["status"]["message"], "m");
}

#[tokio::test(start_paused = true)]
async fn a_scale_is_read_and_set() {
    let api = Api::new().await;
    let path = "apps/v1/replicasets";
    let labels = json!({"a": "b"});
    let body = json!({"metadata": {"name": "r"}, "spec": {"replicas": 2,
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    api.create(path, body).await.unwrap();
    let patch = json!({"spec": {"replicas": 5}});
    let scale = api.patch_part(path, "r", "scale", patch).await.unwrap();
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(5)));
    assert_eq!(scale["status"]["selector"], "a=b");
    assert_eq!(api.get(path, "r").await.unwrap()["spec"]["replicas"], 5);
    let bad = api.patch_part(path, "r", "scale", json!({"spec": {"replicas": -1}})).await;
    assert_eq!(
        bad.unwrap_err().message,
        "Scale.autoscaling \"r\" is invalid: spec.replicas: Invalid value: -1: must be greater \
         than or equal to 0"
    );
}

#[tokio::test(start_paused = true)]
async fn a_scale_is_applied_and_its_replicas_are_owned() {
    let api = Api::new().await;
    let path = "apps/v1/replicasets";
    let labels = json!({"a": "b"});
    let body = json!({"metadata": {"name": "r"}, "spec": {"replicas": 2,
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "i"}]}}}});
    api.create(path, body).await.unwrap();
    let apply = async |manager: &str, replicas: Json, force: bool| {
        let body = json!({"apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {"name": "r"}, "spec": {"replicas": replicas}});
        let body = Body::Patch { bytes: body.to_string().into(), kind: PatchKind::Apply };
        let options = Options {
            field_manager: manager.into(),
            force: force.then_some(true),
            ..Options::default()
        };
        let key = ObjectKey::new("ns", "r");
        let request = request(Verb::Patch, path).object(&key).subresource("scale");
        api.object(request.options(options).body(body)).await.map(|answer| answer.object)
    };
    let refused = apply("scaler", json!(3), false).await.unwrap_err();
    assert_eq!((refused.code, &*refused.details.causes[0].field), (409, ".spec.replicas"));
    let scale = apply("scaler", json!(3), true).await.unwrap();
    assert_eq!((&scale["kind"], &scale["spec"]["replicas"]), (&json!("Scale"), &json!(3)));
    let whole = api.get(path, "r").await.unwrap();
    assert_eq!(whole["spec"]["replicas"], 3);
    let managers = whole["metadata"]["managedFields"].as_array().unwrap();
    let owner = managers.iter().find(|entry| entry["manager"] == "scaler").unwrap();
    assert_eq!((&owner["operation"], &owner["subresource"]), (&json!("Apply"), &json!("scale")));
    assert_eq!(owner["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    assert_eq!(
        managers.iter().filter(|m| m["fieldsV1"]["f:spec"]["f:replicas"].is_object()).count(),
        1
    );
    let none = apply("scaler", json!(0), false).await.unwrap();
    assert_eq!(none["spec"], json!({}));
    assert_eq!(api.get(path, "r").await.unwrap()["spec"]["replicas"], 0);
    assert_eq!(apply("scaler", json!("many"), false).await.unwrap_err().code, 400);
    assert_eq!(apply("scaler", json!(-1), false).await.unwrap_err().code, 422);
}

#[tokio::test(start_paused = true)]
async fn an_eviction_asks_the_budget() {
    let api = Api::new().await;
    api.create("v1/pods", pod("p")).await.unwrap();
    let running = json!({"status": {"phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}]}});
    api.patch_part("v1/pods", "p", "status", running).await.unwrap();
    let path = "policy/v1/poddisruptionbudgets";
    let budget = json!({"metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}});
    api.create(path, budget).await.unwrap();
    let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 0,
        "desiredHealthy": 1, "currentHealthy": 1, "expectedPods": 1}});
    api.patch_part(path, "b", "status", status).await.unwrap();
    let eviction = json!({"metadata": {"name": "p"}});
    let refused = post(&api, "p", "eviction", eviction.clone()).await.err().unwrap();
    assert_eq!((refused.code, &*refused.details.causes[0].reason), (429, "DisruptionBudget"));
    let status = json!({"status": {"disruptionsAllowed": 1}});
    api.patch_part(path, "b", "status", status).await.unwrap();
    assert_eq!(post(&api, "p", "eviction", eviction).await.unwrap().code, 201);
    assert_eq!(api.get("v1/pods", "p").await.unwrap_err().code, 404);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_finalized_by_its_own_path() {
    let api = Api::new().await;
    api.delete("v1/namespaces", "ns", Options::default()).await.unwrap();
    let mut body = api.get("v1/namespaces", "ns").await.unwrap();
    body["spec"] = json!({});
    let key = ObjectKey::cluster("ns");
    let update = request(Verb::Update, "v1/namespaces").object(&key).subresource("finalize");
    api.object(update.body(object(body))).await.unwrap();
    assert_eq!(api.get("v1/namespaces", "ns").await.unwrap_err().code, 404);
}

#[tokio::test(start_paused = true)]
async fn a_log_needs_a_container_that_is_there() {
    let api = Api::new().await;
    api.create("v1/pods", pod("p")).await.unwrap();
    let log = |options| {
        let key = ObjectKey::new("ns", "p");
        request(Verb::Get, "v1/pods").object(&key).subresource("log").options(options)
    };
    assert!(api.call(log(Options::default())).await.is_ok());
    let rest = vec![("container".to_owned(), "z".to_owned())];
    let status = api.call(log(Options { rest, ..Options::default() })).await.unwrap_err();
    assert_eq!(status.message, "container z is not valid for pod p");
}

#[tokio::test(start_paused = true)]
async fn an_access_review_tells_what_the_authorizer_says() {
    let api = Api::new().await;
    let ask = |groups: Json| {
        let spec = json!({"user": "zoe", "groups": groups,
            "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "ns"}});
        api.create("authorization.k8s.io/v1/subjectaccessreviews", json!({ "spec": spec }))
    };
    assert_eq!(ask(json!([])).await.unwrap()["status"], json!({"allowed": false}));
    let allowed = ask(json!(["system:masters"])).await.unwrap();
    assert_eq!(allowed["status"], json!({"allowed": true}));
}
