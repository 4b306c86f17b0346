//! The service Watch: many watchers on one stream.
//!
//! A `session` answers one stream; it has no task and no queue of its own, for it is polled when
//! the client can take an answer. `deliver` is what it gives out,
//! `watcher` is one watcher and how its changes become answers,
//! `demand` answers requests for progress truthfully, `fragment` splits large answers, `leader`
//! ends streams that must not outlive the cluster's leader.

mod deliver;
mod demand;
mod fragment;
mod leader;
pub(super) mod session;
mod watcher;

use std::sync::Arc;

use futures::stream::{self, StreamExt};
use http::HeaderMap;
use tonic::Status;

use super::Face;
use super::encode::WatchAnswer;
use super::grpc::Answers;
use super::messages::Requests;
use crate::proto::etcd::WatchRequest;
use session::Session;

/// The metadata by which a client says that it wants its streams to end without a leader.
const HAS_LEADER: &str = "hasleader";

/// Answers one stream of requests.
pub(super) fn watch(
    face: Arc<Face>,
    metadata: &HeaderMap,
    requests: Requests<WatchRequest>,
) -> Answers<WatchAnswer> {
    let demanded = metadata.get(HAS_LEADER).is_some_and(|value| value == "true");
    let leaderless = demanded.then(|| leader::lost(Arc::clone(&face)));
    answers(Session::new(face, requests, leaderless))
}

/// The answers of a session, until it ends.
pub(super) fn answers<R>(session: Session<R>) -> Answers<WatchAnswer>
where
    R: stream::Stream<Item = Result<WatchRequest, Status>> + Send + Unpin + 'static,
{
    stream::unfold(Some(session), |session| async {
        let mut session = session?;
        match session.next().await {
            Ok(answer) => Some((Ok(answer), Some(session))),
            Err(status) => Some((Err(status), None)),
        }
    })
    .boxed()
}
