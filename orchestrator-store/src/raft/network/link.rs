//! openraft's way to one other member, over a [`Transport`].

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{
    NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable,
};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{RPCTypes, RaftNetworkFactory, RaftNetworkV2, Snapshot};
use orchestrator_core::Env;
use parking_lot::Mutex;

use super::super::builder::Timing;
use super::super::message::{Piece, decoded, encoded};
use super::super::snapshot::Image;
use super::super::turnstile::{MAX_EARLY, Place};
use super::super::types::{Node, Types, Vote};
use super::{Call, CallError, CallKind, Peer, Transport};
use crate::operator::MemberId;
use crate::wire::{Reader, WireError};

/// How much of a snapshot goes into one call.
const PIECE_BYTES: usize = 1 << 20;

/// How long the other may take to read in a whole snapshot.
const INSTALL: Duration = Duration::from_secs(120);

/// How often a piece is sent again, and how often a sending begins again, before openraft is told.
const MAX_RETRIES: usize = 5;

/// How many appends are on their way to a member at a time.
const MAX_UNDER_WAY: usize = MAX_EARLY;

type Committed = openraft::alias::CommittedLeaderIdOf<Types>;
type Failure = RPCError<Types>;

/// What a member needs to call others.
#[derive(Debug)]
pub(in super::super) struct Links {
    pub(in super::super) env: Env,
    pub(in super::super) transport: Arc<dyn Transport>,
    pub(in super::super) cluster: u64,
    pub(in super::super) this: MemberId,
    pub(in super::super) timing: Timing,
}

impl Links {
    /// Calls `peer`, and waits no longer than `within`.
    pub(in super::super) async fn call(
        &self,
        peer: &Peer,
        kind: CallKind,
        body: Bytes,
        within: Duration,
    ) -> Result<Bytes, CallError> {
        let call = Call { cluster: self.cluster, from: self.this, to: peer.id, kind, body };
        tokio::select! {
            biased;
            answer = self.transport.call(peer, call) => answer,
            () = self.env.sleep(within) => Err(CallError::Lost("it took too long".into())),
        }
    }
}

/// Where `node`, the member `id`, listens.
pub(in super::super) fn peer(id: MemberId, node: &Node) -> Peer {
    Peer { id, address: node.peer_urls.first().cloned().unwrap_or_default() }
}

/// Makes links to others, for openraft.
#[derive(Clone)]
pub(in super::super) struct Factory(pub(in super::super) Arc<Links>);

impl RaftNetworkFactory<Types> for Factory {
    type Network = Link;

    async fn new_client(&mut self, target: MemberId, node: &Node) -> Link {
        Link { links: Arc::clone(&self.0), peer: peer(target, node), course: Mutex::default() }
    }
}

/// The way to one other member.
pub(in super::super) struct Link {
    links: Arc<Links>,
    peer: Peer,
    course: Mutex<Course>,
}

/// The appends that went this way since one of them failed.
#[derive(Debug, Default)]
struct Course {
    sending: u64,
    sent: u64,
    answered: u64,
}

impl Course {
    /// Begins a new sending unless all that was sent has passed at the other end.
    fn go_on(&mut self, env: &Env) {
        if self.sending == 0 || self.sent != self.answered {
            *self = Self { sending: 1 + env.random_below(u64::MAX - 1), sent: 0, answered: 0 };
        }
    }

    fn next(&mut self) -> Place {
        let number = self.sent;
        self.sent += 1;
        Place { sending: self.sending, number }
    }
}

impl Link {
    async fn call<T>(
        &self,
        (kind, rpc): (CallKind, RPCTypes),
        body: Bytes,
        within: Duration,
        read: impl FnOnce(&mut Reader) -> Result<T, WireError>,
    ) -> Result<T, Failure> {
        match self.links.call(&self.peer, kind, body, within).await {
            Ok(answer) => {
                decoded(answer, read).map_err(|error| Failure::Network(NetworkError::new(&error)))
            }
            // Another member, or none, answers there: as good as none.
            Err(error @ (CallError::Unreached(_) | CallError::Refused(_))) => {
                Err(Failure::Unreachable(Unreachable::new(&error)))
            }
            Err(CallError::Lost(_)) => Err(Failure::Timeout(Timeout {
                action: rpc,
                id: self.links.this,
                target: self.peer.id,
                timeout: within,
            })),
        }
    }

    async fn append(
        &self,
        place: Place,
        request: &AppendEntriesRequest<Types>,
    ) -> Result<AppendEntriesResponse<Types>, Failure> {
        let kind = (CallKind::Append, RPCTypes::AppendEntries);
        let body = encoded(|out| out.append(place, request));
        self.call(kind, body, self.links.timing.append(), Reader::append_answer).await
    }

    async fn append_in_stream(
        &self,
        place: Place,
        request: AppendEntriesRequest<Types>,
    ) -> Result<StreamAppendResult<Types>, Failure> {
        let before = request.prev_log_id;
        let last = request.entries.last().map(|entry| entry.log_id).or(before);
        let answer = self.append(place, &request).await?;
        self.course.lock().answered += 1;
        match answer {
            // Nothing comes before the first entry, so nothing can be in its way.
            AppendEntriesResponse::Conflict if before.is_none() => {
                Err(Failure::Network(NetworkError::from_string("a conflict with nothing")))
            }
            answer => Ok(answer.into_stream_result(before, last)),
        }
    }

    /// Sends a piece until it is answered; true if it was taken.
    async fn send(&self, piece: &Piece) -> Result<(bool, Vote), Failure> {
        let within = if piece.last { INSTALL } else { self.links.timing.append() };
        let mut retries = 0;
        loop {
            let body = encoded(|out| out.piece(piece));
            let read = |from: &mut Reader| Ok((from.flag()?, from.vote()?));
            let kind = (CallKind::Snapshot, RPCTypes::InstallSnapshot);
            match self.call(kind, body, within, read).await {
                Err(Failure::Timeout(_)) if retries < MAX_RETRIES => retries += 1,
                answer => return answer,
            }
        }
    }

    async fn send_all(
        &self,
        vote: Vote,
        snapshot: Snapshot<Committed, MemberId, Node, Image>,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let env = &self.links.env;
        let Snapshot { meta, snapshot: image } = snapshot;
        for _ in 0..MAX_RETRIES {
            let sending = env.random_below(u64::MAX);
            let mut offset = 0;
            loop {
                let bytes = image.read(env, offset, PIECE_BYTES).await.map_err(unreadable)?;
                let end = offset + bytes.len() as u64;
                let last = end >= image.length() || bytes.is_empty();
                let piece = Piece { vote, meta: meta.clone(), sending, offset, bytes, last };
                let (taken, theirs) = self.send(&piece).await?;
                let outdated =
                    theirs != vote && theirs.partial_cmp(&vote).is_some_and(|o| o.is_gt());
                if (taken && last) || outdated {
                    return Ok(SnapshotResponse::new(theirs));
                }
                if !taken {
                    break;
                }
                offset = end;
            }
        }
        Err(StreamingError::Network(NetworkError::from_string("pieces of the snapshot were lost")))
    }
}

fn unreadable(error: std::io::Error) -> StreamingError<Types> {
    // Not a storage error, which would end this member: the image is made again.
    StreamingError::Network(NetworkError::new(&error))
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, Failure> {
        self.append(Place::ANY, &request).await
    }

    /// Sends what comes from `input` without waiting for the answers to what went before.
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Types>, Failure>>, Failure>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        self.course.lock().go_on(&self.links.env);
        let link = &*self;
        let answers = input.map(move |request| {
            let place = link.course.lock().next();
            link.append_in_stream(place, request)
        });
        let answers: BoxStream<'s, _> = Box::pin(answers.buffered(MAX_UNDER_WAY));
        Box::pin(std::future::ready(Ok(answers)))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        let kind = (CallKind::Vote, RPCTypes::Vote);
        let body = encoded(|out| out.vote_request(&request));
        self.call(kind, body, option.hard_ttl(), Reader::vote_answer).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        let kind = (CallKind::PreVote, RPCTypes::Vote);
        let body = encoded(|out| out.vote_request(&request));
        self.call(kind, body, option.hard_ttl(), Reader::vote_answer).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot<Committed, MemberId, Node, Image>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            biased;
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = self.send_all(vote, snapshot) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Types>,
        _: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, Failure> {
        let kind = (CallKind::Transfer, RPCTypes::TransferLeader);
        let body = encoded(|out| out.transfer(&request));
        self.call(kind, body, self.links.timing.append(), Reader::transfer_answer).await
    }
}
