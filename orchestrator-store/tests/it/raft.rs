//! The Raft engine over real sockets and files, against the suite.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Op, Put, Range, RangeResponse, Revision, StoreError, StoreStatus, Txn,
    TxnResponse, WatchRequest, WatchStream,
};
use orchestrator_core::{Env, Store, StoreExt, Value};
use orchestrator_store::RaftStore;
use orchestrator_store::raft::InitialMember;
use orchestrator_store::raft::network::GrpcTransport;
use orchestrator_testkit::store;
use tokio::sync::OnceCell;

/// Three members in this process, over gRPC on loopback, as one store: calls go to them in turn.
#[derive(Debug, Default)]
struct Three {
    calls: AtomicUsize,
    members: OnceCell<Members>,
}

#[derive(Debug)]
struct Members {
    members: Vec<RaftStore>,
    _folder: tempfile::TempDir,
}

impl Members {
    async fn start() -> Self {
        let env = Env::system();
        let folder = tempfile::tempdir().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let transports: Vec<_> =
            (0..3).map(|_| GrpcTransport::bind(env.clone(), any).unwrap()).collect();
        let initial: Vec<_> = transports
            .iter()
            .zip(1..)
            .map(|(transport, id)| InitialMember::new(id, format!("m{id}"), transport.url()))
            .collect();
        let mut members = Vec::new();
        for (transport, member) in transports.into_iter().zip(&initial) {
            let builder = RaftStore::builder()
                .name(&member.name)
                .initial(initial.clone())
                .election_timeout(Duration::from_millis(200), Duration::from_millis(400))
                .request_timeout(Duration::from_secs(60));
            let folder = folder.path().join(&member.name);
            let transport = Arc::new(transport);
            let started = builder.segment_bytes(1 << 20).start_path(folder, transport, env.clone());
            members.push(started.await.unwrap());
        }
        Self { members, _folder: folder }
    }
}

impl Three {
    async fn next(&self) -> &RaftStore {
        let members = &self.members.get_or_init(Members::start).await.members;
        &members[self.calls.fetch_add(1, Ordering::Relaxed) % members.len()]
    }
}

#[async_trait]
impl Store for Three {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_over_loopback_conform_as_one_store() {
    store::conforms(|| Arc::new(Three::default())).await;
}

/// Writes `key`, again where the leader went away with the answer.
async fn write(member: &RaftStore, key: &str) {
    loop {
        let then = vec![Op::Put(Put::new(key, Value::from_bytes("x")))];
        match member.txn(Txn { then, ..Txn::default() }).await {
            Err(StoreError::Unknown(_)) => {}
            written => return drop(written.unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_a_member_that_stops_goes_on_at_another() {
    let Members { mut members, _folder } = Members::start().await;
    write(&members[0], "a").await;
    let leader = members[0].led().await;
    members.retain(|member| member.id() != leader);
    write(&members[0], "b").await;
    assert_eq!(members[1].get("a").await.unwrap().1.unwrap().version, 1);
    assert!(members[1].get("b").await.unwrap().1.is_some());
}
