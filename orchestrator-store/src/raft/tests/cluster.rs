//! Clusters of members in this process, on simulated disks and networks.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Range, RangeResponse, Revision, StoreError, StoreStatus, Txn, TxnResponse,
    WatchRequest, WatchStream,
};
use orchestrator_core::{Env, Store};
use tokio::sync::OnceCell;

use super::super::network::LocalNetwork;
use super::super::{Builder, InitialMember, RaftStore};
use crate::disk::{Disk, Files};

/// Members that can be stopped and started again.
pub(super) struct Cluster {
    pub(super) env: Env,
    pub(super) network: LocalNetwork,
    pub(super) members: Vec<Option<Arc<RaftStore>>>,
    initial: Vec<InitialMember>,
    folder: tempfile::TempDir,
    options: fn(Builder) -> Builder,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("members", &self.members).finish_non_exhaustive()
    }
}

/// Logs that start small, so that many of them fit.
pub(super) fn small(builder: Builder) -> Builder {
    builder.segment_bytes(1 << 20)
}

impl Cluster {
    /// `size` members that have begun.
    pub(super) async fn new(env: Env, size: u64, options: fn(Builder) -> Builder) -> Self {
        let name = |id: u64| format!("m{id}");
        let initial = (1..=size).map(|id| InitialMember::new(id, name(id), name(id))).collect();
        let network = LocalNetwork::new(env.clone());
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Self { env, network, members: Vec::new(), initial, folder, options };
        for id in 1..=size {
            cluster.members.push(None);
            cluster.start(id).await;
        }
        cluster
    }

    pub(super) fn disk(&self, id: u64) -> Arc<dyn Disk> {
        Arc::new(Files::new(self.folder.path().join(format!("m{id}"))).unwrap())
    }

    /// Starts the member `id`, which is one of the first.
    pub(super) async fn start(&mut self, id: u64) {
        let builder = (self.options)(RaftStore::builder())
            .name(format!("m{id}"))
            .initial(self.initial.clone());
        let transport = self.network.at(format!("m{id}"));
        let started = builder.start(self.disk(id), transport, self.env.clone()).await;
        self.members[id as usize - 1] = Some(Arc::new(started.unwrap()));
    }

    /// Starts a member that joins.
    pub(super) async fn join(&self, name: &str, learner: bool) -> Arc<RaftStore> {
        let builder = (self.options)(RaftStore::builder())
            .name(name)
            .peer_url(name)
            .learner(learner)
            .join(["m1", "m2", "m3"]);
        let disk = Arc::new(Files::new(self.folder.path().join(name)).unwrap());
        let started = builder.start(disk, self.network.at(name), self.env.clone()).await;
        Arc::new(started.unwrap())
    }

    /// Stops the member `id`, as a crash would.
    pub(super) fn stop(&mut self, id: u64) {
        self.members[id as usize - 1] = None;
    }

    pub(super) fn member(&self, id: u64) -> &Arc<RaftStore> {
        self.members[id as usize - 1].as_ref().unwrap()
    }
}

/// A cluster as one store, that starts when it is first used; calls go to its members in turn.
#[derive(Debug)]
pub(super) struct Whole {
    size: u64,
    seed: u64,
    calls: std::sync::atomic::AtomicUsize,
    cluster: OnceCell<Cluster>,
}

impl Whole {
    pub(super) fn new(size: u64, seed: u64) -> Arc<dyn Store> {
        let (calls, cluster) = Default::default();
        Arc::new(Self { size, seed, calls, cluster })
    }

    async fn next(&self) -> &RaftStore {
        let start = || Cluster::new(Env::simulated(self.seed), self.size, small);
        let cluster = self.cluster.get_or_init(start).await;
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        cluster.members[call % cluster.members.len()].as_ref().unwrap()
    }
}

#[async_trait]
impl Store for Whole {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.next().await.range(range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        self.next().await.txn(txn).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.next().await.watch(request).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.next().await.lease(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.next().await.compact(revision).await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.next().await.status().await
    }
}
