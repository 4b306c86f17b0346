//! The ear for other members.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Weak};
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::env::Task;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::super::{Inbox, Refused};
use super::tls::PeerTls;
use super::{MAX_MESSAGE_BYTES, envelope};
use crate::proto::raft as pb;
use crate::proto::raft::peers_server::{Peers, PeersServer};

/// How many calls one member may have open at a time.
const MAX_OPEN_CALLS: u32 = 4096;

/// How often a silent connection is tried, and how long its answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How much may be on its way in a stream and in a connection.
const WINDOW_BYTES: u32 = 8 << 20;

/// Gives calls to an inbox, as long as there is one: connections end later than their ear.
struct Ear(Weak<dyn Inbox>);

/// What keeps an ear open.
type Held = (Arc<dyn Inbox>, oneshot::Sender<()>, Task<()>);

#[tonic::async_trait]
impl Peers for Ear {
    async fn call(&self, request: Request<pb::Request>) -> Result<Response<pb::Answer>, Status> {
        let answer = match (self.0.upgrade(), envelope::call(request.into_inner())) {
            (Some(inbox), Some(call)) => inbox.answer(call).await,
            (None, _) => Err(Refused::Stopped),
            (_, None) => Err(Refused::Malformed),
        };
        Ok(Response::new(envelope::answer(answer)))
    }
}

/// Gives what comes to `listener` to `inbox`, until what is returned is dropped.
pub(super) fn serve(
    env: &Env,
    listener: TcpListener,
    tls: Option<&PeerTls>,
    inbox: Arc<dyn Inbox>,
) -> io::Result<Held> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut server = Server::builder()
        .max_concurrent_streams(MAX_OPEN_CALLS)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    if let Some(tls) = tls {
        server = server.tls_config(tls.server()).map_err(io::Error::other)?;
    }
    let service = PeersServer::new(Ear(Arc::downgrade(&inbox)))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let (stop, stopped) = oneshot::channel::<()>();
    let served = server.add_service(service).serve_with_incoming_shutdown(incoming, async {
        // The sender is dropped, never used.
        let _ = stopped.await;
    });
    let task = env.spawn("raft-peers", async move {
        if let Err(error) = served.await {
            tracing::error!(%error, "members are not listened to any more");
        }
    });
    Ok((inbox, stop, task))
}
