//! The etcd v3 face: the gRPC services of etcd over any engine.
//!
//! Programs written for etcd — `etcdctl`, a kube-apiserver — find KV, Watch, Lease, Maintenance
//! and Cluster, with etcd's revisions, watch rules, and error texts. The face holds nothing but
//! open streams: a request becomes one call of [`Operator`] or of its
//! [`Store`](orchestrator_core::Store), so many faces may serve one engine.
//!
//! A request passes `listen` (sockets, TLS, limits), `authority` (which repairs what clients of
//! etcd send), `connection` (HTTP/2), `route` (paths to functions), `grpc`, `messages` and `body`
//! (messages and how a call ends), then one module per service. `request`, `reply` and `select` translate, `check` and `fault` refuse in
//! etcd's words, `encode` writes the answers that carry many keys. `watch` multiplexes watchers
//! on a stream; like everything here it pulls, so a slow client holds up nobody but itself.
//!
//! Known differences from etcd 3.4: see [`differences`].

mod auth;
mod authority;
mod body;
mod check;
mod cluster;
mod connection;
pub mod differences;
mod encode;
mod fault;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grpc;
mod hash;
mod kv;
mod lease;
mod listen;
mod maintenance;
mod messages;
mod options;
mod pieces;
mod reply;
mod request;
mod route;
mod select;
mod server;
pub mod snapshot;
pub mod tls;
mod watch;

pub use body::Body;
pub use options::{MAX_REQUEST_BYTES, Options, VERSION};
pub use route::EtcdService;
pub use server::EtcdServer;

use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_core::store::{Revision, StoreError};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tonic::Status;

use crate::Operator;
use crate::operator::Membership;
use crate::proto::etcd::ResponseHeader;
use encode::number;

/// What all services of a face share.
#[derive(Debug)]
struct Face {
    env: Env,
    store: Arc<dyn Operator>,
    options: Options,
    /// Which member of which cluster answers: asked for once, for it never changes.
    identity: OnceCell<Identity>,
    room: Semaphore,
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
struct Identity {
    cluster: u64,
    member: u64,
}

impl Face {
    fn new(env: Env, store: Arc<dyn Operator>, options: Options) -> Self {
        let room = Semaphore::new(options.max_requests);
        Self { env, store, options, identity: OnceCell::new(), room }
    }

    /// Room for one call, while there is some.
    fn admit(&self) -> Result<SemaphorePermit<'_>, Status> {
        self.room.try_acquire().map_err(|_| fault::TOO_MANY_REQUESTS.into())
    }

    /// The header of an answer at `revision`.
    async fn header(&self, revision: Revision) -> Result<ResponseHeader, Status> {
        let Identity { cluster, member } = match self.identity.get() {
            Some(known) => *known,
            None => *self.identity.get_or_try_init(|| self.identify()).await.map_err(refused)?,
        };
        Ok(ResponseHeader {
            cluster_id: cluster,
            member_id: member,
            revision: number(revision.get()),
            raft_term: self.store.term(),
        })
    }

    /// The header of an answer at the newest revision.
    async fn header_now(&self) -> Result<ResponseHeader, Status> {
        self.header(self.revision().await?).await
    }

    async fn identify(&self) -> Result<Identity, StoreError> {
        let Membership { cluster, this, .. } = self.store.members().await?;
        Ok(Identity { cluster, member: this })
    }

    async fn revision(&self) -> Result<Revision, Status> {
        Ok(self.store.status().await.map_err(refused)?.revision)
    }
}

/// What the client is told of an error of the store.
fn refused(error: StoreError) -> Status {
    fault::status(&error)
}
