//! Names of services and pods: a pure zone and the server that answers from it.
//!
//! ```text
//! Services, EndpointSlices, Namespaces ─▶ feed ─▶ Zone (pure) ─▶ server: UDP, TCP
//!                                                   └─ not ours ─▶ upstream
//! ```
//!
//! A [`Zone`] answers as the field's DNS server does: addresses of services, of the endpoints of
//! headless ones and of pods with a host name, SRV for ports, PTR for addresses, CNAME for external
//! names, and SOA with what is not there so that resolvers remember that too. [`Dns`] keeps a zone
//! up to date from a cluster and serves it.

mod feed;
mod server;
mod upstream;
pub mod zone;

pub use feed::Dns;
pub use server::{DnsConfig, DnsError, Serving};
pub use zone::{Answer, ServiceNames, Zone};
