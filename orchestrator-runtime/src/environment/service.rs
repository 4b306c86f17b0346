//! Variables that tell of services: `<NAME>_SERVICE_HOST` and the like.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServicePort};

/// The service of the API itself, which every pod is told of.
const API_SERVICE: (&str, &str) = ("default", "kubernetes");

/// The variables of the API's service, and of those in `namespace` where `links` are wanted.
pub(super) fn variables(
    services: &[Arc<Service>],
    namespace: &str,
    links: bool,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    // The namespace's own come last, so that they win over the API's where names are equal.
    let (api, own): (Vec<_>, Vec<_>) = services.iter().partition(|s| key(s) == API_SERVICE);
    let own = own.into_iter().filter(|service| links && key(service).0 == namespace);
    for service in api.into_iter().chain(own) {
        add(service, &mut variables);
    }
    variables
}

fn key(service: &Service) -> (&str, &str) {
    let meta = &service.metadata;
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn add(service: &Service, variables: &mut BTreeMap<String, String>) {
    let spec = service.spec.as_ref();
    let ip = spec.and_then(|spec| spec.cluster_ip.as_deref()).unwrap_or_default();
    let ports = spec.and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let Some(first) = ports.first().filter(|_| !matches!(ip, "" | "None")) else { return };
    let name = upper(key(service).1);
    variables.insert(format!("{name}_SERVICE_HOST"), ip.to_owned());
    variables.insert(format!("{name}_SERVICE_PORT"), first.port.to_string());
    for port in ports {
        if let Some(port_name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            let variable = format!("{name}_SERVICE_PORT_{}", upper(port_name));
            variables.insert(variable, port.port.to_string());
        }
    }
    variables.insert(format!("{name}_PORT"), url(ip, first));
    for port in ports {
        let protocol = protocol(port);
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol.to_uppercase());
        variables.insert(prefix.clone(), url(ip, port));
        variables.insert(format!("{prefix}_PROTO"), protocol);
        variables.insert(format!("{prefix}_PORT"), port.port.to_string());
        variables.insert(format!("{prefix}_ADDR"), ip.to_owned());
    }
}

fn upper(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

fn protocol(port: &ServicePort) -> String {
    port.protocol.as_deref().unwrap_or("TCP").to_lowercase()
}

fn url(ip: &str, port: &ServicePort) -> String {
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    format!("{}://{host}:{}", protocol(port), port.port)
}
