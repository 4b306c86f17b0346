//! Ports of policies.

use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicyPort;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A transport protocol and a range of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortRange {
    pub(super) protocol: u8,
    pub(super) first: u16,
    pub(super) last: u16,
}

/// A port that each pod may have elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PortName {
    pub(super) protocol: u8,
    pub(super) name: String,
}

/// The ports of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ports {
    pub(super) ranges: Vec<PortRange>,
    pub(super) names: Vec<PortName>,
}

impl Ports {
    /// The ports that a rule lists; `None` where it lists none, so that it means all.
    ///
    /// What cannot be read stands for no port: a rule must not allow more than it says.
    pub(super) fn of(ports: Option<&Vec<NetworkPolicyPort>>) -> Option<Self> {
        let ports = ports.filter(|ports| !ports.is_empty())?;
        let mut read = Self::default();
        for port in ports {
            let Some(protocol) = protocol(port.protocol.as_deref()) else { continue };
            let number = |port: i32| u16::try_from(port).ok();
            match &port.port {
                None => read.ranges.push(PortRange { protocol, first: 0, last: u16::MAX }),
                Some(IntOrString::String(name)) => {
                    read.names.push(PortName { protocol, name: name.clone() });
                }
                Some(IntOrString::Int(first)) => {
                    let last = number(port.end_port.unwrap_or(*first));
                    if let (Some(first), Some(last)) = (number(*first), last) {
                        read.ranges.push(PortRange { protocol, first, last });
                    }
                }
            }
        }
        Some(read)
    }

    /// The same with the ports that the names stand for in `pod`.
    pub(super) fn in_pod(&self, pod: &Pod) -> Vec<PortRange> {
        let mut ranges = self.ranges.clone();
        ranges.extend(self.names.iter().filter_map(|name| name.in_pod(pod)));
        joined(ranges)
    }
}

impl PortName {
    /// The port of that name in `pod`.
    pub(super) fn in_pod(&self, pod: &Pod) -> Option<PortRange> {
        let spec = pod.spec.as_ref()?;
        let sidecars = spec.init_containers.iter().flatten().filter(|c| is_sidecar(c));
        let containers = spec.containers.iter().chain(sidecars);
        let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
        let found = ports.find(|port| {
            port.name.as_deref() == Some(&self.name)
                && protocol(port.protocol.as_deref()) == Some(self.protocol)
        })?;
        let port = u16::try_from(found.container_port).ok()?;
        Some(PortRange { protocol: self.protocol, first: port, last: port })
    }
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Ranges of ports that do not touch.
pub(super) fn joined(ranges: Vec<PortRange>) -> Vec<PortRange> {
    use super::ranges::Ranges;
    let mut protocols: Vec<u8> = ranges.iter().map(|range| range.protocol).collect();
    protocols.sort_unstable();
    protocols.dedup();
    let port = |number: u128| u16::try_from(number).expect("it was a port");
    let of_protocol = |protocol: u8| {
        let same = ranges.iter().filter(move |range| range.protocol == protocol);
        let apart = Ranges::of(same.map(|r| (r.first.into(), r.last.into())));
        let range = |(first, last)| PortRange { protocol, first: port(first), last: port(last) };
        apart.iter().map(range).collect::<Vec<_>>()
    };
    protocols.into_iter().flat_map(of_protocol).collect()
}

fn protocol(name: Option<&str>) -> Option<u8> {
    match name {
        None | Some("" | "TCP") => Some(6),
        Some("UDP") => Some(17),
        Some("SCTP") => Some(132),
        Some(_) => None,
    }
}
