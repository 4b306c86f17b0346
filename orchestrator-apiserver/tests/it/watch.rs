//! Watches.

use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::Json;
use orchestrator_core::request::Options;
use orchestrator_core::service::{Watch, WatchEvent};
use serde_json::json;

use crate::support::Api;

/// The next `count` events as `WORD name`.
async fn take(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let event = watch.events.next().await.unwrap().unwrap();
        let name = event.item().map(|item| item.key().name.into_owned()).unwrap_or_default();
        seen.push(format!("{} {name}", event.word()).trim().to_owned());
    }
    seen
}

fn from(version: &Json) -> Options {
    let version = version["metadata"]["resourceVersion"].as_str().unwrap();
    Options { resource_version: version.into(), ..Options::default() }
}

async fn seeded() -> (Api, Options) {
    let api = Api::new().await;
    let seed = api.create("v1/configmaps", json!({"metadata": {"name": "seed"}})).await.unwrap();
    (api, from(&seed))
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_all_changes_after_its_version() {
    let (api, options) = seeded().await;
    let path = "v1/configmaps";
    let mut live = api.watch(path, options.clone()).await.unwrap();
    api.create(path, json!({"metadata": {"name": "a"}})).await.unwrap();
    api.patch(path, "a", json!({"data": {"k": "v"}})).await.unwrap();
    api.delete(path, "a", Options::default()).await.unwrap();
    let wanted = ["ADDED a", "MODIFIED a", "DELETED a"];
    assert_eq!(take(&mut live, 3).await, wanted);
    let mut late = api.watch(path, options).await.unwrap();
    assert_eq!(take(&mut late, 3).await, wanted);
    let mut all = api.watch(path, Options::default()).await.unwrap();
    assert_eq!(take(&mut all, 1).await, ["ADDED seed"]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_carries_the_last_state_at_its_own_revision() {
    let (api, options) = seeded().await;
    let mut watch = api.watch("v1/configmaps", options).await.unwrap();
    api.delete("v1/configmaps", "seed", Options::default()).await.unwrap();
    let event = watch.events.next().await.unwrap().unwrap();
    let WatchEvent::Deleted(item) = event else { panic!() };
    let newest = api.list("v1/configmaps", Options::default()).await.unwrap().revision;
    assert_eq!((item.key().name.as_ref(), item.revision()), ("seed", newest));
}

#[tokio::test(start_paused = true)]
async fn objects_come_and_go_as_they_match() {
    let (api, options) = seeded().await;
    let path = "v1/configmaps";
    let options = Options { label_selector: "on=yes".into(), ..options };
    let mut watch = api.watch(path, options).await.unwrap();
    let label = |on: &str| json!({"metadata": {"labels": {"on": on}}});
    api.create(path, json!({"metadata": {"name": "a", "labels": {"on": "no"}}})).await.unwrap();
    api.patch(path, "a", label("yes")).await.unwrap();
    api.patch(path, "a", json!({"data": {"k": "1"}})).await.unwrap();
    api.patch(path, "a", label("no")).await.unwrap();
    api.patch(path, "a", json!({"data": {"k": "2"}})).await.unwrap();
    api.patch(path, "a", label("yes")).await.unwrap();
    api.delete(path, "a", Options::default()).await.unwrap();
    let wanted = ["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"];
    assert_eq!(take(&mut watch, 5).await, wanted);
}

#[tokio::test(start_paused = true)]
async fn the_initial_state_ends_with_a_marked_bookmark() {
    let (api, _) = seeded().await;
    let options = Options {
        send_initial_events: Some(true),
        resource_version_match: "NotOlderThan".into(),
        allow_watch_bookmarks: true,
        ..Options::default()
    };
    let mut watch = api.watch("v1/configmaps", options).await.unwrap();
    assert_eq!(take(&mut watch, 1).await, ["ADDED seed"]);
    let event = watch.events.next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Bookmark { initial_events_end: true, .. }));
}

#[tokio::test(start_paused = true)]
async fn bookmarks_tell_how_far_the_watch_has_come() {
    let (api, options) = seeded().await;
    let options = Options { allow_watch_bookmarks: true, ..options };
    let mut watch = api.watch("v1/configmaps", options).await.unwrap();
    api.create("v1/secrets", json!({"metadata": {"name": "other"}})).await.unwrap();
    let newest = api.list("v1/secrets", Options::default()).await.unwrap().revision;
    let event = watch.events.next().await.unwrap().unwrap();
    let WatchEvent::Bookmark { revision, initial_events_end: false } = event else { panic!() };
    assert_eq!(revision, newest);
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_when_its_time_is_up() {
    let (api, options) = seeded().await;
    let options = Options { timeout: Some(Duration::from_secs(3)), ..options };
    let mut watch = api.watch("v1/configmaps", options).await.unwrap();
    assert!(watch.events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_ends_the_watch_with_410() {
    let (api, options) = seeded().await;
    for i in 0..3 {
        let body = json!({"metadata": {"name": format!("n{i}")}});
        api.create("v1/configmaps", body).await.unwrap();
    }
    let newest = api.list("v1/configmaps", Options::default()).await.unwrap().revision;
    api.server.objects().store().compact(newest).await.unwrap();
    let mut watch = api.watch("v1/configmaps", options).await.unwrap();
    let status = watch.events.next().await.unwrap().unwrap_err();
    assert_eq!((status.code, status.reason), (410, "Expired"));
    assert!(watch.events.next().await.is_none());
}
