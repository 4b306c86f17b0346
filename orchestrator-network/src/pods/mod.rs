//! The network of pods across nodes.
//!
//! Each node has ranges of addresses for its pods (`spec.podCIDRs`), and plugins join a pod to its
//! node (`plugins`). A [`Fabric`] says how a node reaches the ranges of others. Packets that leave
//! the cluster take the node's address, since nobody outside knows the way back to a pod.

mod fabric;
mod masquerade;
mod plugins;
mod run;

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;

pub use fabric::{Fabric, HostGateway, Overlay};
pub use masquerade::{TABLE, masquerade};
pub use plugins::{Attachment, conflist};
pub use run::{PodNetwork, PodNetworkConfig, PodNetworkError};

/// A node as the network sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeNetwork {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// The addresses of its pods.
    pub pods: Vec<IpNet>,
}

impl NodeNetwork {
    /// What a Node object says; ranges that cannot be read are left out.
    pub fn of(node: &Node) -> Self {
        let spec = node.spec.as_ref();
        let listed = spec.and_then(|spec| spec.pod_cidrs.clone()).unwrap_or_default();
        let single = spec.and_then(|spec| spec.pod_cidr.clone());
        let texts = if listed.is_empty() { single.into_iter().collect() } else { listed };
        let status = node.status.as_ref();
        let addresses = status.and_then(|status| status.addresses.as_ref());
        let internal = addresses.into_iter().flatten().filter(|a| a.type_ == "InternalIP");
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            addresses: internal.filter_map(|address| address.address.parse().ok()).collect(),
            pods: texts.iter().filter_map(|text| text.parse().ok()).collect(),
        }
    }

    /// The node's address of the same family as `like`.
    fn address_like(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|ip| ip.is_ipv4() == like.is_ipv4())
    }
}
