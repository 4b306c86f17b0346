//! A member as a [`Store`] that can be operated.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use orchestrator_core::store::{
    KeyRange, LeaseInfo, LeaseOp, Range, RangeResponse, Revision, Store, StoreError, StoreStatus,
    Txn, TxnResponse, WatchRequest, WatchStream,
};

use super::builder::Builder;
use super::commands::Commands;
use super::engine::Engine;
use super::network::Serving;
use super::runtime::Tasks;
use super::types::{Reply, Request};
use crate::mvcc::{Applied, Command, Mvcc};
use crate::operator::{
    Alarm, AlarmOp, EngineStatus, ImageStream, MemberChange, MemberId, Membership, Operator,
};
use crate::wire::command_bytes;

/// The name in [`StoreStatus::engine`].
const ENGINE: &str = "raft";

/// One member of a replicated [`Store`]: all of its answers are those of the whole.
///
/// Writes are made by the leader, whichever member they come to; reads are made here, after the
/// leader has told how new they must be, or at once where [`Range::serializable`] allows. Dropping
/// the store stops the member, as a crash would: nothing acknowledged is lost.
pub struct RaftStore {
    engine: Arc<Engine>,
    tasks: Tasks,
    serving: Option<Serving>,
    /// Keeps other processes from the disk.
    _lock: Box<dyn Send + Sync>,
}

impl fmt::Debug for RaftStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = self.engine.agreement.standing();
        let mut shown = f.debug_struct("RaftStore");
        shown.field("this", &standing.this).field("term", &standing.term);
        shown.field("leader", &standing.leader).finish_non_exhaustive()
    }
}

impl RaftStore {
    /// Options for a member.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn new(
        engine: Arc<Engine>,
        tasks: Tasks,
        serving: Serving,
        lock: Box<dyn Send + Sync>,
    ) -> Self {
        Self { engine, tasks, serving: Some(serving), _lock: lock }
    }

    /// The number of this member.
    pub fn id(&self) -> MemberId {
        self.engine.this
    }

    /// Where this member listens, as its transport tells.
    pub fn address(&self) -> &str {
        self.serving.as_ref().map_or("", |serving| &serving.address)
    }

    /// Who leads, as far as this member knows.
    pub fn leader(&self) -> Option<MemberId> {
        self.engine.agreement.standing().leader
    }

    /// Waits until this member knows a leader.
    pub async fn led(&self) -> MemberId {
        loop {
            let standing = self.engine.agreement.standing();
            match standing.leader {
                Some(leader) => return leader,
                None => self.engine.agreement.changed(&standing).await,
            }
        }
    }

    /// All keys at `revision`, zero for the newest that this member has, as they are here.
    ///
    /// # Errors
    /// [`Compacted`](StoreError::Compacted), [`Future`](StoreError::Future).
    pub fn local(&self, revision: Revision) -> Result<crate::mvcc::Snapshot, StoreError> {
        self.engine.copy.replica.read(|mvcc| mvcc.snapshot(revision))
    }

    async fn command(&self, command: Command) -> Result<Applied, StoreError> {
        if command.is_read() {
            let point = self.engine.read_point().await?;
            return self.engine.copy.replica.change(|mvcc| mvcc.apply(command, point.at));
        }
        let bytes = command_bytes(&command, std::time::Duration::ZERO)?;
        match self.engine.submit(Request::Commands(Commands::one(&bytes))).await? {
            Reply::Commands(mut answers) if answers.len() == 1 => answers.swap_remove(0),
            _ => Err(unexpected()),
        }
    }

    async fn alarms(&self, op: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
        if op == AlarmOp::List {
            self.engine.read_point().await?;
            return Ok(self.engine.copy.look(|state| state.alarms.iter().copied().collect()));
        }
        match self.engine.submit(Request::Alarm(op)).await? {
            Reply::Alarms(alarms) => Ok(alarms),
            _ => Err(unexpected()),
        }
    }
}

/// The leader answered something else: it may have done what was asked.
fn unexpected() -> StoreError {
    StoreError::Unknown("unexpected answer".into())
}

impl Drop for RaftStore {
    fn drop(&mut self) {
        self.serving = None;
        self.tasks.end();
        self.engine.copy.replica.close();
    }
}

#[async_trait]
impl Store for RaftStore {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        if !range.serializable {
            self.engine.read_point().await?;
        }
        self.engine.copy.replica.range(&range)
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        match self.command(Command::Txn(txn)).await? {
            Applied::Txn(done) => Ok(done),
            _ => Err(unexpected()),
        }
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        // What is newest, and what is forgotten, must not be what is so here.
        self.engine.read_point().await?;
        self.engine.copy.replica.watch(request)
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        match self.command(Command::Lease(op)).await? {
            Applied::Leases(leases) => Ok(leases),
            _ => Err(unexpected()),
        }
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.command(Command::Compact(revision)).await.map(drop)
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.engine.read_point().await?;
        Ok(self.engine.copy.replica.read(|mvcc| mvcc.status(ENGINE)))
    }
}

#[async_trait]
impl Operator for RaftStore {
    async fn members(&self) -> Result<Membership, StoreError> {
        self.engine.read_point().await?;
        Ok(self.engine.membership(&self.engine.agreement.standing()))
    }

    async fn change_members(&self, change: MemberChange) -> Result<Membership, StoreError> {
        self.engine.change(change).await?;
        self.members().await
    }

    async fn alarm(&self, op: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
        self.alarms(op).await
    }

    async fn image(&self) -> Result<ImageStream, StoreError> {
        self.engine.read_point().await?;
        let fork = self.engine.copy.replica.read(Mvcc::fork);
        let blocks = crate::image::export(fork, Bytes::new());
        Ok(futures::stream::iter(blocks.map(Ok)).boxed())
    }

    async fn engine(&self) -> Result<EngineStatus, StoreError> {
        let engine = &self.engine;
        let standing = engine.agreement.standing();
        let status = engine.copy.replica.read(|mvcc| mvcc.status(ENGINE));
        let limits = engine.copy.look(|state| state.limits.clone());
        Ok(EngineStatus {
            term: standing.term,
            committed: standing.committed,
            applied: engine.copy.applied(),
            disk_bytes: engine.log.disk_bytes() + engine.snapshots.disk_bytes(),
            data_bytes: status.bytes,
            quota_bytes: limits.unwrap_or_else(|| engine.limits.clone()).data_bytes,
            learner: !standing.votes(engine.this),
        })
    }

    fn demand_progress(&self, of: &[KeyRange]) {
        self.engine.copy.replica.demand_progress(of);
    }

    fn term(&self) -> u64 {
        self.engine.agreement.term()
    }
}
