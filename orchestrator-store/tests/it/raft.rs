//! The Raft engine over real sockets and files, against the suite.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::store::{Op, Put, StoreError, Txn};
use orchestrator_core::{Env, Store, StoreExt, Value};
use orchestrator_store::RaftStore;
use orchestrator_store::raft::InitialMember;
use orchestrator_store::raft::network::GrpcTransport;
use orchestrator_testkit::store;

/// Three members in this process, over gRPC on loopback.
#[derive(Debug)]
struct Members {
    members: Vec<RaftStore>,
    folder: tempfile::TempDir,
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
        let start = |(transport, member): (GrpcTransport, &InitialMember)| {
            let builder = RaftStore::builder()
                .name(&member.name)
                .initial(initial.clone())
                .election_timeout(Duration::from_millis(200), Duration::from_millis(400))
                .request_timeout(Duration::from_secs(60));
            let folder = folder.path().join(&member.name);
            let transport = Arc::new(transport);
            builder.segment_bytes(1 << 20).start_path(folder, transport, env.clone())
        };
        let starts = transports.into_iter().zip(&initial).map(start);
        let members = futures::future::try_join_all(starts).await.unwrap();
        Self { members, folder }
    }
}

/// All of them as one store.
async fn opened() -> Arc<dyn Store> {
    let Members { members, folder } = Members::start().await;
    let members: Vec<Arc<dyn Store>> =
        members.into_iter().map(|member| Arc::new(member) as Arc<dyn Store>).collect();
    store::Spread::over(members, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_over_loopback_conform_as_one_store() {
    store::conforms_opened(opened).await;
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
    let Members { mut members, folder: _folder } = Members::start().await;
    write(&members[0], "a").await;
    let leader = members[0].led().await;
    members.retain(|member| member.id() != leader);
    write(&members[0], "b").await;
    assert_eq!(members[1].get("a").await.unwrap().1.unwrap().version, 1);
    assert!(members[1].get("b").await.unwrap().1.is_some());
}
