//! Endpoints and EndpointSlices of services.

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_client::KindExt;
use serde_json::json;

use crate::plane::Plane;

/// The slices of a service as `address:ready`.
async fn slices(plane: &Plane, service: &str) -> String {
    let mut slices = plane.list::<EndpointSlice>("default").await;
    slices.retain(|slice| slice.label("kubernetes.io/service-name") == Some(service));
    let one = |slice: &EndpointSlice| {
        let endpoints = slice.endpoints.iter().flatten();
        let words: Vec<_> = endpoints
            .map(|e| format!("{}:{}", e.addresses[0], e.conditions.clone().unwrap().ready.unwrap()))
            .collect();
        format!("[{}]", words.join(" "))
    };
    slices.iter().map(|slice| one(slice)).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn endpoints_follow_pods_and_services() {
    let plane = Plane::new().await;
    let service = json!({"metadata": {"namespace": "default", "name": "s"}, "spec": {
        "selector": {"a": "b"}, "ports": [{"port": 80, "targetPort": 8080, "name": "h"}]}});
    plane.create::<Service>(service).await;
    assert_eq!(slices(&plane, "s").await, "[]");
    let pod = json!({"metadata": {"namespace": "default", "name": "p", "labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    plane.create::<Pod>(pod).await;
    let status = |ready: &str| {
        json!({"phase": "Running", "podIP": "192.0.2.7", "podIPs": [{"ip": "192.0.2.7"}],
            "conditions": [{"type": "Ready", "status": ready}]})
    };
    plane.patch_status::<Pod>("default/p", status("False")).await;
    assert_eq!(slices(&plane, "s").await, "[192.0.2.7:false]");
    plane.patch_status::<Pod>("default/p", status("True")).await;
    assert_eq!(slices(&plane, "s").await, "[192.0.2.7:true]");
    let endpoints = plane.get::<Endpoints>("default/s").await;
    let subset = &endpoints.subsets.as_ref().unwrap()[0];
    assert_eq!(subset.addresses.as_ref().unwrap()[0].ip, "192.0.2.7");
    assert_eq!(subset.ports.as_ref().unwrap()[0].port, 8080);

    plane.patch::<Service>("default/s", json!({"spec": {"selector": {"a": "none"}}})).await;
    assert_eq!(slices(&plane, "s").await, "[]");
    plane.delete::<Service>("default/s", "").await;
    assert_eq!(slices(&plane, "s").await, "");
    assert!(plane.find::<Endpoints>("default/s").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn endpoints_kept_by_hand_are_mirrored() {
    let plane = Plane::new().await;
    let service = json!({"metadata": {"namespace": "default", "name": "m"}, "spec": {"ports": [{"port": 80}]}});
    plane.create::<Service>(service).await;
    let endpoints = json!({"metadata": {"namespace": "default", "name": "m"}, "subsets": [
        {"addresses": [{"ip": "192.0.2.8"}], "ports": [{"port": 80}]}]});
    plane.create::<Endpoints>(endpoints).await;
    assert_eq!(slices(&plane, "m").await, "[192.0.2.8:true]");
    plane.delete::<Endpoints>("default/m", "").await;
    assert_eq!(slices(&plane, "m").await, "");
}
