//! What carries the traffic of real containers.

use clap::{ArgAction, Args, ValueEnum};

/// What carries the traffic of `--runtime containerd`.
#[derive(Args, Clone, Debug)]
pub struct NodeNetworking {
    /// What carries services; packet rules also join pods to those of other nodes and enforce
    /// network policies.
    #[arg(long, value_enum, default_value_t = Proxy::Nftables)]
    pub proxy: Proxy,

    /// Serve the names of services and pods at the tenth address of services.
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    pub dns: bool,
}

impl Default for NodeNetworking {
    fn default() -> Self {
        Self { proxy: Proxy::Nftables, dns: true }
    }
}

/// What carries services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Proxy {
    /// Packet rules of the kernel.
    Nftables,
    /// Sockets of this process; the addresses of services must be local to the host.
    Userspace,
}
