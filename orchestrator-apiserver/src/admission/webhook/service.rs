//! Where the webhook behind a service is.
//!
//! The server may not reach the addresses of services; it reaches those of their endpoints.

use futures::future::BoxFuture;
use orchestrator_core::{GroupVersionResource, Json, Status};

use crate::registry::Objects;

/// The name that slices have the name of their service under.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// An address behind a port of a service.
///
/// # Errors
/// There is none.
pub(crate) fn address<'a>(
    objects: &'a Objects,
    namespace: &'a str,
    name: &'a str,
    port: u16,
) -> BoxFuture<'a, Result<(String, u16), String>> {
    // Reading objects may take a webhook, and finding a webhook takes reading objects.
    Box::pin(find(objects, namespace, name, port))
}

async fn find(
    objects: &Objects,
    namespace: &str,
    name: &str,
    port: u16,
) -> Result<(String, u16), String> {
    let gvr = GroupVersionResource::new("", "v1", "services");
    let found = objects.get(&gvr, namespace, name).await.map_err(told)?;
    let service = found.ok_or_else(|| format!("service {name:?} not found"))?;
    let service = service.tree().map_err(|error| error.to_string())?;
    if service.text_at(&["spec", "type"]) == "ExternalName" {
        return Ok((service.text_at(&["spec", "externalName"]).to_owned(), port));
    }
    let ports = service.at(&["spec", "ports"]).and_then(Json::as_array);
    let number = |of: &Json| of.get("port").and_then(Json::as_u64);
    let wanted = ports.into_iter().flatten().find(|p| number(p) == Some(u64::from(port)));
    let wanted =
        wanted.ok_or_else(|| format!("no service port {port} found for service {name:?}"))?;
    let port_name = wanted.get("name").and_then(Json::as_str).unwrap_or_default();
    let slices = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
    let mut any = false;
    for item in objects.list(&slices, namespace).await.map_err(told)? {
        let slice = item.tree().map_err(|error| error.to_string())?;
        if slice.label(SERVICE_LABEL) != Some(name) {
            continue;
        }
        any = true;
        let list = |field: &str| slice.get(field).and_then(Json::as_array).into_iter().flatten();
        let named =
            |p: &&Json| p.get("name").and_then(Json::as_str).unwrap_or_default() == port_name;
        let target = list("ports").find(named).and_then(number);
        let target = target.and_then(|target| u16::try_from(target).ok());
        let ready = |endpoint: &&Json| {
            let ready = endpoint.get("conditions").and_then(|of| of.get("ready"));
            ready.and_then(Json::as_bool) != Some(false)
        };
        let address = list("endpoints")
            .find(ready)
            .and_then(|endpoint| endpoint.get("addresses")?.as_array()?.first()?.as_str());
        if let (Some(address), Some(target)) = (address, target) {
            return Ok((address.to_owned(), target));
        }
    }
    match service.text_at(&["spec", "clusterIP"]) {
        "" | "None" => Err(format!("no endpoints available for service {name:?}")),
        _ if any => Err(format!("no endpoints available for service {name:?}")),
        // Without slices at all, nobody keeps them.
        ip => Ok((ip.to_owned(), port)),
    }
}

fn told(status: Status) -> String {
    status.message
}
