//! `pods/proxy`, `services/proxy` and `nodes/proxy`: where a request to one of them goes on to.
//!
//! The name in the path says more than a name: `web`, `web:8080`, `https:web:443`. Only addresses
//! are gone to that can be a pod's: the server stands where pods and users may not.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use orchestrator_core::object::Object;
use orchestrator_core::service::{ProxyTarget, ResponseBody};
use orchestrator_core::store::Range;
use orchestrator_core::{GroupVersionResource, Json, Status};

use crate::pipeline::Cx;

/// The label that says whose addresses a slice holds.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// Tells where the request goes on to.
pub(super) async fn answer(cx: &Cx<'_>) -> Result<ResponseBody, Status> {
    let kind = &*cx.resource.group_resource.resource;
    let wanted = Wanted::parse(&cx.request.name).ok_or_else(|| {
        let kind = kind.trim_end_matches('s');
        Status::bad_request(format!("invalid {kind} request {:?}", cx.request.name))
    })?;
    let address = match kind {
        "pods" => pod(cx, &wanted).await?,
        "services" => service(cx, &wanted).await?,
        "nodes" => return node(cx, &wanted).await.map(ResponseBody::Proxy),
        _ => return Err(Status::not_implemented(format!("{kind}/proxy"))),
    };
    if !may_be_reached(address.ip(), &cx.server.network().pod_cidr) {
        return Err(Status::bad_request("address not allowed"));
    }
    Ok(ResponseBody::Proxy(ProxyTarget::Address { secure: wanted.secure, address }))
}

/// What the name in the path says.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'n> {
    secure: bool,
    name: &'n str,
    port: &'n str,
}

impl<'n> Wanted<'n> {
    /// Reads `name`, `name:port` or `scheme:name:port`.
    fn parse(text: &'n str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match parts[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme, name, port] => (scheme, name, port),
            _ => return None,
        };
        let secure = match scheme {
            "" | "http" => false,
            "https" => true,
            _ => return None,
        };
        (!name.is_empty()).then_some(Self { secure, name, port })
    }

    /// The port of the scheme.
    fn usual_port(&self) -> u16 {
        if self.secure { 443 } else { 80 }
    }
}

async fn read(cx: &Cx<'_>, name: &str) -> Result<Object, Status> {
    let key = cx.resource.key(&cx.request.namespace, name);
    let stored = cx.server.objects.read(key).await?;
    let stored = stored.ok_or_else(|| Status::not_found(&cx.resource.group_resource, name))?;
    stored.tree().map(|tree| Object::clone(tree))
}

async fn pod(cx: &Cx<'_>, wanted: &Wanted<'_>) -> Result<SocketAddr, Status> {
    let pod = read(cx, wanted.name).await?;
    // A pod that has no address yet has none that may be gone to.
    let address = pod.text_at(&["status", "podIP"]).parse::<IpAddr>();
    let address = address.map_err(|_| Status::bad_request("address not allowed"))?;
    let port = match wanted.port {
        "" => first_port(&pod).unwrap_or_else(|| wanted.usual_port()),
        port => port.parse().map_err(|_| {
            Status::bad_request(format!("invalid pod request {:?}", cx.request.name))
        })?,
    };
    Ok(SocketAddr::new(address, port))
}

/// A connection to a node's own face. Its port is the one that the node says; another one is
/// refused, for behind it may be anything that listens on that machine.
async fn node(cx: &Cx<'_>, wanted: &Wanted<'_>) -> Result<ProxyTarget, Status> {
    let node: Node = read(cx, wanted.name).await?.to_typed().map_err(Status::internal)?;
    let endpoints = node.status.as_ref().and_then(|status| status.daemon_endpoints.as_ref());
    let port = endpoints.and_then(|all| all.kubelet_endpoint.as_ref()).map(|one| one.port);
    if !wanted.port.is_empty() && wanted.port.parse().ok() != port {
        return Err(Status::bad_request("address not allowed"));
    }
    let Some(nodes) = &cx.server.nodes else {
        return Err(Status::unavailable("this server reaches no nodes"));
    };
    let (connection, host) = nodes.connect(&node).await?;
    Ok(ProxyTarget::Connection { connection, host })
}

/// The first port that a container of the pod names.
fn first_port(pod: &Object) -> Option<u16> {
    let containers = pod.at(&["spec", "containers"])?.as_array()?;
    let first = |container: &Json| {
        container.get("ports")?.as_array()?.first()?.get("containerPort")?.as_u64()
    };
    containers.iter().find_map(first)?.try_into().ok()
}

async fn service(cx: &Cx<'_>, wanted: &Wanted<'_>) -> Result<SocketAddr, Status> {
    let service = read(cx, wanted.name).await?;
    let port = service_port(&service, wanted.port).ok_or_else(|| {
        let (port, name) = (wanted.port, wanted.name);
        Status::unavailable(format!("no service port {port:?} found for service {name:?}"))
    })?;
    let gvr = GroupVersionResource::new("discovery.k8s.io", "v1", "endpointslices");
    let objects = &cx.server.objects;
    let mut ready = Vec::new();
    if let Some(slices) = objects.resource(&gvr) {
        let range = Range::new(slices.keys(&cx.request.namespace));
        for found in objects.range(range).await?.kvs {
            let stored = crate::registry::Stored::from(found);
            let slice = stored.tree()?;
            if slice.label(SERVICE_LABEL) == Some(wanted.name) {
                endpoints(slice, &port, &mut ready);
            }
        }
    }
    if ready.is_empty() {
        let why = format!("no endpoints available for service {:?}", wanted.name);
        return Err(Status::unavailable(why));
    }
    let chosen = cx.server.env().random_below(ready.len() as u64);
    Ok(ready[usize::try_from(chosen).expect("below the length of a list")])
}

/// The name of the port of a service that is meant by its name or number, or is its only one.
fn service_port(service: &Object, wanted: &str) -> Option<String> {
    let ports = service.at(&["spec", "ports"])?.as_array()?;
    let name = |port: &Json| port.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    if wanted.is_empty() {
        let [only] = &ports[..] else { return None };
        return Some(name(only));
    }
    let number: Option<u64> = wanted.parse().ok();
    let is = |port: &&Json| {
        name(port) == wanted
            || number.is_some() && port.get("port").and_then(Json::as_u64) == number
    };
    ports.iter().find(is).map(name)
}

/// Adds the ready addresses of a slice, at the port of this name.
fn endpoints(slice: &Object, port: &str, ready: &mut Vec<SocketAddr>) {
    let list = |name: &str| slice.get(name).and_then(Json::as_array).into_iter().flatten();
    let is = |entry: &&Json| entry.get("name").and_then(Json::as_str).unwrap_or_default() == port;
    let number = list("ports").find(is).and_then(|entry| entry.get("port")?.as_u64());
    let Some(number) = number.and_then(|number| u16::try_from(number).ok()) else { return };
    for endpoint in list("endpoints") {
        if endpoint["conditions"]["ready"] == Json::Bool(false) {
            continue;
        }
        let address = endpoint["addresses"][0].as_str().and_then(|text| text.parse().ok());
        ready.extend(address.map(|ip: IpAddr| SocketAddr::new(ip, number)));
    }
}

/// Whether an address can be a pod's: one of their range, or at least none of this host alone.
fn may_be_reached(ip: IpAddr, pod_cidr: &str) -> bool {
    let in_range = pod_cidr.split(',').filter_map(|range| range.trim().parse::<IpNet>().ok());
    let local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some(),
    };
    in_range.into_iter().any(|range| range.contains(&ip))
        || !(local || ip.is_loopback() || ip.is_unspecified() || ip.is_multicast())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_name_may_carry_scheme_and_port() {
        let of =
            |text| Wanted::parse(text).map(|w| (w.secure, w.name.to_owned(), w.port.to_owned()));
        let is = |secure, name: &str, port: &str| Some((secure, name.to_owned(), port.to_owned()));
        assert_eq!(of("web"), is(false, "web", ""));
        assert_eq!(of("web:80"), is(false, "web", "80"));
        assert_eq!(of("https:web:tls"), is(true, "web", "tls"));
        assert_eq!(of("http:web:"), is(false, "web", ""));
        for broken in ["", ":80", "ftp:web:21", "a:b:c:d"] {
            assert_eq!(of(broken), None, "{broken}");
        }
    }

    #[test]
    fn ports_are_found_by_name_or_number() {
        let service = object(json!({"spec": {"ports": [
            {"name": "http", "port": 80}, {"name": "tls", "port": 443}]}}));
        let port = |wanted| service_port(&service, wanted);
        assert_eq!(port("tls").as_deref(), Some("tls"));
        assert_eq!(port("80").as_deref(), Some("http"));
        assert_eq!((port(""), port("81")), (None, None));
        let single = object(json!({"spec": {"ports": [{"port": 80}]}}));
        assert_eq!(service_port(&single, "").as_deref(), Some(""));
        let pod = object(json!({"spec": {"containers": [{"name": "a"},
            {"name": "b", "ports": [{"containerPort": 8080}]}]}}));
        assert_eq!(first_port(&pod), Some(8080));
    }

    #[test]
    fn only_ready_addresses_count() {
        let slice = object(json!({"ports": [{"name": "http", "port": 8080}], "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
            {"addresses": ["10.0.0.3"]}]}));
        let mut ready = Vec::new();
        endpoints(&slice, "http", &mut ready);
        endpoints(&slice, "other", &mut ready);
        let ready: Vec<String> = ready.iter().map(ToString::to_string).collect();
        assert_eq!(ready, ["10.0.0.1:8080", "10.0.0.3:8080"]);
    }

    #[test]
    fn what_only_this_host_reaches_is_not_gone_to() {
        let check = |ip: &str, cidr: &str, wanted| {
            assert_eq!(may_be_reached(ip.parse().unwrap(), cidr), wanted, "{ip} {cidr}");
        };
        check("10.1.2.3", "10.0.0.0/8", true);
        check("192.168.1.1", "10.0.0.0/8", true);
        check("127.64.0.9", "127.64.0.0/12", true);
        check("127.0.0.1", "127.64.0.0/12", false);
        check("169.254.169.254", "10.0.0.0/8", false);
        check("0.0.0.0", "10.0.0.0/8", false);
        check("::1", "10.0.0.0/8", false);
        check("::ffff:127.0.0.1", "10.0.0.0/8", false);
    }
}
