//! Pod networks: how pods reach each other on several nodes, and which of them may.
//!
//! [`pods`] joins a node's pods to those of others: what each node's plugins are told, routes or
//! an overlay between nodes, and masquerading for what leaves the cluster. [`policy`] enforces
//! NetworkPolicies on packets. Both are pure functions of objects in the API with a small loop
//! around them that tells the kernel.

pub mod pods;
pub mod policy;

pub use pods::{Fabric, HostGateway, NodeNetwork, Overlay, PodNetwork, PodNetworkConfig};
pub use policy::PolicyLoop;

/// The packet rules of the kernel.
pub use orchestrator_netlink::nft::Kernel as Rules;
use orchestrator_netlink::nft::NftError;

/// The packet rules of the network namespace in which the caller's thread is.
///
/// # Errors
/// The kernel has no nftables, or this process may not change them.
pub fn rules() -> Result<Rules, NftError> {
    Rules::open()
}
