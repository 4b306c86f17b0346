//! Nodes: what runs pods.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_client::{Client, Informers};
use orchestrator_core::BoxError;
use orchestrator_core::resource::Network;
use orchestrator_proxy::{ProxyLoop, UserspaceConfig, UserspaceProxy};
use orchestrator_runtime::address::AddressRange;
use orchestrator_runtime::agent::{Agent, NodeConfig, NodeTable, Parts};
use orchestrator_runtime::kubelet::{Kubelet, KubeletConfig};
use orchestrator_runtime::process::{ProcessConfig, ProcessRuntime};
use orchestrator_runtime::simulated::{SimulatedNodes, SimulatedNodesConfig};
use orchestrator_wire::listener::Serving;

use super::StartError;
#[cfg(feature = "containerd")]
use super::containers::{ContainerNode, ContainerNodeSpec};

/// How long processes may take to end when a node is shut down.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// A node to be.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    name: String,
    process: Option<ProcessSpec>,
    kubelet: Option<KubeletConfig>,
    #[cfg(feature = "containerd")]
    containers: Option<Box<ContainerNodeSpec>>,
}

/// What a node needs that runs processes.
#[derive(Clone, Debug)]
struct ProcessSpec {
    folder: PathBuf,
    program_path: Option<PathBuf>,
    static_pods: Option<PathBuf>,
}

impl NodeSpec {
    /// A node on which nothing really runs.
    pub fn simulated(name: impl Into<String>) -> Self {
        Self::plain(name.into())
    }

    /// A node that runs containers as processes of this host, and keeps their state in `folder`;
    /// its service proxy listens on the services' addresses and on the node ports of this host.
    pub fn process(name: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let process = Some(ProcessSpec { folder, program_path: None, static_pods: None });
        Self { process, ..Self::plain(name.into()) }
    }

    /// A node that runs real containers.
    #[cfg(feature = "containerd")]
    pub fn containers(spec: ContainerNodeSpec) -> Self {
        let mut node = Self::plain(spec.name.clone());
        node.containers = Some(Box::new(spec));
        node
    }

    fn plain(name: String) -> Self {
        Self {
            name,
            process: None,
            kubelet: None,
            #[cfg(feature = "containerd")]
            containers: None,
        }
    }

    /// Looks in this folder first for the programs of containers; for real processes only.
    #[must_use]
    pub fn program_path(mut self, folder: impl Into<PathBuf>) -> Self {
        if let Some(process) = &mut self.process {
            process.program_path = Some(folder.into());
        }
        self
    }

    /// Runs the pods of the manifests in this directory, whatever the API says; for real
    /// processes only.
    #[must_use]
    pub fn static_pods(mut self, directory: impl Into<PathBuf>) -> Self {
        if let Some(process) = &mut self.process {
            process.static_pods = Some(directory.into());
        }
        self
    }

    /// Serves logs, exec and port-forward to an API server in another process; the address is the
    /// node's own from then on.
    #[must_use]
    pub fn kubelet(mut self, config: KubeletConfig) -> Self {
        self.kubelet = Some(config);
        self
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The nodes of a cluster; dropping them ends their tasks and processes.
#[derive(Debug, Default)]
pub(super) struct RunningNodes {
    simulated: Option<SimulatedNodes>,
    processes: Vec<ProcessNode>,
    #[cfg(feature = "containerd")]
    containers: Vec<ContainerNode>,
}

/// A node with real processes, and the proxy beside it.
#[derive(Debug)]
pub struct ProcessNode {
    // In the order in which they end: the agent first, so that it does not restart what ends.
    _serving: Option<Serving>,
    agent: Agent,
    proxy_loop: orchestrator_proxy::Running,
    _proxy: Arc<UserspaceProxy>,
    runtime: Arc<ProcessRuntime>,
    informers: Informers,
}

impl Drop for ProcessNode {
    fn drop(&mut self) {
        self.informers.close();
    }
}

impl RunningNodes {
    pub(super) async fn start(
        specs: Vec<NodeSpec>,
        informers: &Informers,
        table: &NodeTable,
        network: &Network,
    ) -> Result<Self, StartError> {
        let client = informers.client().clone().with_agent("kubelet");
        let mut running = Self::default();
        let specs = running.start_containers(specs, &client, table, network).await?;
        let (real, simulated): (Vec<_>, Vec<_>) =
            specs.into_iter().partition(|spec| spec.process.is_some());
        if !simulated.is_empty() {
            let nodes = start_simulated(&simulated, informers, |_, _| ());
            for (name, api) in nodes.apis() {
                table.insert(name, api);
            }
            running.simulated = Some(nodes);
        }
        for spec in real {
            let name = spec.name.clone();
            let node = ProcessNode::start(spec, &client, network)
                .map_err(|source| StartError::Node { name: name.clone(), source })?;
            table.insert(name, node.agent.api());
            running.processes.push(node);
        }
        Ok(running)
    }

    /// Starts the nodes with real containers; returns the others.
    #[cfg(feature = "containerd")]
    async fn start_containers(
        &mut self,
        specs: Vec<NodeSpec>,
        client: &Client,
        table: &NodeTable,
        network: &Network,
    ) -> Result<Vec<NodeSpec>, StartError> {
        let mut others = Vec::new();
        for spec in specs {
            let Some(containers) = spec.containers else {
                others.push(spec);
                continue;
            };
            let node = ContainerNode::start(*containers, client, network).await;
            let name = spec.name.clone();
            let node = node.map_err(|source| StartError::Node { name, source })?;
            table.insert(spec.name, node.agent().api());
            self.containers.push(node);
        }
        Ok(others)
    }

    #[cfg(not(feature = "containerd"))]
    async fn start_containers(
        &mut self,
        specs: Vec<NodeSpec>,
        _: &Client,
        _: &NodeTable,
        _: &Network,
    ) -> Result<Vec<NodeSpec>, StartError> {
        Ok(specs)
    }

    /// Stops a node at once; whether there was one of that name.
    pub(super) fn stop(&mut self, name: &str) -> bool {
        let before = self.processes.len();
        self.processes.retain(|node| node.agent.name() != name);
        self.processes.len() < before
            || self.stop_containers(name)
            || self.simulated.as_ref().is_some_and(|nodes| nodes.stop(name))
    }

    #[cfg(feature = "containerd")]
    fn stop_containers(&mut self, name: &str) -> bool {
        let before = self.containers.len();
        self.containers.retain(|node| node.agent().name() != name);
        self.containers.len() < before
    }

    #[cfg(not(feature = "containerd"))]
    fn stop_containers(&mut self, _: &str) -> bool {
        false
    }

    /// Waits until every node is registered.
    pub(super) async fn ready(&self) {
        #[cfg(feature = "containerd")]
        for node in &self.containers {
            node.ready().await;
        }
        if let Some(nodes) = &self.simulated {
            nodes.ready().await;
        }
        for node in &self.processes {
            node.ready().await;
        }
    }

    /// Ends all processes, each with its grace.
    pub(super) async fn shutdown(self) {
        #[cfg(feature = "containerd")]
        for node in self.containers {
            node.shutdown().await;
        }
        for node in self.processes {
            node.shutdown().await;
        }
    }
}

/// A simulated node by itself, against any API server.
#[derive(Debug)]
pub struct SimulatedNode {
    _serving: Option<Serving>,
    nodes: SimulatedNodes,
}

impl SimulatedNode {
    /// Starts a node that reaches the API through `informers`.
    ///
    /// # Errors
    /// The address at which it is to serve cannot be listened on.
    pub fn start(spec: NodeSpec, informers: &Informers) -> Result<Self, BoxError> {
        let name = spec.name.clone();
        let kubelet = spec.kubelet.as_ref().map(|config| Kubelet::bind(config, &name));
        let kubelet = kubelet.transpose()?;
        let nodes = start_simulated(&[spec], informers, |_, node| {
            if let Some(kubelet) = &kubelet {
                reached_at(node, kubelet.address());
            }
        });
        let (api, env) = (nodes.apis().into_iter().next(), informers.client().env());
        let serving = match (kubelet, api) {
            (Some(kubelet), Some((name, api))) => {
                Some(kubelet.serve(env, &name, api, informers.of())?)
            }
            _ => None,
        };
        Ok(Self { _serving: serving, nodes })
    }

    /// Waits until the node is registered.
    pub async fn ready(&self) {
        self.nodes.ready().await;
    }
}

fn start_simulated(
    specs: &[NodeSpec],
    informers: &Informers,
    mut change: impl FnMut(usize, &mut NodeConfig),
) -> SimulatedNodes {
    let count = u32::try_from(specs.len()).unwrap_or(u32::MAX);
    let config = SimulatedNodesConfig::new("node", count);
    let config = config.each(|index, node| {
        node.name.clone_from(&specs[index].name);
        change(index, node);
    });
    SimulatedNodes::start(config, informers)
}

/// The node tells that it is reached at this address.
pub(super) fn reached_at(node: &mut NodeConfig, address: SocketAddr) {
    node.port = address.port();
    if !address.ip().is_unspecified() {
        node.addresses = vec![address.ip()];
    }
}

impl ProcessNode {
    /// Starts a node that reaches the API through `client`.
    ///
    /// # Errors
    /// The node's directory cannot be used, or the pods' range is none.
    pub fn start(spec: NodeSpec, client: &Client, network: &Network) -> Result<Self, BoxError> {
        let name = spec.name;
        let process = spec.process.ok_or("a simulated node runs no processes")?;
        let env = client.env().clone();
        let range: AddressRange = network.pod_cidr.parse()?;
        let mut config = ProcessConfig::new(process.folder.join("pods")).range(range);
        if let Some(folder) = &process.program_path {
            config = config.program_path(folder);
        }
        let runtime = Arc::new(ProcessRuntime::open(config, env.clone())?);
        let informers = Informers::new(client.clone());
        let parts = Parts::new(&informers, Arc::clone(&runtime) as _, &name);
        let mut node = NodeConfig::of_host(&name, process.folder.join("volumes"));
        node.static_pods = process.static_pods;
        let kubelet = spec.kubelet.map(|config| Kubelet::bind(&config, &name)).transpose()?;
        if let Some(kubelet) = &kubelet {
            reached_at(&mut node, kubelet.address());
        }
        let pods = parts.pods.clone();
        let agent = Agent::start(node, parts);
        let serving = kubelet.map(|kubelet| kubelet.serve(&env, agent.name(), agent.api(), pods));
        let serving = serving.transpose()?;
        let config = UserspaceConfig::default();
        let config = config.node_addresses([IpAddr::V4(Ipv4Addr::UNSPECIFIED)]);
        let proxy = Arc::new(UserspaceProxy::new(env, config));
        let proxy_loop = ProxyLoop::new(informers.clone(), Arc::clone(&proxy) as _, name).start();
        Ok(Self { _serving: serving, agent, proxy_loop, _proxy: proxy, runtime, informers })
    }

    /// Waits until the node is registered and its service proxy has its first table.
    pub async fn ready(&self) {
        self.agent.ready().await;
        self.proxy_loop.ready().await;
    }

    /// Ends all processes, each with its grace, then the node.
    pub async fn shutdown(self) {
        let runtime = Arc::clone(&self.runtime);
        drop(self);
        runtime.shut_down(SHUTDOWN_GRACE).await;
    }
}
