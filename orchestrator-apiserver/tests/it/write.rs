//! Creates and updates.

use orchestrator_core::request::Options;
use orchestrator_core::{ObjectKey, Verb};
use serde_json::json;

use crate::support::{Api, object, request};

#[tokio::test(start_paused = true)]
async fn a_new_object_has_an_identity_and_its_name_is_taken() {
    let api = Api::new().await;
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let made = api.create("v1/configmaps", body.clone()).await.unwrap();
    let meta = &made["metadata"];
    assert_eq!((&made["kind"], &made["apiVersion"]), (&json!("ConfigMap"), &json!("v1")));
    assert_eq!((&meta["namespace"], &meta["uid"].is_string()), (&json!("ns"), &true));
    assert_eq!(meta["creationTimestamp"], "2026-01-01T00:00:00Z");
    assert_eq!(api.get("v1/configmaps", "a").await.unwrap(), made);
    let status = api.create("v1/configmaps", body).await.unwrap_err();
    assert_eq!((status.code, &*status.message), (409, "configmaps \"a\" already exists"));
}

#[tokio::test(start_paused = true)]
async fn a_generated_name_begins_as_asked() {
    let api = Api::new().await;
    let body = json!({"metadata": {"generateName": "gen-"}});
    let first = api.create("v1/configmaps", body.clone()).await.unwrap();
    let second = api.create("v1/configmaps", body).await.unwrap();
    let name = |made: &serde_json::Value| made["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name(&first).starts_with("gen-") && name(&first).len() == 9);
    assert_ne!(name(&first), name(&second));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_answers_and_leaves_no_trace() {
    let api = Api::new().await;
    let options = Options { dry_run: vec!["All".into()], ..Options::default() };
    let body = object(json!({"metadata": {"name": "a"}}));
    let create = request(Verb::Create, "v1/configmaps").body(body).options(options);
    let answer = api.object(create).await.unwrap();
    assert_eq!(answer.code, 201);
    assert!(answer.object["metadata"].get("resourceVersion").is_none());
    assert_eq!(api.get("v1/configmaps", "a").await.unwrap_err().code, 404);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_belong_in_a_body_is_refused_or_told_of() {
    let api = Api::new().await;
    let refused = |body| api.create("v1/configmaps", body);
    let status = refused(json!({"metadata": {"name": "a", "namespace": "x"}})).await.unwrap_err();
    assert_eq!(status.code, 400);
    let status = refused(json!({"apiVersion": "apps/v1", "metadata": {}})).await.unwrap_err();
    assert_eq!(
        status.message,
        "the API version in the data (apps/v1) does not match the expected API version (v1)"
    );
    let status = refused(json!({"metadata": {"name": "a"}, "data": []})).await.unwrap_err();
    assert!(status.message.starts_with("ConfigMap in version \"v1\" cannot be handled as"));
    let version = json!({"metadata": {"name": "a", "resourceVersion": "5"}});
    assert_eq!(refused(version).await.unwrap_err().code, 500);
    let body = object(json!({"metadata": {"name": "a"}, "foo": 1}));
    let create = request(Verb::Create, "v1/configmaps").body(body);
    let strict = Options { field_validation: "Strict".into(), ..Options::default() };
    let status = api.object(create.clone().options(strict)).await.unwrap_err();
    assert!(status.message.ends_with("strict decoding error: unknown field \"foo\""));
    let answer = api.object(create).await.unwrap();
    assert_eq!(answer.warnings, ["unknown field \"foo\""]);
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_the_state_that_it_names() {
    let api = Api::new().await;
    let path = "v1/configmaps";
    let made = api.create(path, json!({"metadata": {"name": "a"}})).await.unwrap();
    let mut body = made.clone();
    body["data"] = json!({"k": "1"});
    let first = api.update(path, "a", body.clone()).await.unwrap();
    assert_eq!(first["metadata"]["uid"], made["metadata"]["uid"]);
    assert_ne!(first["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    let status = api.update(path, "a", body.clone()).await.unwrap_err();
    assert_eq!((status.code, status.is_conflict()), (409, true));
    body["metadata"] = json!({"name": "a"});
    let unchanged = api.update(path, "a", body.clone()).await.unwrap();
    assert_eq!(unchanged, first, "an update that changes nothing makes no new version");
    body["metadata"] = json!({"name": "b"});
    assert_eq!(api.update(path, "a", body.clone()).await.unwrap_err().code, 400);
    body["metadata"] = json!({"name": "a", "uid": "other"});
    assert!(api.update(path, "a", body).await.unwrap_err().is_conflict());
    let missing = api.update(path, "x", json!({"metadata": {}})).await.unwrap_err();
    assert_eq!(missing.message, "configmaps \"x\" not found");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_made_by_update_and_changed_only_with_its_version() {
    let api = Api::new().await;
    let path = "coordination.k8s.io/v1/leases";
    let body = json!({"metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": 5}});
    let key = ObjectKey::new("ns", "l");
    let update = request(Verb::Update, path).object(&key).body(object(body.clone()));
    assert_eq!(api.object(update).await.unwrap().code, 201);
    let status = api.update(path, "l", body).await.unwrap_err();
    assert_eq!(
        status.message,
        "leases.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: 0: \
         must be specified for an update"
    );
}

#[tokio::test(start_paused = true)]
async fn writers_at_the_same_time_lose_nothing() {
    let api = Api::new().await;
    api.create("v1/configmaps", json!({"metadata": {"name": "a"}})).await.unwrap();
    let writes = (0..20).map(|i| {
        let api = api.clone();
        async move {
            let patch = json!({"data": {format!("k{i}"): "v"}});
            api.patch("v1/configmaps", "a", patch).await.unwrap();
        }
    });
    futures::future::join_all(writes).await;
    let data = api.get("v1/configmaps", "a").await.unwrap()["data"].clone();
    assert_eq!(data.as_object().unwrap().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn only_masters_get_in_and_all_may_ask_who_they_are() {
    let api = Api::new().await;
    let mut get = request(Verb::Get, "v1/pods").object(&ObjectKey::new("ns", "x"));
    get.user = orchestrator_core::UserInfo::new("u", ["g"]);
    assert_eq!(
        api.call(get).await.unwrap_err().message,
        "pods \"x\" is forbidden: User \"u\" cannot get resource \"pods\" in API group \"\" in the \
         namespace \"ns\""
    );
    let mut ask = request(Verb::Create, "authentication.k8s.io/v1/selfsubjectreviews")
        .body(object(json!({})));
    ask.user = orchestrator_core::UserInfo::new("u", ["g"]);
    let answer = api.object(ask).await.unwrap();
    assert_eq!(answer.object["status"]["userInfo"]["username"], "u");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_served_says_so() {
    let api = Api::new().await;
    let code = |request| async { api.call(request).await.unwrap_err().code };
    assert_eq!(code(request(Verb::List, "v1/foos")).await, 404);
    assert_eq!(code(request(Verb::Update, "v1/configmaps")).await, 405);
    let named = request(Verb::Create, "v1/configmaps").object(&ObjectKey::new("ns", "a"));
    assert_eq!(code(named).await, 405);
    let part = request(Verb::Get, "v1/configmaps").object(&ObjectKey::new("ns", "a"));
    assert_eq!(code(part.subresource("status")).await, 404);
    assert_eq!(code(request(Verb::Create, "v1/configmaps").namespace("")).await, 405);
    assert_eq!(code(request(Verb::DeleteCollection, "v1/namespaces")).await, 405);
}
