//! The proxies through their public face, with real sockets on loopback addresses.

mod conformance;
mod running;
mod userspace;
