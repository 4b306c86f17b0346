//! The proxies through their public face, with real sockets on loopback addresses.

mod conformance;
#[cfg(feature = "nftables")]
mod nftables;
mod running;
mod userspace;
