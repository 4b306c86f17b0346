//! What sets a pod apart from its node, and its containers from each other.
//!
//! A runtime that isolates nothing, as one of plain processes or a simulated one, takes no notice.

use std::net::IpAddr;

/// Which of the node's own things a pod uses, and what its containers share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// The pod's processes see those of the node.
    pub host_pid: bool,
    /// The pod uses the node's shared memory and message queues.
    pub host_ipc: bool,
    /// The pod's containers see each other's processes.
    pub shared_pid: bool,
}

/// How a pod resolves names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// The servers to ask, in this order.
    pub servers: Vec<String>,
    /// The domains in which short names are looked for.
    pub searches: Vec<String>,
    /// Options of the resolver, as in `ndots:5`.
    pub options: Vec<String>,
}

/// A port of the node that leads to one of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortMapping {
    /// The transport: `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The pod's port.
    pub container_port: u16,
    /// The node's port.
    pub host_port: u16,
    /// The node's address; `None` for all of them.
    pub host_ip: Option<IpAddr>,
}

/// What a container may use of the node; what is not given is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Its weight when CPUs are short.
    pub cpu_shares: Option<u64>,
    /// How many microseconds of CPU time it may use in each `cpu_period_us`.
    pub cpu_quota_us: Option<i64>,
    /// The period of `cpu_quota_us`.
    pub cpu_period_us: Option<u64>,
    /// How much memory it may use, in bytes.
    pub memory_bytes: Option<u64>,
    /// How readily it is killed when the node has no memory left, from -1000 to 1000.
    pub oom_score_adj: i64,
}

/// Which system calls a container may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seccomp {
    /// All.
    #[default]
    Unconfined,
    /// Those that the runtime thinks harmless.
    RuntimeDefault,
    /// Those of a profile in this file of the node.
    Localhost(String),
}

/// What a container may do beyond its files and its user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// Everything that the node's root may.
    pub privileged: bool,
    /// Capabilities beside the runtime's usual ones, without `CAP_`.
    pub add_capabilities: Vec<String>,
    /// Capabilities taken from the runtime's usual ones; `ALL` for all of them.
    pub drop_capabilities: Vec<String>,
    /// Its own files cannot be written.
    pub read_only_root: bool,
    /// Nothing that it runs gets rights which it has not.
    pub no_new_privileges: bool,
    /// Its view of the kernel in `/proc` is not masked.
    pub unmasked_proc: bool,
    /// Which system calls it may use.
    pub seccomp: Seccomp,
}

/// Whether mounts made later are seen across the border of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// Not at all.
    #[default]
    Private,
    /// The container sees those of the node.
    HostToContainer,
    /// Each sees those of the other.
    Bidirectional,
}
