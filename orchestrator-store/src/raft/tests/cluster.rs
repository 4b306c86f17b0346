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
use super::super::{Builder, InitialMember, RaftStore, StartError};
use crate::sim::disk::SimDisk;

/// Members that can be stopped and started again.
pub(super) struct Cluster {
    pub(super) env: Env,
    pub(super) network: LocalNetwork,
    pub(super) members: Vec<Option<Arc<RaftStore>>>,
    initial: Vec<InitialMember>,
    pub(super) disks: Vec<SimDisk>,
    options: fn(Builder) -> Builder,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("members", &self.members).finish_non_exhaustive()
    }
}

/// Logs that start small, so that many of them fit.
pub(super) fn small(builder: Builder) -> Builder {
    builder.segment_bytes(64 << 10)
}

impl Cluster {
    /// `size` members that have begun.
    pub(super) async fn new(env: Env, size: u64, options: fn(Builder) -> Builder) -> Self {
        let name = |id: u64| format!("m{id}");
        let initial = (1..=size).map(|id| InitialMember::new(id, name(id), name(id))).collect();
        let network = LocalNetwork::new(env.clone());
        let disks = (0..size).map(SimDisk::new).collect();
        let members = Vec::new();
        let mut cluster = Self { env, network, members, initial, disks, options };
        for id in 1..=size {
            cluster.members.push(None);
            cluster.start(id).await;
        }
        cluster
    }

    /// Starts the member `id`, which is one of the first.
    pub(super) async fn start(&mut self, id: u64) {
        self.try_start(id).await.unwrap();
    }

    pub(super) async fn try_start(&mut self, id: u64) -> Result<(), StartError> {
        let builder = (self.options)(RaftStore::builder())
            .name(format!("m{id}"))
            .initial(self.initial.clone());
        let transport = self.network.at(format!("m{id}"));
        let place = usize::try_from(id).unwrap() - 1;
        let disk = Arc::new(self.disks[place].attach());
        let started = builder.start(disk, transport, self.env.clone()).await;
        self.members[place] = Some(Arc::new(started?));
        Ok(())
    }

    /// Starts a member that joins.
    pub(super) async fn join(&self, name: &str, learner: bool) -> Arc<RaftStore> {
        let builder = (self.options)(RaftStore::builder())
            .name(name)
            .peer_url(name)
            .learner(learner)
            .join(["m1", "m2", "m3"]);
        let disk = Arc::new(SimDisk::new(99).attach());
        let started = builder.start(disk, self.network.at(name), self.env.clone()).await;
        Arc::new(started.unwrap())
    }

    /// Stops the member `id` by loss of power.
    pub(super) fn stop(&mut self, id: u64) {
        let place = usize::try_from(id).unwrap() - 1;
        self.disks[place].crash();
        self.members[place] = None;
        self.disks[place].restart();
    }

    pub(super) fn member(&self, id: u64) -> &Arc<RaftStore> {
        self.members[usize::try_from(id).unwrap() - 1].as_ref().unwrap()
    }

    /// A member that runs, other than `id`.
    pub(super) fn other_than(&self, id: u64) -> &Arc<RaftStore> {
        self.members.iter().flatten().find(|member| member.id() != id).unwrap()
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
    pub(super) fn store(size: u64, seed: u64) -> Arc<dyn Store> {
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
