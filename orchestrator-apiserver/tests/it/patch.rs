//! Patches of all four kinds.

use orchestrator_core::request::{Body, Options, PatchKind};
use orchestrator_core::{Json, ObjectKey, Status, Verb};
use serde_json::json;

use crate::support::{Answer, Api, request};

async fn apply(api: &Api, name: &str, manager: &str, body: Json) -> Result<Answer, Status> {
    let options = Options { field_manager: manager.into(), ..Options::default() };
    let body = Body::Patch { bytes: body.to_string().into(), kind: PatchKind::Apply };
    let request = request(Verb::Patch, "v1/configmaps").object(&ObjectKey::new("ns", name));
    api.object(request.options(options).body(body)).await
}

fn intent(data: Json) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_patch_changes_the_object_in_its_own_way() {
    let api = Api::new().await;
    let path = "v1/configmaps";
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "1", "l": "2"}});
    api.create(path, body).await.unwrap();
    let merged = api.patch(path, "a", json!({"data": {"k": null, "m": "3"}})).await.unwrap();
    assert_eq!(merged["data"], json!({"l": "2", "m": "3"}));
    let operations = json!([{"op": "replace", "path": "/data/l", "value": "4"}]);
    let patched = api.patch(path, "a", operations).await.unwrap();
    assert_eq!(patched["data"], json!({"l": "4", "m": "3"}));
    let missing = json!([{"op": "remove", "path": "/data/zz"}]);
    assert_eq!(api.patch(path, "a", missing).await.unwrap_err().code, 422);
    let status = api.patch(path, "a", json!({"data": "x"})).await.unwrap_err();
    assert!(status.message.starts_with(" \"\" is invalid: patch: Invalid value: "));
    let stale = json!({"metadata": {"resourceVersion": "1"}, "data": {"n": "5"}});
    assert!(api.patch(path, "a", stale).await.unwrap_err().is_conflict());
    let renamed = api.patch(path, "a", json!({"metadata": {"name": "b"}})).await.unwrap_err();
    assert_eq!(
        renamed.message,
        "the name of the object (b) does not match the name on the URL (a)"
    );
}

#[tokio::test(start_paused = true)]
async fn an_apply_makes_changes_and_conflicts() {
    let api = Api::new().await;
    let made = apply(&api, "a", "one", intent(json!({"k": "1"}))).await.unwrap();
    assert_eq!((made.code, &made.object["data"]), (201, &json!({"k": "1"})));
    let again = apply(&api, "a", "one", intent(json!({"k": "1"}))).await.unwrap();
    assert_eq!((again.code, &again.object), (200, &made.object));
    let status = apply(&api, "a", "two", intent(json!({"k": "2"}))).await.err().unwrap();
    assert_eq!((status.code, &*status.details.causes[0].field), (409, ".data.k"));
    let added = apply(&api, "a", "two", intent(json!({"l": "2"}))).await.unwrap();
    assert_eq!(added.object["data"], json!({"k": "1", "l": "2"}));
    let gone = apply(&api, "a", "one", intent(json!({}))).await.unwrap();
    assert_eq!(gone.object["data"], json!({"l": "2"}));
    let nameless = apply(&api, "a", "", intent(json!({}))).await.err().unwrap();
    assert!(nameless.message.contains("fieldManager: Required value"));
}
