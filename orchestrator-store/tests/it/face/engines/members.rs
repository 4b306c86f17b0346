//! Three members of the Raft engine in this process, over sockets, each behind a face.

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_store::RaftStore;
use orchestrator_store::face::Options;
use orchestrator_store::raft::InitialMember;
use orchestrator_store::raft::network::GrpcTransport;
use tempfile::TempDir;

use crate::face::served::Served;

/// The longest time without a word of the leader before a member wants an election.
const ELECTION: Duration = Duration::from_millis(400);

/// A member and its face; both end with this.
pub struct Member {
    pub store: Arc<RaftStore>,
    pub served: Served,
}

/// Three of them, of which some may be gone.
pub struct Members {
    pub members: Vec<Member>,
    _folder: TempDir,
}

impl Members {
    pub async fn start(env: &Env) -> Self {
        let folder = TempDir::new().unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let transports: Vec<_> =
            (0..3).map(|_| GrpcTransport::bind(env.clone(), any).unwrap()).collect();
        let named = |(transport, id): (&GrpcTransport, u64)| {
            InitialMember::new(id, format!("m{id}"), transport.url())
        };
        let initial: Vec<_> = transports.iter().zip(1..).map(named).collect();
        let starts = transports.into_iter().zip(&initial).map(|(transport, member)| {
            RaftStore::builder()
                .name(&member.name)
                .initial(initial.clone())
                .election_timeout(ELECTION / 2, ELECTION)
                .request_timeout(Duration::from_secs(5))
                .segment_bytes(1 << 20)
                .start_path(folder.path().join(&member.name), Arc::new(transport), env.clone())
        });
        let mut members = Vec::new();
        for store in futures::future::try_join_all(starts).await.unwrap() {
            store.led().await;
            let store = Arc::new(store);
            let options = Options::new().election_timeout(ELECTION);
            let served = Served::start(env, Arc::clone(&store) as _, options).await;
            members.push(Member { store, served });
        }
        Self { members, _folder: folder }
    }

    /// The number of a member that leads, or that does not.
    pub async fn place(&self, leads: bool) -> usize {
        let leader = self.members[0].store.led().await;
        self.members.iter().position(|member| (member.store.id() == leader) == leads).unwrap()
    }
}
