//! Deletions.

use orchestrator_core::request::Options;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{Json, Verb};
use serde_json::json;

use crate::support::{Api, names, request};

fn with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_answered_with_what_was_deleted() {
    let api = Api::new().await;
    let made = api.create("v1/configmaps", json!({"metadata": {"name": "a"}})).await.unwrap();
    let answer = api.delete("v1/configmaps", "a", Options::default()).await.unwrap();
    let details = json!({"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]});
    assert_eq!((answer.code, &answer.object["details"]), (200, &details));
    assert_eq!(answer.object["status"], "Success");
    assert_eq!(api.get("v1/configmaps", "a").await.unwrap_err().code, 404);
    let missing = api.delete("v1/configmaps", "a", Options::default()).await.err().unwrap();
    assert_eq!(missing.code, 404);
}

#[tokio::test(start_paused = true)]
async fn preconditions_must_hold() {
    let api = Api::new().await;
    api.create("v1/configmaps", json!({"metadata": {"name": "a"}})).await.unwrap();
    let uid = with(|options| options.precondition_uid = Some("x".into()));
    let status = api.delete("v1/configmaps", "a", uid).await.err().unwrap();
    assert!(status.message.starts_with(
        "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (x) does"
    ));
    let version = with(|options| options.precondition_resource_version = Some("1".into()));
    assert!(api.delete("v1/configmaps", "a", version).await.err().unwrap().is_conflict());
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_the_object_until_it_goes() {
    let api = Api::new().await;
    let body = json!({"metadata": {"name": "a", "finalizers": ["x.io/a"]}});
    api.create("v1/configmaps", body).await.unwrap();
    let answer = api.delete("v1/configmaps", "a", Options::default()).await.unwrap();
    assert_eq!(answer.object["metadata"]["deletionGracePeriodSeconds"], 0);
    let held = api.get("v1/configmaps", "a").await.unwrap();
    let again = api.delete("v1/configmaps", "a", Options::default()).await.unwrap();
    assert_eq!(again.object, held);
    api.patch("v1/configmaps", "a", json!({"metadata": {"finalizers": null}})).await.unwrap();
    assert_eq!(api.get("v1/configmaps", "a").await.unwrap_err().code, 404);
}

#[tokio::test(start_paused = true)]
async fn a_policy_becomes_a_finalizer() {
    let api = Api::new().await;
    for (name, policy, wanted) in
        [("a", "Foreground", "foregroundDeletion"), ("b", "Orphan", "orphan")]
    {
        api.create("v1/configmaps", json!({"metadata": {"name": name}})).await.unwrap();
        let options = with(|options| options.propagation_policy = policy.into());
        let answer = api.delete("v1/configmaps", name, options).await.unwrap();
        assert_eq!(answer.object["metadata"]["finalizers"], json!([wanted]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_goes_when_its_content_has_gone() {
    let api = Api::new().await;
    let answer = api.delete("v1/namespaces", "ns", Options::default()).await.unwrap();
    assert_eq!(answer.object["status"]["phase"], "Terminating");
    let status = api.create("v1/configmaps", json!({"metadata": {"name": "a"}})).await.unwrap_err();
    assert_eq!(
        (status.code, &*status.message, &*status.details.causes[0].reason),
        (
            403,
            "configmaps \"a\" is forbidden: unable to create new content in namespace ns because \
             it is being terminated",
            "NamespaceTerminating"
        )
    );
    let status = api.delete("v1/namespaces", "default", Options::default()).await.err().unwrap();
    let wanted = "namespaces \"default\" is forbidden: this namespace may not be deleted";
    assert_eq!(status.message, wanted);
}

#[tokio::test(start_paused = true)]
async fn a_collection_is_deleted_by_selector() {
    let api = Api::new().await;
    for (name, label) in [("a", "1"), ("b", "2"), ("c", "1")] {
        let body = json!({"metadata": {"name": name, "labels": {"l": label}}});
        api.create("v1/configmaps", body).await.unwrap();
    }
    let options = with(|options| options.label_selector = "l=1".into());
    let delete = request(Verb::DeleteCollection, "v1/configmaps").options(options);
    let ResponseBody::List(list) = api.call(delete).await.unwrap().body else { panic!() };
    assert_eq!(names(&list), ["a", "c"]);
    let left = api.list("v1/configmaps", Options::default()).await.unwrap();
    assert_eq!(names(&left), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn events_end_by_themselves() {
    let api = Api::new().await;
    let event: Json = json!({"metadata": {"name": "e"}, "involvedObject": {"namespace": "ns"},
        "reason": "r", "type": "Normal"});
    api.create("v1/events", event).await.unwrap();
    api.server.env().sleep(std::time::Duration::from_secs(3590)).await;
    assert!(api.get("v1/events", "e").await.is_ok());
    api.server.env().sleep(std::time::Duration::from_secs(100)).await;
    assert_eq!(api.get("v1/events", "e").await.unwrap_err().code, 404);
}
