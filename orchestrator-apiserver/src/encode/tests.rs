//! Tests of whole answers.

use std::sync::Arc;

use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use orchestrator_core::object::Object;
use orchestrator_core::service::{List, Watch, WatchEvent};
use orchestrator_core::{Env, Item, Json, ResourceDef, Revision, Status, Value};
use serde_json::json;

use super::*;
use crate::registry::tests_support::plain;

fn config_maps() -> Arc<ResourceDef> {
    let mut def = plain("", "v1", "configmaps");
    def.kind = "ConfigMap".into();
    Arc::new(def)
}

fn item(name: &str, data: &str, revision: u64) -> Item {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": data},
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}});
    let object: Object = serde_json::from_value(object).unwrap();
    Item::new(Value::from_object(object), Revision::new(revision))
}

fn form(shape: Shape) -> Form {
    Form { shape, ..Form::PLAIN }
}

async fn text(body: ResponseBody, form: Form) -> Result<String, Status> {
    let encoded = encode(body, form, Include::Metadata, &Env::system())?;
    let bytes = encoded.payload.collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

fn list(def: Arc<ResourceDef>, items: Vec<Item>) -> ResponseBody {
    let continue_token = String::new();
    let revision = Revision::new(9);
    ResponseBody::List(List { def, revision, continue_token, remaining: Some(2), items })
}

#[tokio::test]
async fn items_of_a_built_in_list_come_without_kind_those_of_a_custom_one_with() {
    let items = vec![item("a", "1", 3), item("b", "2", 4)];
    let built_in = text(list(config_maps(), items.clone()), Form::PLAIN).await.unwrap();
    let json: Json = serde_json::from_str(&built_in).unwrap();
    assert_eq!(json["kind"], "ConfigMapList");
    assert_eq!(json["metadata"], json!({"resourceVersion": "9", "remainingItemCount": 2}));
    assert_eq!(json["items"][1]["metadata"]["resourceVersion"], "4");
    assert_eq!(json["items"][0]["kind"], Json::Null);
    let custom = Arc::new(plain("example.com", "v1", "widgets"));
    let json: Json =
        serde_json::from_str(&text(list(custom, items), Form::PLAIN).await.unwrap()).unwrap();
    assert_eq!(json["items"][0]["kind"], "ConfigMap");
}

#[tokio::test]
async fn a_long_list_is_the_same_in_chunks() {
    let items: Vec<_> =
        (0..500).map(|n| item(&format!("n{n}"), &"x".repeat(1000), n + 1)).collect();
    let encoded =
        encode(list(config_maps(), items), Form::PLAIN, Include::Metadata, &Env::system()).unwrap();
    assert!(matches!(encoded.payload, Payload::Stream(_)));
    let bytes = encoded.payload.collect().await.unwrap().to_bytes();
    let json: Json = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["items"].as_array().unwrap().len(), 500);
    assert_eq!(json["items"][499]["metadata"]["name"], "n499");
}

#[tokio::test]
async fn every_shape_of_a_list_is_well_formed() {
    let v1 = MetaVersion::V1;
    for count in 0..3 {
        let items = || (0..count).map(|n| item("a", "1", n + 1)).collect();
        for shape in [Shape::Object, Shape::Table(v1), Shape::MetadataList(v1)] {
            let body = text(list(config_maps(), items()), form(shape)).await.unwrap();
            let json: Json = serde_json::from_str(&body).unwrap();
            let array = if json["kind"] == "Table" { "rows" } else { "items" };
            assert_eq!(json[array].as_array().unwrap().len() as u64, count, "{body}");
        }
    }
    let refused = text(list(config_maps(), vec![]), form(Shape::Metadata(v1))).await.unwrap_err();
    assert_eq!(
        refused.message,
        "you requested PartialObjectMetadata, but the requested object is a list \
         (*core.ConfigMapList)"
    );
}

#[tokio::test]
async fn one_object_as_table_and_metadata_and_a_status_as_itself() {
    let v1 = MetaVersion::V1;
    let one = |shape| {
        let def = Some(config_maps());
        text(ResponseBody::Object { code: 200, item: item("a", "1", 3), def }, form(shape))
    };
    let table: Json = serde_json::from_str(&one(Shape::Table(v1)).await.unwrap()).unwrap();
    assert_eq!(table["metadata"]["resourceVersion"], "3");
    assert_eq!(table["rows"][0]["cells"][0], "a");
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let metadata: Json = serde_json::from_str(&one(Shape::Metadata(v1)).await.unwrap()).unwrap();
    assert_eq!((&metadata["data"], &metadata["metadata"]["name"]), (&Json::Null, &json!("a")));
    assert_eq!(one(Shape::MetadataList(v1)).await.unwrap_err().code, 406);
    let status = ResponseBody::plain(200, Status::bad_request("x").to_object());
    let status: Json =
        serde_json::from_str(&text(status, form(Shape::Table(v1))).await.unwrap()).unwrap();
    assert_eq!(status["kind"], "Status");
}

fn watch(events: Vec<Result<WatchEvent, Status>>) -> ResponseBody {
    ResponseBody::Watch(Watch { def: config_maps(), events: stream::iter(events).boxed() })
}

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_watch_is_a_line_per_event_and_ends_with_an_error() {
    let large = "x".repeat(20_000);
    let events = vec![
        Ok(WatchEvent::Added(item("a", &large, 3))),
        Ok(WatchEvent::Bookmark { revision: Revision::new(5), initial_events_end: true }),
        Err(Status::expired("too old")),
        Ok(WatchEvent::Deleted(item("never", "1", 6))),
    ];
    let frames = lines(&text(watch(events), Form::PLAIN).await.unwrap());
    assert_eq!(frames.len(), 3);
    assert_eq!(
        (&frames[0]["type"], &frames[0]["object"]["data"]["k"]),
        (&json!("ADDED"), &json!(large))
    );
    let bookmark = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "resourceVersion": "5", "annotations": {"k8s.io/initial-events-end": "true"}}});
    assert_eq!(frames[1], json!({"type": "BOOKMARK", "object": bookmark}));
    assert_eq!((&frames[2]["type"], &frames[2]["object"]["code"]), (&json!("ERROR"), &json!(410)));
}

#[tokio::test]
async fn only_the_first_table_of_a_watch_has_columns() {
    let events = || {
        vec![
            Ok(WatchEvent::Added(item("a", "1", 3))),
            Ok(WatchEvent::Modified(item("a", "2", 4))),
            Ok(WatchEvent::Bookmark { revision: Revision::new(5), initial_events_end: false }),
        ]
    };
    let v1 = MetaVersion::V1;
    let frames = lines(&text(watch(events()), form(Shape::Table(v1))).await.unwrap());
    assert_eq!(frames[0]["object"]["columnDefinitions"][0]["name"], "Name");
    assert_eq!(frames[1]["object"]["columnDefinitions"], Json::Null);
    assert_eq!(frames[1]["object"]["rows"][0]["object"]["metadata"]["resourceVersion"], "4");
    assert_eq!(frames[2]["object"]["rows"], json!([]));
    let frames = lines(&text(watch(events()), form(Shape::Metadata(v1))).await.unwrap());
    assert_eq!(frames[1]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(frames[2]["object"]["metadata"], json!({"resourceVersion": "5"}));
}

#[tokio::test]
async fn yaml_and_indented_json_say_the_same() {
    let body = || list(config_maps(), vec![item("a", "1", 3)]);
    let plain: Json = serde_json::from_str(&text(body(), Form::PLAIN).await.unwrap()).unwrap();
    let pretty = text(body(), Form { pretty: true, ..Form::PLAIN }).await.unwrap();
    assert!(pretty.contains("\n  \"items\"") && pretty.ends_with("}\n"));
    assert_eq!(serde_json::from_str::<Json>(&pretty).unwrap(), plain);
    let yaml = text(body(), Form { encoding: Encoding::Yaml, ..Form::PLAIN }).await.unwrap();
    assert!(yaml.contains("kind: ConfigMapList\n"));
    assert_eq!(serde_saphyr::from_str::<Json>(&yaml).unwrap(), plain);
}
