//! Network policies as packet rules.
//!
//! ```text
//! NetworkPolicies, Pods, Namespaces ─▶ rules (pure) ─▶ difference to before ─▶ Nftables
//! ```
//!
//! A pod that no policy selects is open. One that is selected for a direction takes or sends only
//! what one of these policies allows, and answers. The node to which a pod belongs enforces what
//! concerns it, on packets that pass through: by then services are led to their endpoints, and
//! the client still has its own address. What the node itself sends to its pods always passes, as
//! its probes must, and so does what pods send to the node.

mod compile;
mod peers;
mod ports;
mod ranges;
mod run;

pub use compile::{Cluster, TABLE, rules};
pub use run::{PolicyLoop, Running};

#[cfg(test)]
mod tests;
