//! What a name asks for.

use std::net::IpAddr;

use hickory_server::proto::rr::Name;
use orchestrator_core::ObjectKey;

/// The place of a name in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The domain itself.
    Domain,
    /// A name that only has others below it.
    Between,
    /// A name that only has others below it, if this namespace is there.
    Namespace(String),
    /// The version of the naming scheme.
    Version,
    /// The server of the zone.
    Server,
    /// A service, or something of it.
    Service(ObjectKey, Part),
    /// The pod with this address, if this namespace is there.
    Pod(String, IpAddr),
    /// Nothing can have this name.
    Nothing,
    /// An address, the other way round.
    Reverse(IpAddr),
    /// It is not of this zone.
    Elsewhere,
}

/// What of a service a name asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The endpoint of that name.
    Endpoint(String),
    /// The ports of that name and protocol.
    Port(String, String),
}

/// Finds the place of `name` in the zone of `domain`.
pub(super) fn place(name: &Name, domain: &Name) -> Place {
    if !domain.zone_of(name) {
        return reverse(name).map_or(Place::Elsewhere, Place::Reverse);
    }
    let below = usize::from(name.num_labels() - domain.num_labels());
    let mut labels = Vec::with_capacity(below);
    for label in name.iter().take(below) {
        let Ok(label) = std::str::from_utf8(label) else { return Place::Nothing };
        labels.push(label.to_ascii_lowercase());
    }
    // From the right: `svc`, the namespace, the service, what is asked of it.
    labels.reverse();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    match labels.as_slice() {
        [] => Place::Domain,
        ["dns-version"] => Place::Version,
        ["dns", "ns"] => Place::Server,
        ["dns" | "svc" | "pod"] => Place::Between,
        ["svc" | "pod", namespace] => Place::Namespace((*namespace).to_owned()),
        ["pod", namespace, pod] => match address(pod) {
            Some(ip) => Place::Pod((*namespace).to_owned(), ip),
            None => Place::Nothing,
        },
        ["svc", namespace, service, rest @ ..] => {
            let part = match rest {
                [] => Part::Whole,
                [endpoint] if !endpoint.starts_with('_') => Part::Endpoint((*endpoint).to_owned()),
                [protocol, port] => Part::Port(bare(port), bare(protocol)),
                _ => return Place::Nothing,
            };
            Place::Service(ObjectKey::new(*namespace, *service), part)
        }
        _ => Place::Nothing,
    }
}

fn bare(label: &str) -> String {
    label.strip_prefix('_').unwrap_or(label).to_owned()
}

/// The address that a pod's name spells with dashes.
fn address(pod: &str) -> Option<IpAddr> {
    let four = pod.matches('-').count() == 3 && !pod.contains("--");
    pod.replace('-', if four { "." } else { ":" }).parse().ok()
}

/// The address that a name below `arpa` spells.
fn reverse(name: &Name) -> Option<IpAddr> {
    let net = name.parse_arpa_name().ok()?;
    (net.prefix_len() == net.max_prefix_len()).then(|| net.addr())
}
