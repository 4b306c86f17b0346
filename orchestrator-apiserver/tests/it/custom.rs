//! Custom resources: definitions come and go while servers run.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_apiserver::ApiServer;
use orchestrator_core::request::Options;
use orchestrator_core::{Env, Json};
use orchestrator_store::MemoryStore;
use serde_json::json;

use crate::support::{Api, names};

const CRDS: &str = "apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "example.com/v1/widgets";

fn definition(spec: Json) -> Json {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "conversion": {"strategy": "None"},
            "versions": [
                {"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": ".spec.color"}],
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": spec,
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
                {"name": "v2", "served": true, "storage": false, "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object",
                        "x-kubernetes-preserve-unknown-fields": true}}}]},
    })
}

fn spec() -> Json {
    json!({"type": "object", "properties": {
        "color": {"type": "string", "default": "red"}, "size": {"type": "integer", "maximum": 9}}})
}

async fn settled(api: &Api) {
    api.server.env().sleep(Duration::from_millis(5)).await;
}

async fn with_widgets() -> Api {
    let api = Api::new().await;
    api.create(CRDS, definition(spec())).await.unwrap();
    settled(&api).await;
    api
}

fn widget(name: &str, spec: Json) -> Json {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test(start_paused = true)]
async fn a_stored_definition_is_served_by_every_server_on_the_store() {
    let env = Env::simulated(1);
    let store = Arc::new(MemoryStore::new(env.clone()));
    let start = async || {
        let server = ApiServer::builder(Arc::clone(&store) as _, env.clone()).build();
        server.start().await.unwrap();
        Api { server }
    };
    let (one, two) = (start().await, start().await);
    one.create("v1/namespaces", json!({"metadata": {"name": "ns"}})).await.unwrap();
    one.create(CRDS, definition(spec())).await.unwrap();
    settled(&one).await;
    one.create(WIDGETS, widget("a", json!({"size": 3}))).await.unwrap();
    assert_eq!(two.get(WIDGETS, "a").await.unwrap()["spec"], json!({"color": "red", "size": 3}));
    // One that starts later serves it from its first moment on.
    let three = start().await;
    assert_eq!(three.get(WIDGETS, "a").await.unwrap()["spec"]["size"], 3);
    two.delete(CRDS, "widgets.example.com", Options::default()).await.unwrap();
    settled(&two).await;
    for api in [one, two, three] {
        assert_eq!(api.get(WIDGETS, "a").await.unwrap_err().code, 404);
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_object_is_read_in_every_version() {
    let api = with_widgets().await;
    api.create(WIDGETS, widget("a", json!({"size": 3, "lost": 1}))).await.unwrap();
    let read = api.get("example.com/v2/widgets", "a").await.unwrap();
    assert_eq!(read["apiVersion"], "example.com/v2");
    assert_eq!(read["spec"], json!({"color": "red", "size": 3}));
    let mut other = widget("b", json!({"anything": {"goes": true}}));
    other["apiVersion"] = "example.com/v2".into();
    api.create("example.com/v2/widgets", other).await.unwrap();
    assert_eq!(api.get(WIDGETS, "b").await.unwrap()["spec"], json!({"color": "red"}));
}

#[tokio::test(start_paused = true)]
async fn writes_are_held_to_the_schema_and_to_what_was_wrong_before() {
    let api = with_widgets().await;
    let refused = api.create(WIDGETS, widget("a", json!({"size": 10}))).await.unwrap_err();
    assert_eq!(
        refused.message,
        "Widget.example.com \"a\" is invalid: spec.size: Invalid value: 10: spec.size in body \
         should be less than or equal to 9"
    );
    api.create(WIDGETS, widget("a", json!({"size": 9}))).await.unwrap();
    let narrower = json!({"type": "object", "properties": {
        "color": {"type": "string"}, "size": {"type": "integer", "maximum": 5}}});
    let patch = json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec", "value": narrower}]);
    api.patch(CRDS, "widgets.example.com", patch).await.unwrap();
    settled(&api).await;
    let blue = json!([{"op": "add", "path": "/spec/color", "value": "blue"}]);
    api.patch(WIDGETS, "a", blue).await.unwrap();
    let more = json!([{"op": "replace", "path": "/spec/size", "value": 8}]);
    assert_eq!(api.patch(WIDGETS, "a", more).await.unwrap_err().code, 422);
}

#[tokio::test(start_paused = true)]
async fn names_belong_to_who_asks_first_until_they_are_free() {
    let api = with_widgets().await;
    let mut other = definition(spec());
    other["metadata"]["name"] = "others.example.com".into();
    other["spec"]["names"]["plural"] = "others".into();
    api.create(CRDS, other).await.unwrap();
    settled(&api).await;
    let conditions = |crd: &Json| crd["status"]["conditions"].clone();
    let stuck = conditions(&api.get(CRDS, "others.example.com").await.unwrap());
    assert_eq!(stuck[0]["reason"], "ListKindConflict");
    assert_eq!(stuck[0]["message"], "\"WidgetList\" is already in use");
    assert_eq!(stuck[1]["reason"], "NotAccepted");
    api.delete(CRDS, "widgets.example.com", Options::default()).await.unwrap();
    settled(&api).await;
    let free = conditions(&api.get(CRDS, "others.example.com").await.unwrap());
    assert_eq!((&free[0]["status"], &free[1]["status"]), (&json!("True"), &json!("True")));
}

#[tokio::test(start_paused = true)]
async fn selectable_fields_select_and_generations_count_all_but_status() {
    let api = with_widgets().await;
    for (name, color) in [("a", "red"), ("b", "blue")] {
        api.create(WIDGETS, widget(name, json!({"color": color}))).await.unwrap();
    }
    let blue = Options { field_selector: "spec.color=blue".into(), ..Options::default() };
    assert_eq!(names(&api.list(WIDGETS, blue).await.unwrap()), ["b"]);
    let status = json!({"status": {"any": 1}, "spec": {"color": "green"}});
    let updated = api.patch_part(WIDGETS, "a", "status", status).await.unwrap();
    assert_eq!(updated["spec"]["color"], "red");
    assert_eq!(
        (&updated["metadata"]["generation"], &updated["status"]["any"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_conversion_that_fails_says_why() {
    let api = Api::new().await;
    let mut crd = definition(spec());
    crd["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": {
        "conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:1/convert"}}});
    api.create(CRDS, crd).await.unwrap();
    settled(&api).await;
    api.create(WIDGETS, widget("a", json!({}))).await.unwrap();
    assert!(api.get(WIDGETS, "a").await.is_ok());
    let failed = api.get("example.com/v2/widgets", "a").await.unwrap_err();
    assert_eq!(failed.code, 500);
    assert!(
        failed.message.starts_with("conversion webhook for example.com/v1, Kind=Widget failed: ")
    );
}
