//! Lists: selectors, pages, versions.

use orchestrator_core::request::Options;
use serde_json::json;

use crate::support::{Api, names};

async fn five() -> Api {
    let api = Api::new().await;
    for (name, label) in [("a", "1"), ("b", "2"), ("c", "1"), ("d", "2"), ("e", "1")] {
        let body = json!({"metadata": {"name": name, "labels": {"l": label}}});
        api.create("v1/configmaps", body).await.unwrap();
    }
    api
}

fn labels(selector: &str) -> Options {
    Options { label_selector: selector.into(), ..Options::default() }
}

fn fields(selector: &str) -> Options {
    Options { field_selector: selector.into(), ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn selectors_choose_by_label_and_by_field() {
    let api = five().await;
    let listed = |options| async { names(&api.list("v1/configmaps", options).await.unwrap()) };
    assert_eq!(listed(Options::default()).await, ["a", "b", "c", "d", "e"]);
    assert_eq!(listed(labels("l=1")).await, ["a", "c", "e"]);
    assert_eq!(listed(labels("l notin (1)")).await, ["b", "d"]);
    assert_eq!(listed(fields("metadata.name=c")).await, ["c"]);
    assert_eq!(listed(fields("metadata.name!=c,metadata.namespace=ns")).await.len(), 4);
    let refused = |options| async { api.list("v1/configmaps", options).await.unwrap_err() };
    assert_eq!(refused(fields("spec.x=1")).await.code, 400);
    assert_eq!(refused(labels("!!")).await.code, 400);
}

#[tokio::test(start_paused = true)]
async fn pages_are_of_one_state() {
    let api = five().await;
    let page = |limit, continue_token| {
        let options = Options { limit, continue_token, ..Options::default() };
        api.list("v1/configmaps", options)
    };
    let first = page(2, String::new()).await.unwrap();
    assert_eq!((names(&first), first.remaining), (vec!["a".into(), "b".into()], Some(3)));
    api.delete("v1/configmaps", "c", Options::default()).await.unwrap();
    api.create("v1/configmaps", json!({"metadata": {"name": "cc"}})).await.unwrap();
    let second = page(2, first.continue_token.clone()).await.unwrap();
    assert_eq!((names(&second), second.revision), (vec!["c".into(), "d".into()], first.revision));
    let third = page(2, second.continue_token).await.unwrap();
    assert_eq!((names(&third), &*third.continue_token), (vec!["e".into()], ""));
    let all = page(5, String::new()).await.unwrap();
    assert_eq!((all.items.len(), &*all.continue_token, all.remaining), (5, "", None));
}

#[tokio::test(start_paused = true)]
async fn a_selector_fills_pages_with_what_it_chooses() {
    let api = five().await;
    let options = Options { limit: 2, ..labels("l=1") };
    let first = api.list("v1/configmaps", options.clone()).await.unwrap();
    assert_eq!((names(&first), first.remaining), (vec!["a".into(), "c".into()], None));
    let rest = Options { continue_token: first.continue_token, ..options };
    let second = api.list("v1/configmaps", rest).await.unwrap();
    assert_eq!((names(&second), &*second.continue_token), (vec!["e".into()], ""));
}

#[tokio::test(start_paused = true)]
async fn a_token_outlives_its_state_only_as_an_offer_to_go_on_loosely() {
    let api = five().await;
    let options = Options { limit: 2, ..Options::default() };
    let first = api.list("v1/configmaps", options.clone()).await.unwrap();
    api.create("v1/configmaps", json!({"metadata": {"name": "cc"}})).await.unwrap();
    let newest = api.list("v1/configmaps", Options::default()).await.unwrap().revision;
    api.server.objects().store().compact(newest).await.unwrap();
    let next = Options { continue_token: first.continue_token, ..options.clone() };
    let status = api.list("v1/configmaps", next).await.unwrap_err();
    assert_eq!((status.code, status.reason), (410, "Expired"));
    let next = Options { continue_token: status.details.continue_token.clone(), ..options };
    let loose = api.list("v1/configmaps", next).await.unwrap();
    assert_eq!(names(&loose), ["c", "cc"]);
    let old = Options {
        resource_version: "2".into(),
        resource_version_match: "Exact".into(),
        ..Options::default()
    };
    assert_eq!(api.list("v1/configmaps", old).await.unwrap_err().code, 410);
}

#[tokio::test(start_paused = true)]
async fn a_version_is_a_lower_bound_or_exact() {
    let api = five().await;
    let now = api.list("v1/configmaps", Options::default()).await.unwrap().revision;
    api.create("v1/configmaps", json!({"metadata": {"name": "f"}})).await.unwrap();
    let at = |version: String, rule: &str| Options {
        resource_version: version,
        resource_version_match: rule.into(),
        ..Options::default()
    };
    let count = |options| async { api.list("v1/configmaps", options).await.unwrap().items.len() };
    assert_eq!(count(at(now.to_string(), "Exact")).await, 5);
    assert_eq!(count(at(now.to_string(), "NotOlderThan")).await, 6);
    assert_eq!(count(at("0".into(), "")).await, 6);
    let paged = Options { limit: 10, ..at(now.to_string(), "") };
    assert_eq!(count(paged).await, 5);
    let status = api.list("v1/configmaps", at("99999".into(), "")).await.unwrap_err();
    assert_eq!((status.code, status.details.retry_after_s), (504, Some(1)));
    assert!(status.message.starts_with("Timeout: Too large resource version: 99999, current: "));
}
