//! Where the API is to be reached: the endpoints of the `kubernetes` service.

use std::net::SocketAddr;

use orchestrator_core::Verb;
use orchestrator_core::object::Object;
use orchestrator_core::request::{Body, PatchKind};
use orchestrator_core::{
    ApiRequest, ApiService, GroupVersionResource, ObjectKey, Status, UserInfo,
};
use orchestrator_kinds::format::addresses::is_loopback_range;
use serde_json::json;

use crate::server::ApiServer;

/// The service's name; it is in the namespace `default`.
const NAME: &str = "kubernetes";

/// Points the service at `address`.
pub(super) async fn run(server: &ApiServer, address: SocketAddr) -> Result<(), Status> {
    // Pods that have addresses of their own cannot reach a loopback address.
    if address.ip().is_loopback() && !is_loopback_range(&server.network.pod_cidr) {
        return Ok(());
    }
    let port = json!({"name": "https", "port": address.port(), "protocol": "TCP"});
    let mut endpoints = named("v1", "Endpoints");
    let ip = address.ip().to_string();
    endpoints.set("subsets", json!([{"addresses": [{"ip": ip}], "ports": [port]}]));
    let core = |resource| GroupVersionResource::new("", "v1", resource);
    put(server, core("endpoints"), endpoints).await?;

    let mut slice = named("discovery.k8s.io/v1", "EndpointSlice");
    slice.set_meta("labels", json!({"kubernetes.io/service-name": NAME}));
    slice.set("addressType", if address.is_ipv4() { "IPv4" } else { "IPv6" });
    slice.set("endpoints", json!([{"addresses": [ip], "conditions": {"ready": true}}]));
    slice.set("ports", json!([port]));
    let slices = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
    put(server, slices, slice).await?;

    let patch = json!([{"op": "replace", "path": "/spec/ports/0/targetPort",
        "value": address.port()}]);
    let body = Body::Patch { bytes: patch.to_string().into(), kind: PatchKind::Json };
    let request = ApiRequest::new(Verb::Patch, core("services"), UserInfo::system("apiserver"))
        .object(&ObjectKey::new("default", NAME))
        .body(body);
    server.call(request).await.map(drop)
}

fn named(api_version: &str, kind: &str) -> Object {
    let mut object = Object::new(api_version, kind);
    object.set_meta("name", NAME);
    object.set_meta("namespace", "default");
    // No controller of endpoints looks after these.
    object.set_meta("labels", json!({"endpointslice.kubernetes.io/skip-mirror": "true"}));
    object
}

/// Replaces the object, or makes it.
async fn put(server: &ApiServer, gvr: GroupVersionResource, object: Object) -> Result<(), Status> {
    let user = UserInfo::system("apiserver");
    let key = ObjectKey::new("default", NAME);
    let update = ApiRequest::new(Verb::Update, gvr.clone(), user.clone());
    match server.call(update.object(&key).body(object.clone())).await {
        Err(status) if status.is_not_found() => {
            let create = ApiRequest::new(Verb::Create, gvr, user).namespace("default").body(object);
            server.call(create).await.map(drop)
        }
        result => result.map(drop),
    }
}
