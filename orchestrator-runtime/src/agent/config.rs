//! How a node presents itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Taint;

/// How a node presents itself, and what it may use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeConfig {
    /// The node's name.
    pub name: String,
    /// Labels besides those that every node has.
    pub labels: BTreeMap<String, String>,
    /// Taints to be registered with.
    pub taints: Vec<Taint>,
    /// The node's addresses.
    pub addresses: Vec<IpAddr>,
    /// What it has, as quantities by resource name.
    pub capacity: BTreeMap<String, String>,
    /// Where the volumes of its pods are.
    pub volumes_root: PathBuf,
    /// The port at which it serves its API; 0 where the API server reaches it otherwise.
    pub port: u16,
    /// The directory of the manifests of its static pods.
    pub static_pods: Option<PathBuf>,
    /// The addresses at which pods find the names of the cluster; none where nobody serves them.
    pub cluster_dns: Vec<IpAddr>,
    /// The domain of these names.
    pub cluster_domain: String,
    /// The control group below which pods are.
    pub cgroup_root: String,
    /// How long its lease holds; it is renewed four times as often.
    pub lease: Duration,
}

/// How many pods a node takes: the kubelet's default.
const MAX_PODS: u32 = 110;

impl NodeConfig {
    /// A node of four CPUs and 16 GiB at 127.0.0.1, whose volumes are below `volumes_root`.
    pub fn new(name: impl Into<String>, volumes_root: impl Into<PathBuf>) -> Self {
        let capacity = [
            ("cpu", "4".to_owned()),
            ("memory", "16Gi".to_owned()),
            ("ephemeral-storage", "100Gi".to_owned()),
            ("pods", MAX_PODS.to_string()),
        ];
        Self {
            name: name.into(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            addresses: vec![IpAddr::from([127, 0, 0, 1])],
            capacity: capacity.map(|(name, amount)| (name.to_owned(), amount)).into(),
            volumes_root: volumes_root.into(),
            port: 0,
            static_pods: None,
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".into(),
            cgroup_root: "/kubepods".into(),
            lease: Duration::from_secs(40),
        }
    }

    /// A node with what this host has.
    pub fn of_host(name: impl Into<String>, volumes_root: impl Into<PathBuf>) -> Self {
        let mut config = Self::new(name, volumes_root);
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        config.capacity.insert("cpu".into(), cpus.to_string());
        if let Some(kib) = total_memory_kib() {
            config.capacity.insert("memory".into(), format!("{kib}Ki"));
        }
        if let Ok(disk) = rustix::fs::statvfs("/") {
            let kib = disk.f_blocks.saturating_mul(disk.f_frsize) / 1024;
            config.capacity.insert("ephemeral-storage".into(), format!("{kib}Ki"));
        }
        config
    }

    /// Gives the node a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Gives the node an amount of a resource.
    #[must_use]
    pub fn capacity(mut self, resource: impl Into<String>, amount: impl Into<String>) -> Self {
        self.capacity.insert(resource.into(), amount.into());
        self
    }

    /// Runs the pods of the manifests in this directory, whatever the API says.
    #[must_use]
    pub fn static_pods(mut self, directory: impl Into<PathBuf>) -> Self {
        self.static_pods = Some(directory.into());
        self
    }

    /// Has pods look names up at these addresses.
    #[must_use]
    pub fn cluster_dns(mut self, addresses: Vec<IpAddr>) -> Self {
        self.cluster_dns = addresses;
        self
    }

    /// Gives the node its addresses.
    #[must_use]
    pub fn addresses(mut self, addresses: Vec<IpAddr>) -> Self {
        self.addresses = addresses;
        self
    }
}

/// The host's name, which is the name of its node where none is given.
pub fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let usable = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = name.chars().map(usable).collect();
    match name.trim_matches(['-', '.']) {
        "" => "localhost".into(),
        name => name.into(),
    }
}

fn total_memory_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse().ok()
}
