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
