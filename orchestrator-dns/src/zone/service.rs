//! What is known of a service by name.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use orchestrator_core::ObjectKey;

/// A service and its endpoints, as names see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceNames {
    /// What its name stands for.
    pub kind: ServiceKind,
    /// Its ports.
    pub ports: Vec<NamedPort>,
    /// Its endpoints, each once for every slice that names it.
    pub endpoints: Vec<EndpointNames>,
}

/// What the name of a service stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// Its own addresses.
    Cluster(Vec<IpAddr>),
    /// The addresses of its endpoints.
    Headless,
    /// Another name.
    External(String),
}

/// A port by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// The name, in lower case.
    pub name: String,
    /// The transport protocol, in lower case.
    pub protocol: String,
    /// The number.
    pub port: u16,
}

/// An endpoint by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointNames {
    /// Its name below the service: the pod's host name, or the address with dashes.
    pub host: String,
    /// Its address.
    pub ip: IpAddr,
    /// Its ports.
    pub ports: Vec<NamedPort>,
}

impl ServiceNames {
    /// The names that a service and its slices give; `None` where it has none.
    pub fn of(service: &Service, slices: &[Arc<EndpointSlice>]) -> Option<Self> {
        let spec = service.spec.as_ref()?;
        Some(Self {
            kind: kind(spec)?,
            ports: ports(spec),
            endpoints: slices.iter().flat_map(|slice| endpoints(slice)).collect(),
        })
    }

    /// The addresses that lead back to names below `svc.<domain>`.
    pub(super) fn addresses(&self, key: &ObjectKey) -> Vec<(IpAddr, String)> {
        let own = format!("{}.{}", key.name, key.namespace);
        let cluster = match &self.kind {
            ServiceKind::Cluster(ips) => ips.as_slice(),
            _ => &[],
        };
        let mut found: Vec<_> = cluster.iter().map(|ip| (*ip, own.clone())).collect();
        let endpoints = self.endpoints.iter();
        found.extend(endpoints.map(|endpoint| (endpoint.ip, format!("{}.{own}", endpoint.host))));
        found
    }
}

fn kind(spec: &ServiceSpec) -> Option<ServiceKind> {
    if spec.type_.as_deref() == Some("ExternalName") {
        return spec.external_name.clone().map(ServiceKind::External);
    }
    if spec.cluster_ip.as_deref() == Some("None") {
        return Some(ServiceKind::Headless);
    }
    let listed = spec.cluster_ips.as_deref().unwrap_or_default();
    let texts = if listed.is_empty() { spec.cluster_ip.as_slice() } else { listed };
    let ips: Vec<IpAddr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    (!ips.is_empty()).then_some(ServiceKind::Cluster(ips))
}

fn ports(spec: &ServiceSpec) -> Vec<NamedPort> {
    let port = |port: &k8s_openapi::api::core::v1::ServicePort| {
        named(port.name.as_deref(), port.protocol.as_deref(), Some(port.port))
    };
    spec.ports.iter().flatten().filter_map(port).collect()
}

fn named(name: Option<&str>, protocol: Option<&str>, port: Option<i32>) -> Option<NamedPort> {
    Some(NamedPort {
        name: name.unwrap_or_default().to_ascii_lowercase(),
        protocol: protocol.unwrap_or("TCP").to_ascii_lowercase(),
        port: u16::try_from(port?).ok()?,
    })
}

fn endpoints(slice: &EndpointSlice) -> Vec<EndpointNames> {
    let ports = slice.ports.iter().flatten();
    let ports: Vec<NamedPort> = ports
        .filter_map(|port| named(port.name.as_deref(), port.protocol.as_deref(), port.port))
        .collect();
    let ready = |endpoint: &&Endpoint| {
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
    };
    let names = |endpoint: &Endpoint| -> Option<EndpointNames> {
        let ip: IpAddr = endpoint.addresses.first()?.parse().ok()?;
        let host = endpoint.hostname.clone().filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| ip.to_string().replace(['.', ':'], "-"));
        Some(EndpointNames { host: host.to_ascii_lowercase(), ip, ports: ports.clone() })
    };
    slice.endpoints.iter().flatten().filter(ready).filter_map(names).collect()
}
