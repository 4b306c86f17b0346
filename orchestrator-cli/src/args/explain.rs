//! `orchestrator explain`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Subcommand)]
pub enum Explain {
    /// Tell for each node why a pod may or may not go there, how the nodes score, and what would
    /// have to change for a pod that fits nowhere.
    #[command(
        after_help = "The decision is made here, on a snapshot of the cluster; nothing is written. \
A pod that has a node already is looked at as if it had none.

Example:
  orchestrator explain pod web-0 -n shop --kubeconfig orchestrator-data/admin.kubeconfig"
    )]
    Pod(ExplainPod),
}

#[derive(Args, Debug)]
pub struct ExplainPod {
    /// The pod's name.
    pub name: String,

    /// The pod's namespace.
    #[arg(short, long, default_value = "default")]
    pub namespace: String,

    #[command(flatten)]
    pub remote: Remote,

    /// A KubeSchedulerConfiguration with the profile that the pod names; without it, all pods are
    /// looked at with the default plugins.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Show at most so many nodes, the best or the closest to being any good.
    #[arg(long, default_value = "20")]
    pub nodes: usize,
}
