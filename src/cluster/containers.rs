//! Nodes that run real containers.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use orchestrator_client::{Client, Informer, Informers};
use orchestrator_containerd::image::Archive;
use orchestrator_containerd::network::BridgeNetwork;
use orchestrator_containerd::{ContainerdConfig, ContainerdRuntime, Source, image, network};
use orchestrator_core::env::Task;
use orchestrator_core::resource::Network;
use orchestrator_core::{BoxError, ObjectKey};
use orchestrator_runtime::agent::{Agent, NodeConfig, Parts};
use orchestrator_runtime::kubelet::{Kubelet, KubeletConfig};
use orchestrator_runtime::volume::Volumes;
use orchestrator_wire::listener::Serving;

use super::networking::{Carried, Networking, dns_address};
use super::nodes::reached_at;

/// How long containers may take to end when a node is shut down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// A node that runs containers with containerd.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContainerNodeSpec {
    /// The node's name.
    pub name: String,
    /// Where it keeps everything.
    pub folder: PathBuf,
    /// The program of a containerd of its own.
    pub program: Option<PathBuf>,
    /// The socket of a containerd that runs, in place of one of its own.
    pub socket: Option<PathBuf>,
    /// The directory of the manifests of its static pods.
    pub static_pods: Option<PathBuf>,
    /// The node's address; one of this host that is not loopback where it is not given.
    pub address: Option<IpAddr>,
    /// The addresses of its pods, in CIDR form; without it, those that the API gives the node.
    pub pod_range: Option<String>,
    /// Images that it has from the start.
    pub images: Vec<Arc<Archive>>,
    /// Leave pods running when the node is shut down, for the next agent to go on with.
    pub keep_pods: bool,
    /// What carries the traffic of its pods.
    pub networking: Networking,
    pub(super) kubelet: Option<KubeletConfig>,
}

impl ContainerNodeSpec {
    /// A node with a containerd of its own, and everything below `folder`.
    pub fn new(name: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            folder: folder.into(),
            program: None,
            socket: None,
            static_pods: None,
            address: None,
            pod_range: None,
            images: Vec::new(),
            keep_pods: false,
            networking: Networking::default(),
            kubelet: None,
        }
    }

    /// Serves logs, exec and port-forward to an API server in another process.
    #[must_use]
    pub fn kubelet(mut self, config: KubeletConfig) -> Self {
        self.kubelet = Some(config);
        self
    }

    fn config(&self) -> ContainerdConfig {
        let config = match &self.socket {
            Some(socket) => ContainerdConfig::running(&self.name, &self.folder, socket),
            None => ContainerdConfig::own(&self.name, &self.folder),
        };
        match &self.program {
            Some(program) => config.program(program),
            None => config,
        }
    }
}

/// A node with real containers, and the proxy beside it.
#[derive(Debug)]
pub struct ContainerNode {
    // In the order in which they end: the agent first, so that it does not restart what ends.
    _serving: Option<Serving>,
    agent: Agent,
    carried: Option<Carried>,
    _network: Option<Task<()>>,
    runtime: Arc<ContainerdRuntime>,
    informers: Informers,
    keep_pods: bool,
    volumes: PathBuf,
}

impl Drop for ContainerNode {
    fn drop(&mut self) {
        self.informers.close();
    }
}

impl ContainerNode {
    /// Starts a node that reaches the API through `client`.
    ///
    /// # Errors
    /// containerd does not run, or the node's directory cannot be used.
    pub async fn start(
        spec: ContainerNodeSpec,
        client: &Client,
        network: &Network,
    ) -> Result<Self, BoxError> {
        let env = client.env().clone();
        let config = spec.config();
        let network_folder = match &config.source {
            Source::Own(own) => Some(own.cni_config.clone()),
            _ => None,
        };
        let runtime = Arc::new(ContainerdRuntime::open(config, env.clone()).await?);
        for archive in &spec.images {
            image::import(runtime.link(), archive, &env).await?;
        }
        let informers = Informers::new(client.clone());
        let mut parts = Parts::new(&informers, Arc::clone(&runtime) as _, &spec.name);
        parts.housekeeping = Some(Arc::clone(&runtime) as _);
        let mut node = NodeConfig::of_host(&spec.name, spec.folder.join("volumes"));
        node.static_pods = spec.static_pods;
        if let Some(address) = spec.address {
            node.addresses = vec![address];
        }
        if spec.networking.names {
            node.cluster_dns = dns_address(network).into_iter().collect();
        }
        let carried = Carried::start(&spec.networking, &informers, &spec.name, network).await?;
        let kubelet = spec.kubelet.map(|config| Kubelet::bind(&config, &spec.name)).transpose()?;
        if let Some(kubelet) = &kubelet {
            reached_at(&mut node, kubelet.address());
        }
        let joined = network_folder.map(|folder| {
            let (nodes, name) = (parts.nodes.clone(), spec.name.clone());
            let range = spec.pod_range.clone();
            let networking = spec.networking.clone();
            env.spawn("pod network", join(nodes, name, folder, range, networking))
        });
        let pods = parts.pods.clone();
        let agent = Agent::start(node, parts);
        let serving = kubelet.map(|kubelet| kubelet.serve(&env, agent.name(), agent.api(), pods));
        let serving = serving.transpose()?;
        Ok(Self {
            _serving: serving,
            agent,
            carried: Some(carried),
            _network: joined,
            runtime,
            informers,
            keep_pods: spec.keep_pods,
            volumes: spec.folder.join("volumes"),
        })
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Waits until the node is registered and its service proxy has its first table.
    pub async fn ready(&self) {
        self.agent.ready().await;
        if let Some(carried) = &self.carried {
            carried.ready().await;
        }
    }

    /// Ends the node: first its pods, unless they are to be kept, then its containerd.
    pub async fn shutdown(mut self) {
        let (runtime, keep_pods) = (Arc::clone(&self.runtime), self.keep_pods);
        let volumes = std::mem::take(&mut self.volumes);
        // The traffic of pods that are kept goes on as it was.
        let carried = self.carried.take().filter(|_| !keep_pods);
        drop(self);
        if !keep_pods && let Err(error) = runtime.remove_all(SHUTDOWN_GRACE).await {
            tracing::error!(error = %error.chain(), "pods not removed");
        }
        if !keep_pods && let Err(error) = Volumes::remove_all(&volumes) {
            tracing::error!(%error, "volumes not removed");
        }
        if let Some(carried) = carried {
            carried.shutdown().await;
        }
        runtime.stop().await;
    }
}

/// Joins pods to a network once the node has its range: its own, or the one that the API gave it.
async fn join(
    nodes: Informer<Node>,
    name: String,
    folder: PathBuf,
    own: Option<String>,
    networking: Networking,
) {
    let (changed, mut changes) = tokio::sync::watch::channel(());
    nodes.on_change(Arc::new(move |_| {
        changed.send_replace(());
    }));
    nodes.synced().await;
    loop {
        changes.mark_unchanged();
        let node = nodes.get(&ObjectKey::cluster(name.as_str()));
        let spec = node.as_ref().and_then(|node| node.spec.as_ref());
        let ranges = spec.and_then(|spec| spec.pod_cidrs.clone()).filter(|r| !r.is_empty());
        let one = spec.and_then(|spec| spec.pod_cidr.clone()).map(|range| vec![range]);
        let own = own.clone().map(|range| vec![range]);
        if let Some(ranges) = own.or(ranges).or(one) {
            let written = match networking.plugins(&ranges, &folder.join("addresses")) {
                Some(list) => network::write(&folder, &list),
                None => BridgeNetwork::of(&folder, ranges).write(&folder),
            };
            if let Err(error) = written {
                tracing::error!(%error, "pod network not configured");
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}
