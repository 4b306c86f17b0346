//! Services: a pure routing table, and the data paths that carry it.
//!
//! [`routing_table`] turns Services and EndpointSlices into the table of one node; a
//! [`Proxy`](orchestrator_core::proxy::Proxy) makes it real: [`UserspaceProxy`] with sockets, so
//! without root; `NftablesProxy` (feature `nftables`) with packet rules; [`RecordingProxy`] not at
//! all. The [`ProxyLoop`] keeps a proxy up to date.

mod health;
#[cfg(feature = "nftables")]
pub mod nftables;
mod recording;
pub mod run;
pub mod table;
pub mod userspace;

#[cfg(feature = "nftables")]
pub use nftables::{NftablesConfig, NftablesProxy};
pub use recording::RecordingProxy;
pub use run::{ProxyLoop, Running};
pub use table::{NodeView, routing_table};
pub use userspace::{UserspaceConfig, UserspaceProxy};
