//! The life of namespaces, with what appears in them.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use orchestrator_client::KindExt;
use serde_json::json;

use crate::plane::Plane;

#[tokio::test(start_paused = true)]
async fn a_namespace_is_furnished_emptied_and_deleted() {
    let plane = Plane::new().await;
    plane.create::<Namespace>(json!({"metadata": {"name": "n"}})).await;
    plane.get::<ServiceAccount>("n/default").await;
    let ca = plane.get::<ConfigMap>("n/kube-root-ca.crt").await;
    assert_eq!(ca.data.as_ref().unwrap()["ca.crt"], "PEM");
    plane.delete::<ServiceAccount>("n/default", "").await;
    plane.get::<ServiceAccount>("n/default").await;
    plane.patch::<ConfigMap>("n/kube-root-ca.crt", json!({"data": {"ca.crt": "x"}})).await;
    let ca = plane.get::<ConfigMap>("n/kube-root-ca.crt").await;
    assert_eq!(ca.data.as_ref().unwrap()["ca.crt"], "PEM");

    let held = json!({"metadata": {"namespace": "n", "name": "held", "finalizers": ["x.io/h"]}});
    plane.create::<Secret>(held).await;
    plane.delete::<Namespace>("n", "").await;
    assert!(plane.list::<ConfigMap>("n").await.is_empty());
    let namespace = plane.get::<Namespace>("n").await;
    let conditions = namespace.status.as_ref().unwrap().conditions.clone().unwrap();
    let words: Vec<_> = conditions
        .iter()
        .map(|c| format!("{}={}", c.reason.as_deref().unwrap(), c.status))
        .collect();
    let want = [
        "ResourcesDiscovered=False",
        "ParsedGroupVersions=False",
        "ContentDeleted=False",
        "SomeResourcesRemain=True",
        "SomeFinalizersRemain=True",
    ];
    assert_eq!(words, want);

    plane.patch::<Secret>("n/held", json!({"metadata": {"finalizers": null}})).await;
    assert!(plane.find::<Namespace>("n").await.is_none());
    let again = plane.create::<Namespace>(json!({"metadata": {"name": "n"}})).await;
    assert_eq!(again.name(), "n");
    plane.get::<ServiceAccount>("n/default").await;
}
