//! The command line.

mod access;
mod bench;
mod bench_node;
mod bench_scheduler;
mod containers;
mod engine;
mod explain;
mod face;
mod member;
mod networking;
mod scheduler;
mod store;
mod trace;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use access::Access;
pub use bench::{Bench, BenchStore};
pub use bench_node::BenchNode;
pub use bench_scheduler::{BenchScheduler, WorkloadCounts};
pub use containers::{Build, Containers, Image, Import, NodeImages};
pub use engine::{Engine, EngineKind, Etcd, Founding, Peer, Raft};
pub use explain::{Explain, ExplainPod};
pub use face::FaceTls;
pub use member::{Member, Members, OneMember};
pub use networking::{NodeNetworking, Proxy};
pub use scheduler::{Scheduler, SchedulerCommand};
pub use store::{Compact, Migrate, One, Restore, Serve, Snapshot, Store};
pub use trace::{BenchTrace, TieRule};

/// Kubernetes in one process: an API server, controllers, a scheduler and nodes.
#[derive(Debug, Parser)]
#[command(name = "orchestrator", version, max_term_width = 100)]
pub struct Cli {
    /// What to trace on stderr: error, warn, info, debug, trace, or filters such as
    /// `info,orchestrator_sched=debug`.
    #[arg(
        long,
        global = true,
        default_value = "warn",
        env = "ORCHESTRATOR_LOG",
        value_name = "FILTER"
    )]
    pub log: String,

    /// Write traces as JSON, one object a line.
    #[arg(long, global = true)]
    pub log_json: bool,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a whole cluster, apply manifests, and run until Ctrl-C.
    #[command(after_help = "Examples:
  orchestrator up -f examples/manifests/shop.yaml
  orchestrator up --runtime simulated --nodes 500")]
    Up(Box<Up>),
    /// Serve the API, and run any of the other parts beside it.
    #[command(
        after_help = "Writes ca.crt, admin.kubeconfig and admin.token into the data directory, and
prints `ready <url>` on stdout once every part is ready."
    )]
    Server(Box<Server>),
    /// Run a node agent against an API server.
    Agent(Agent),
    /// Run schedulers against an API server, or compare them with recordings.
    Scheduler(Scheduler),
    /// Tell why the scheduler does what it does.
    #[command(subcommand)]
    Explain(Explain),
    /// Run the controllers against an API server.
    Controllers(Remote),
    /// Serve a store as an etcd does, without Kubernetes.
    #[command(after_help = "Prints `ready <url>` on stdout once clients are served.

Examples:
  orchestrator etcd --data-dir data
  etcdctl --endpoints 127.0.0.1:2379 put key value")]
    Etcd(Box<Serve>),
    /// Look after a store: status, snapshot, restore, migrate, compact.
    #[command(subcommand)]
    Store(Box<Store>),
    /// Build, import and list images for `--runtime containerd`.
    #[command(subcommand)]
    Image(Image),
    /// Measure what this machine can do.
    #[command(subcommand)]
    Bench(Bench),
    /// Small programs for manifests that shall run anywhere, such as a web server.
    #[command(subcommand)]
    Toolbox(Toolbox),
    /// Print the version.
    Version,
}

#[derive(Args, Debug)]
pub struct Up {
    /// A manifest to apply: YAML, any number of documents; may be repeated.
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,

    /// The namespace of objects that name none.
    #[arg(short, long, default_value = "default")]
    pub namespace: String,

    /// What runs the containers.
    #[arg(long, value_enum, default_value_t = RuntimeKind::Process)]
    pub runtime: RuntimeKind,

    /// How many nodes; all but the simulated runtime have one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub nodes: u16,

    #[command(flatten)]
    pub containers: Containers,

    #[command(flatten)]
    pub listen: Listen,

    #[command(flatten)]
    pub engine: Engine,

    /// Stop once everything is ready, instead of running until Ctrl-C.
    #[arg(long)]
    pub exit_when_ready: bool,

    /// Give up if not everything is ready after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

#[derive(Args, Debug)]
pub struct Server {
    #[command(flatten)]
    pub listen: Listen,

    #[command(flatten)]
    pub engine: Engine,

    /// Serve the store here too, as an etcd does. There are no users: whoever reaches it may do
    /// everything, unless --etcd-client-ca says whom to serve.
    #[arg(long, value_name = "ADDRESS", help_heading = "Store")]
    pub etcd_listen: Option<SocketAddr>,

    #[command(flatten)]
    pub face_tls: FaceTls,

    #[command(flatten)]
    pub access: Access,

    /// Which parts to run.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "apiserver,controllers,scheduler,node"
    )]
    pub parts: Vec<Part>,

    /// What runs the containers of the node.
    #[arg(long, value_enum, default_value_t = RuntimeKind::Process)]
    pub runtime: RuntimeKind,

    /// How many nodes; all but the simulated runtime have one.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub nodes: u16,

    #[command(flatten)]
    pub containers: Containers,

    /// The addresses of services, in CIDR form. With a node among the parts 127.96.0.0/12, which
    /// needs no rights to be served; else 10.0.0.0/24.
    #[arg(long, value_name = "CIDR")]
    pub service_cidr: Option<String>,

    /// The addresses of pods, in CIDR form. With a node among the parts 127.64.0.0/12, else
    /// 10.244.0.0/16.
    #[arg(long, value_name = "CIDR")]
    pub pod_cidr: Option<String>,

    /// Run the pods of the manifests in this directory, whatever the API says.
    #[arg(long, value_name = "DIR")]
    pub static_pods: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct Listen {
    /// Where to serve the API; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:6443", value_name = "ADDRESS")]
    pub bind: SocketAddr,

    /// Where the store, certificates, kubeconfig and the state of nodes are kept.
    #[arg(long, default_value = "orchestrator-data", value_name = "DIR")]
    pub data_dir: PathBuf,
}

#[derive(Args, Debug)]
pub struct Remote {
    /// The kubeconfig of the API server.
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    pub kubeconfig: PathBuf,
}

#[derive(Args, Debug)]
pub struct Agent {
    #[command(flatten)]
    pub remote: Remote,

    /// The node's name; the host's name where it is not given.
    #[arg(long)]
    pub node_name: Option<String>,

    /// Where the node keeps its state.
    #[arg(long, default_value = "orchestrator-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// What runs the containers.
    #[arg(long, value_enum, default_value_t = RuntimeKind::Process)]
    pub runtime: RuntimeKind,

    /// The addresses of pods on this node, in CIDR form.
    #[arg(long, value_name = "CIDR")]
    pub pod_cidr: Option<String>,

    /// Run the pods of the manifests in this directory, whatever the API says.
    #[arg(long, value_name = "DIR")]
    pub static_pods: Option<PathBuf>,

    #[command(flatten)]
    pub containers: Containers,

    #[command(flatten)]
    pub face: Face,
}

/// Where a node serves logs, exec and port-forward to the API server.
#[derive(Args, Debug)]
pub struct Face {
    /// The node's address; without it, the one from which the API server is reached.
    #[arg(long, value_name = "IP")]
    pub node_ip: Option<IpAddr>,

    /// The port at which the node serves logs, exec and port-forward to the API server; 0 takes a
    /// free one. The node tells it in its status.
    #[arg(long, default_value_t = 0)]
    pub port: u16,

    /// The certificate that the node serves with; without it, it signs one itself.
    #[arg(long, value_name = "FILE", requires = "tls_private_key_file")]
    pub tls_cert_file: Option<PathBuf>,

    /// The key of --tls-cert-file.
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    pub tls_private_key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Toolbox {
    /// Serve a small page over HTTP that says who answers.
    Http {
        /// Where to listen.
        #[arg(long, default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
        listen: SocketAddr,
        /// The text of the page.
        #[arg(long, default_value = "hello")]
        text: String,
        /// Fetch this address for each page, and show what it answers.
        #[arg(long, value_name = "HOST:PORT")]
        upstream: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeKind {
    /// Processes of this host; no root, no images.
    Process,
    /// Real containers, with containerd; needs root.
    Containerd,
    /// Nothing runs; containers start, fail and end as told.
    Simulated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The API.
    Apiserver,
    /// The controllers.
    Controllers,
    /// The scheduler.
    Scheduler,
    /// A node agent and the service proxy.
    Node,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_its_defaults_parse() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["orchestrator", "server", "--parts", "apiserver"]).unwrap();
        let Command::Server(server) = cli.command else { panic!("server") };
        assert_eq!(server.parts, [Part::Apiserver]);
        assert!(Cli::try_parse_from(["orchestrator", "up", "--nodes", "0"]).is_err());
    }
}
