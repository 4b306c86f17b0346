//! Clusters of members in this process, on simulated disks and networks.

use std::sync::Arc;

use orchestrator_core::{Env, Store};
use orchestrator_testkit::store::Spread;

use super::super::network::LocalNetwork;
use super::super::{Builder, InitialMember, RaftStore, StartError};
use crate::mvcc::Mvcc;
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
        let mut cluster = Self::apart(env, size, options);
        for id in 1..=size {
            cluster.start(id).await;
        }
        cluster
    }

    /// `size` members that have not.
    pub(super) fn apart(env: Env, size: u64, options: fn(Builder) -> Builder) -> Self {
        let name = |id: u64| format!("m{id}");
        let initial = (1..=size).map(|id| InitialMember::new(id, name(id), name(id))).collect();
        let network = LocalNetwork::new(env.clone());
        let disks = (0..size).map(SimDisk::new).collect();
        let members = (0..size).map(|_| None).collect();
        Self { env, network, members, initial, disks, options }
    }

    /// Makes the member `id`, which has not begun, of a state.
    pub(super) async fn restore(&self, id: u64, mvcc: Mvcc) -> Result<(), StartError> {
        let builder = RaftStore::builder().name(format!("m{id}")).initial(self.initial.clone());
        let disk = self.disks[usize::try_from(id).unwrap() - 1].attach();
        builder.restore(Arc::new(disk), mvcc, &self.env).await
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

    /// All members as one store.
    pub(super) fn whole(self) -> Arc<dyn Store> {
        let members: Vec<_> = self.members.iter().flatten().cloned().collect();
        Spread::over(members.into_iter().map(|member| member as Arc<dyn Store>), self)
    }

    /// A member that runs, other than `id`.
    pub(super) fn other_than(&self, id: u64) -> &Arc<RaftStore> {
        self.members.iter().flatten().find(|member| member.id() != id).unwrap()
    }
}
