//! Putting a cluster together from the command line, for `up` and `server`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrator::cluster::{ContainerNodeSpec, Networking, NodeSpec, ServiceProxy};
use orchestrator::core::BoxError;
use orchestrator::core::resource::Network;
use orchestrator::runtime::agent::host_name;
use orchestrator::{Builder, Cluster, Part};

use super::image;
use crate::args::{Containers, Engine, NodeNetworking, Proxy, RuntimeKind};
use crate::{UsageError, store};

/// What the command line says about the cluster.
pub struct Shape<'a> {
    pub parts: BTreeSet<Part>,
    pub runtime: RuntimeKind,
    pub nodes: u16,
    pub network: Network,
    pub data_dir: &'a Path,
    pub engine: Engine,
    pub static_pods: Option<PathBuf>,
    pub containers: Containers,
    /// Leave pods running when this process ends.
    pub keep_pods: bool,
}

/// A builder of the cluster.
pub fn builder(shape: Shape<'_>) -> Result<Builder, BoxError> {
    let (engine, data_dir) = (shape.engine, shape.data_dir.to_owned());
    let mut builder = Cluster::builder()
        .parts(shape.parts.iter().copied())
        .network(shape.network)
        .data_dir(shape.data_dir)
        .open_store(async move |env| store::engine(&engine, &data_dir, &env).await);
    if !shape.parts.contains(&Part::Nodes) {
        return Ok(builder);
    }
    match shape.runtime {
        RuntimeKind::Simulated => builder = builder.simulated_nodes(shape.nodes.into()),
        RuntimeKind::Process | RuntimeKind::Containerd if shape.nodes > 1 => {
            let why = "this runtime has one node, since all its nodes would be this host; \
                       use --runtime simulated for more";
            return Err(UsageError(why.into()).into());
        }
        RuntimeKind::Containerd => {
            let mut node = container_node(host_name(), shape.data_dir, &shape.containers)?;
            node.static_pods = shape.static_pods;
            node.keep_pods = shape.keep_pods;
            builder = builder.node(NodeSpec::containers(node));
        }
        RuntimeKind::Process => {
            builder = builder.node(process_node(host_name(), shape.data_dir, shape.static_pods)?);
        }
    }
    Ok(builder)
}

/// The addresses of pods and services where real containers run: loopback is a pod's own.
pub fn network(runtime: RuntimeKind) -> Network {
    match runtime {
        RuntimeKind::Containerd => Network {
            service_cidr: "10.96.0.0/16".into(),
            pod_cidr: "10.244.0.0/16".into(),
            ..Network::default()
        },
        _ => Network::default(),
    }
}

/// A node that runs real containers, and has this program's own image.
pub fn container_node(
    name: String,
    data_dir: &Path,
    options: &Containers,
) -> Result<ContainerNodeSpec, BoxError> {
    let folder = std::path::absolute(data_dir.join("nodes").join(&name))?;
    let mut node = ContainerNodeSpec::new(name, folder);
    node.program = options.containerd.clone();
    node.socket = options.containerd_socket.clone();
    node.networking = networking(&options.networking);
    node.images.push(Arc::new(image::own_image()?));
    for path in &options.images {
        node.images.push(Arc::new(image::open(path, None)?));
    }
    Ok(node)
}

fn networking(options: &NodeNetworking) -> Networking {
    let services = match options.proxy {
        Proxy::Nftables => ServiceProxy::Nftables,
        Proxy::Userspace => ServiceProxy::Userspace,
    };
    Networking::default().services(services).names(options.dns)
}

/// A node that runs processes of this host; the programs beside this one are on their PATH.
pub fn process_node(
    name: String,
    data_dir: &Path,
    static_pods: Option<PathBuf>,
) -> Result<NodeSpec, BoxError> {
    let folder = std::path::absolute(data_dir.join("nodes").join(&name))?;
    let mut node = NodeSpec::process(name, folder);
    if let Some(own) = std::env::current_exe()?.parent() {
        node = node.program_path(own);
    }
    if let Some(directory) = static_pods {
        node = node.static_pods(directory);
    }
    Ok(node)
}
