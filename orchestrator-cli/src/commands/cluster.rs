//! Putting a cluster together from the command line, for `up` and `server`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orchestrator::cluster::NodeSpec;
use orchestrator::core::BoxError;
use orchestrator::core::resource::Network;
use orchestrator::runtime::agent::host_name;
use orchestrator::{Builder, Cluster, Part};

use crate::args::{Engine, RuntimeKind};
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
        RuntimeKind::Process if shape.nodes > 1 => {
            let why = "the process runtime has one node, since all its nodes would be this host; \
                       use --runtime simulated for more";
            return Err(UsageError(why.into()).into());
        }
        RuntimeKind::Process => {
            builder = builder.node(process_node(host_name(), shape.data_dir, shape.static_pods)?);
        }
    }
    Ok(builder)
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
