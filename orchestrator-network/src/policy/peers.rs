//! Who the other end may be.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as Wire;
use orchestrator_core::selector::LabelSelector;
use orchestrator_netlink::nft::Family;

use super::compile::Cluster;
use super::ranges::Ranges;

/// The other ends that a rule allows, in one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peers {
    /// The addresses of pods.
    pub(super) pods: BTreeSet<IpAddr>,
    /// Ranges of addresses.
    pub(super) blocks: Ranges,
}

impl Peers {
    /// The other ends that `peers` name, with the pods that they are.
    pub(super) fn of<'a>(
        peers: &[NetworkPolicyPeer],
        namespace: &str,
        cluster: &Cluster<'a>,
        family: Family,
    ) -> (Self, Vec<&'a Arc<Pod>>) {
        let mut pods: Vec<&Arc<Pod>> = Vec::new();
        let mut blocks: Vec<(u128, u128)> = Vec::new();
        for peer in peers {
            match &peer.ip_block {
                Some(block) => blocks.extend(ranges_of(block, family).iter()),
                None => pods.extend(selected(peer, namespace, cluster)),
            }
        }
        let addresses = pods.iter().flat_map(|pod| addresses(pod, family)).collect();
        (Self { pods: addresses, blocks: Ranges::of(blocks) }, pods)
    }
}

fn selected<'a>(
    peer: &NetworkPolicyPeer,
    namespace: &str,
    cluster: &Cluster<'a>,
) -> Vec<&'a Arc<Pod>> {
    let of_pods = peer.pod_selector.as_ref().map(selector);
    let of_namespaces = peer.namespace_selector.as_ref().map(selector);
    let chosen = |pod: &&Arc<Pod>| {
        let own = pod.metadata.namespace.as_deref().unwrap_or_default();
        let in_namespace = match &of_namespaces {
            None => own == namespace,
            Some(selector) => cluster.namespace_matches(own, selector),
        };
        in_namespace && of_pods.as_ref().is_none_or(|selector| pod_matches(pod, selector))
    };
    // A peer that names nothing is not valid; it allows nobody.
    if of_pods.is_none() && of_namespaces.is_none() {
        return Vec::new();
    }
    cluster.pods.iter().filter(chosen).collect()
}

/// The selector; nothing where it cannot be read.
pub(super) fn selector(selector: &Wire) -> LabelSelector {
    LabelSelector::from_api(Some(selector)).unwrap_or_else(|_| LabelSelector::nothing())
}

/// Whether the labels of `pod` match.
pub(super) fn pod_matches(pod: &Pod, selector: &LabelSelector) -> bool {
    let labels = pod.metadata.labels.as_ref();
    selector.matches_with(|key| labels?.get(key).map(String::as_str))
}

/// The addresses of `pod` by which it is known: none if it shares the node's, or has ended.
pub(super) fn addresses(pod: &Pod, family: Family) -> Vec<IpAddr> {
    let shares = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    let Some(status) = pod.status.as_ref().filter(|_| !shares) else { return Vec::new() };
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return Vec::new();
    }
    let listed = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let texts = listed.chain(status.pod_ip.as_deref());
    let parsed: BTreeSet<IpAddr> = texts.filter_map(|text| text.parse().ok()).collect();
    parsed.into_iter().filter(|ip| Family::of(*ip) == family).collect()
}

fn ranges_of(block: &IPBlock, family: Family) -> Ranges {
    let range = |text: &str| -> Option<(u128, u128)> {
        let net: IpNet = text.parse().ok()?;
        let ends = (number(net.network()), number(net.broadcast()));
        (Family::of(net.addr()) == family).then_some(ends)
    };
    let except = block.except.iter().flatten().filter_map(|text| range(text));
    Ranges::of(range(&block.cidr)).without(&Ranges::of(except))
}

/// An address as a number.
pub(super) fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// The address that is this number.
pub(super) fn address(number: u128, family: Family) -> IpAddr {
    match family {
        Family::Ip4 => u32::try_from(number).map_or(u32::MAX, |n| n).to_be_bytes().into(),
        Family::Ip6 => number.to_be_bytes().into(),
    }
}
