//! What every cluster has from its first moment on.
//!
//! The objects are data: `objects.json` holds those that are the same everywhere, and what
//! depends on the cluster's own addresses is made here. Each is made through the same path as any
//! other object, and only where it is missing. Roles and bindings are in `policy`.

mod advertise;
mod policy;

pub(crate) use policy::rules_of;

use std::net::SocketAddr;

use orchestrator_core::object::Object;
use orchestrator_core::resource::split_api_version;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{ApiRequest, ApiService, Json, Status, UserInfo, Verb};
use serde_json::json;

use crate::alloc::Services;
use crate::server::ApiServer;

/// The objects that are the same in every cluster, in the order in which they are made.
const OBJECTS: &str = include_str!("objects.json");

/// The port of the API inside the cluster.
const PORT: u16 = 443;

/// Makes what is missing.
pub(crate) async fn run(server: &ApiServer) -> Result<(), Status> {
    let text = OBJECTS.replace("<time>", &server.env.now_rfc3339());
    let objects: Vec<Object> = serde_json::from_str(&text).expect("the file is tested");
    for object in objects {
        make(server, object).await?;
    }
    if server.with_policy {
        policy::run(server).await?;
    }
    make(server, service_range(server)).await?;
    if let Some(service) = api_service(server) {
        make(server, service).await?;
    }
    Ok(())
}

/// Tells the cluster where the API is to be reached.
pub(crate) async fn advertise(server: &ApiServer, address: SocketAddr) -> Result<(), Status> {
    advertise::run(server, address).await
}

/// Makes one object where it is missing and its kind is served.
async fn make(server: &ApiServer, object: Object) -> Result<(), Status> {
    let (group, version) = split_api_version(object.api_version());
    let Some(resource) = server.registry.by_kind(group, version, object.kind()) else {
        return Ok(());
    };
    let namespace = object.namespace().to_owned();
    let key = object.key();
    let stored = resource.key(&namespace, object.name());
    if server.objects.read(stored).await?.is_some() {
        return Ok(());
    }
    let gvr = resource.def.gvr.clone();
    let status = object.get("status").is_some() && resource.def.subresource("status").is_some();
    let later = status.then(|| dated(object.clone(), &server.env.now_rfc3339()));
    let user = UserInfo::system("apiserver");
    let request =
        ApiRequest::new(Verb::Create, gvr.clone(), user.clone()).namespace(namespace).body(object);
    match server.call(request).await {
        // Another server on the same store came first.
        Err(status) if status.is_already_exists() => Ok(()),
        // Kinds can be replaced, and an embedder's may not take what the usual ones do.
        Err(status) if status.code < 500 => {
            tracing::warn!(%key, error = %status, "object of every cluster refused");
            Ok(())
        }
        result => {
            let ResponseBody::Object { item, .. } = result?.body else { return Ok(()) };
            // Hardly anybody looks at these, in thousands of planes that wait.
            item.value().cool();
            let Some(mut object) = later else { return Ok(()) };
            // A create takes no status.
            object.set_meta("resourceVersion", item.revision().to_string());
            let update = ApiRequest::new(Verb::Update, gvr, user).object(&key);
            let updated = server.call(update.subresource("status").body(object)).await?.body;
            if let ResponseBody::Object { item, .. } = updated {
                item.value().cool();
            }
            Ok(())
        }
    }
}

/// The object with its conditions as of `now`.
fn dated(mut object: Object, now: &str) -> Object {
    let conditions = object.map_mut("status").get_mut("conditions").and_then(Json::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Json::as_object_mut) {
        condition.insert("lastTransitionTime".into(), Json::from(now));
    }
    object
}

fn service_range(server: &ApiServer) -> Object {
    let mut range = Object::new("networking.k8s.io/v1", "ServiceCIDR");
    range.set_meta("name", "kubernetes");
    range.set("spec", json!({"cidrs": [server.network.service_cidr]}));
    let ready = json!({"type": "Ready", "status": "True", "reason": "",
        "message": "Kubernetes Service CIDR is ready"});
    range.set("status", json!({"conditions": [ready]}));
    range
}

/// The service by which pods reach the API; it has the first address of the range.
fn api_service(server: &ApiServer) -> Option<Object> {
    let address = Services::first_address(server)?.to_string();
    let mut service = Object::new("v1", "Service");
    service.set_meta("name", "kubernetes");
    service.set_meta("namespace", "default");
    service.set_meta("labels", json!({"component": "apiserver", "provider": "kubernetes"}));
    service.set(
        "spec",
        json!({
            "clusterIP": address,
            "clusterIPs": [address],
            "ports": [{"name": "https", "protocol": "TCP", "port": PORT, "targetPort": PORT}],
            "type": "ClusterIP",
            "sessionAffinity": Json::from("None"),
        }),
    );
    Some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_objects_are_whole_and_namespaces_come_first() {
        let objects: Vec<Object> = serde_json::from_str(OBJECTS).unwrap();
        assert!(objects.iter().all(|object| !object.name().is_empty()));
        let namespaces = objects.iter().take_while(|object| object.kind() == "Namespace").count();
        assert_eq!(namespaces, 4);
        assert!(objects.iter().any(|object| object.name() == "system-node-critical"));
    }
}
