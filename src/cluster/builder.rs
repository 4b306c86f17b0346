//! Saying what a cluster is made of.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_apiserver::admission::Admission;
use orchestrator_apiserver::authz::Authorizer;
use orchestrator_controllers::ControllerDeps;
use orchestrator_controllers::volume::Provisioner;
use orchestrator_core::controller::Controller;
use orchestrator_core::resource::Network;
use orchestrator_core::scheduler::Scheduler as _;
use orchestrator_core::{BoxError, Env, ResourceDef, Store};
use orchestrator_sched::Framework;
use orchestrator_sched::plugins::{self, GangScheduling, gang_scheduling};
use orchestrator_store::{MemoryStore, Operator};

use super::access::Access;
use super::engine::Engine;
use super::nodes::NodeSpec;
use super::{Cluster, StartError, start};

/// A part of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The built-in controllers.
    Controllers,
    /// The scheduler.
    Scheduler,
    /// The nodes, with their agents and service proxies.
    Nodes,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Controllers, Self::Scheduler, Self::Nodes];
}

/// Makes a controller from the cluster's informers.
pub(super) type ControllerFactory = Box<dyn FnOnce(&ControllerDeps) -> Arc<dyn Controller> + Send>;

/// Says what a [`Cluster`] is made of; without further words it is a complete control plane in
/// memory on the host's clock, with no nodes.
#[must_use = "nothing runs before `start`"]
pub struct Builder {
    pub(super) env: Env,
    pub(super) engine: Engine,
    pub(super) compaction: Option<Duration>,
    pub(super) parts: BTreeSet<Part>,
    pub(super) network: Network,
    pub(super) resources: Vec<ResourceDef>,
    pub(super) authorizer: Option<Arc<dyn Authorizer>>,
    pub(super) access: Access,
    pub(super) admission: Vec<Arc<dyn Admission>>,
    pub(super) controllers: Vec<ControllerFactory>,
    pub(super) schedulers: Vec<Framework>,
    pub(super) default_scheduler: bool,
    pub(super) nodes: Vec<NodeSpec>,
    pub(super) data_dir: Option<std::path::PathBuf>,
    pub(super) kubelet_authority: Option<String>,
    pub(super) provisioners: Vec<Arc<dyn Provisioner>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            env: Env::system(),
            engine: Engine::default(),
            compaction: None,
            parts: Part::ALL.into(),
            network: Network::default(),
            resources: Vec::new(),
            authorizer: None,
            access: Access::default(),
            admission: Vec::new(),
            controllers: Vec::new(),
            schedulers: Vec::new(),
            default_scheduler: true,
            nodes: Vec::new(),
            data_dir: None,
            kubelet_authority: None,
            provisioners: Vec::new(),
        }
    }
}

impl Builder {
    /// Takes clock, randomness and tasks from `env`.
    pub fn env(mut self, env: Env) -> Self {
        self.env = env;
        self
    }

    /// Runs in virtual time, with all randomness from `seed`; under tokio's paused clock two runs
    /// are the same byte for byte.
    pub fn simulated(self, seed: u64) -> Self {
        self.env(Env::simulated(seed))
    }

    /// Keeps objects in this store; without a word about it, in memory.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.engine = Engine::Given(store);
        self
    }

    /// Keeps objects in this memory store, which can then be forked.
    pub fn memory_store(mut self, store: Arc<MemoryStore>) -> Self {
        self.engine = Engine::Shared(store);
        self
    }

    /// Keeps objects in the store that `open` opens, on the cluster's clock, once it starts; and
    /// [compacts](Self::compact_every) it as Kubernetes does.
    pub fn open_store<F, Fut>(mut self, open: F) -> Self
    where
        F: FnOnce(Env) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Arc<dyn Operator>, BoxError>> + Send + 'static,
    {
        self.engine = Engine::opened(open);
        self
    }

    /// Keeps objects in files below `folder`, made where there are none: they survive the process.
    #[cfg(feature = "durable")]
    pub fn durable(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.engine = Engine::Durable(folder.into());
        self
    }

    /// Keeps objects on several members that agree, of which this is one: its files are below
    /// `folder`, and it speaks to the others by `transport`. [`start`](Self::start) waits until
    /// there is a leader.
    #[cfg(feature = "raft")]
    pub fn raft(
        self,
        member: orchestrator_store::raft::Builder,
        folder: impl Into<std::path::PathBuf>,
        transport: Arc<dyn orchestrator_store::raft::network::Transport>,
    ) -> Self {
        let folder = folder.into();
        self.open_store(async move |env| {
            let store = member.start_path(folder, transport, env).await?;
            store.led().await;
            Ok(Arc::new(store) as Arc<dyn Operator>)
        })
    }

    /// Keeps objects in a running etcd.
    #[cfg(feature = "etcd")]
    pub fn etcd(self, etcd: orchestrator_store::etcd::Builder) -> Self {
        self.open_store(async move |env| Ok(Arc::new(etcd.build(env)?) as Arc<dyn Operator>))
    }

    /// Forgets old states of objects every `interval`, which is also the least time that they are
    /// kept: 5 minutes where nothing is said and the store is one that the cluster opens itself.
    /// Servers that share a store agree on who does it.
    pub fn compact_every(mut self, interval: Duration) -> Self {
        self.compaction = Some(interval);
        self
    }

    /// Runs only these parts beside the API server.
    pub fn parts(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.parts = parts.into_iter().collect();
        self
    }

    /// Uses these addresses for services, pods and node ports.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Serves this resource too, or instead of the built-in one of its name.
    pub fn resource(mut self, def: ResourceDef) -> Self {
        self.resources.push(def);
        self
    }

    /// Asks this authorizer instead of the built-in one.
    pub fn authorizer(mut self, authorizer: Arc<dyn Authorizer>) -> Self {
        self.authorizer = Some(authorizer);
        self
    }

    /// Lets in whom `access` knows, besides those whom the cluster itself has signed something for.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Appends a step to the admission chain.
    pub fn admission(mut self, step: Arc<dyn Admission>) -> Self {
        self.admission.push(step);
        self
    }

    /// Runs this controller beside the built-in ones.
    pub fn controller(
        mut self,
        make: impl FnOnce(&ControllerDeps) -> Arc<dyn Controller> + Send + 'static,
    ) -> Self {
        self.controllers.push(Box::new(make));
        self
    }

    /// Runs this scheduler too; it replaces the built-in one where it has its name,
    /// `default-scheduler`.
    pub fn scheduler(mut self, framework: Framework) -> Self {
        self.default_scheduler &= framework.name() != "default-scheduler";
        self.schedulers.push(framework);
        self
    }

    /// Serves the kind `PodGroup`, and has the built-in scheduler place the pods of a gang together
    /// or not at all.
    ///
    /// # Panics
    /// Never: the plugins have distinct names.
    pub fn gang_scheduling(self) -> Self {
        let scheduler = plugins::defaults("default-scheduler").with(GangScheduling::default());
        let scheduler = scheduler.build().expect("the plugins have distinct names");
        self.resource(gang_scheduling::definition()).scheduler(scheduler)
    }

    /// Adds `count` nodes on which nothing really runs, named `node-0` and so on.
    pub fn simulated_nodes(mut self, count: usize) -> Self {
        let first = self.nodes.len();
        self.nodes.extend((first..first + count).map(|n| NodeSpec::simulated(format!("node-{n}"))));
        self
    }

    /// Adds a node.
    pub fn node(mut self, node: NodeSpec) -> Self {
        self.nodes.push(node);
        self
    }

    /// Keeps certificates, tokens and keys in this directory, and makes them on first start; a
    /// cluster that [serves](Cluster::serve) over TLS needs it.
    pub fn data_dir(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Makes the volumes of storage classes that name `provisioner`. A cluster that keeps its
    /// keys in a directory has one that makes directories beside them.
    pub fn provisioner(mut self, provisioner: Arc<dyn Provisioner>) -> Self {
        self.provisioners.push(provisioner);
        self
    }

    /// Talks to nodes of other processes only where this authority, in PEM form, has signed their
    /// certificates; without it any certificate is taken, since nodes sign their own.
    pub fn kubelet_authority(mut self, certificate: impl Into<String>) -> Self {
        self.kubelet_authority = Some(certificate.into());
        self
    }

    /// Starts everything, as tasks that the cluster owns.
    ///
    /// # Errors
    /// The store cannot be opened, or fails while the objects that every cluster has are made; or
    /// what a node needs is not there.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Cluster, StartError> {
        start::start(self).await
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("parts", &self.parts).finish_non_exhaustive()
    }
}
