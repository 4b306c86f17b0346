//! What Raft itself says: entries, votes, snapshots, and who is to lead next.

use bytes::{Bytes, BytesMut};
use openraft::entry::RaftEntry;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};

use super::super::turnstile::Place;
use super::super::types::{Entry, SnapshotMeta, Types, Vote};
use super::entry::{payload_bytes, read_payload};
use crate::wire::{Reader, WireError, Writer};

/// Encodes one message with `write`.
pub(in super::super) fn encoded(write: impl FnOnce(&mut Writer<'_>)) -> Bytes {
    let mut out = BytesMut::new();
    write(&mut Writer::new(&mut out));
    out.freeze()
}

/// Decodes one message, to its last byte, with `read`.
pub(in super::super) fn decoded<T>(
    bytes: Bytes,
    read: impl FnOnce(&mut Reader) -> Result<T, WireError>,
) -> Result<T, WireError> {
    let mut from = Reader::new(bytes);
    let message = read(&mut from)?;
    from.end()?;
    Ok(message)
}

/// A piece of a snapshot on its way to a member that is too far behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Piece {
    /// Who sends it, as a leader.
    pub(in super::super) vote: Vote,
    pub(in super::super) meta: SnapshotMeta,
    /// Tells this sending from an earlier one of the same snapshot.
    pub(in super::super) sending: u64,
    pub(in super::super) offset: u64,
    pub(in super::super) bytes: Bytes,
    /// Whether it is the last one.
    pub(in super::super) last: bool,
}

impl Writer<'_> {
    pub(in super::super) fn append(&mut self, place: Place, request: &AppendEntriesRequest<Types>) {
        self.number(place.sending);
        self.number(place.number);
        self.vote(&request.vote);
        self.maybe_log_id(request.prev_log_id.as_ref());
        self.maybe_log_id(request.leader_commit.as_ref());
        self.list(&request.entries, |out, entry| out.entry(entry));
    }

    fn entry(&mut self, entry: &Entry) {
        self.log_id(&entry.log_id);
        let mut payload = BytesMut::new();
        let kind = payload_bytes(&entry.payload, &mut payload);
        self.byte(kind);
        self.bytes(&payload);
    }

    pub(in super::super) fn append_answer(&mut self, answer: &AppendEntriesResponse<Types>) {
        match answer {
            AppendEntriesResponse::Success => self.byte(0),
            AppendEntriesResponse::PartialSuccess(upto) => {
                self.byte(1);
                self.maybe_log_id(upto.as_ref());
            }
            AppendEntriesResponse::Conflict => self.byte(2),
            AppendEntriesResponse::HigherVote(vote) => {
                self.byte(3);
                self.vote(vote);
            }
        }
    }

    pub(in super::super) fn vote_request(&mut self, request: &VoteRequest<Types>) {
        self.vote(&request.vote);
        self.maybe_log_id(request.last_log_id.as_ref());
        self.flag(request.leadership_transfer);
    }

    pub(in super::super) fn vote_answer(&mut self, answer: &VoteResponse<Types>) {
        self.vote(&answer.vote);
        self.flag(answer.vote_granted);
        self.maybe_log_id(answer.last_log_id.as_ref());
    }

    pub(in super::super) fn piece(&mut self, piece: &Piece) {
        self.vote(&piece.vote);
        self.maybe_log_id(piece.meta.last_log_id.as_ref());
        self.stored_members(&piece.meta.last_membership);
        self.number(piece.sending);
        self.number(piece.offset);
        self.bytes(&piece.bytes);
        self.flag(piece.last);
    }

    pub(in super::super) fn transfer(&mut self, request: &TransferLeaderRequest<Types>) {
        self.vote(request.from_leader());
        self.number(*request.to_node_id());
        self.maybe_log_id(request.last_log_id());
    }

    pub(in super::super) fn transfer_answer(&mut self, answer: &TransferLeaderResponse<Types>) {
        match answer {
            Ok(()) => self.byte(0),
            Err(TransferLeaderError::VoteChanged { expected, actual }) => {
                self.byte(1);
                self.vote(expected);
                self.vote(actual);
            }
            Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
                self.byte(2);
                self.maybe_log_id(expected.as_ref());
                self.maybe_log_id(actual.as_ref());
            }
        }
    }
}

impl Reader {
    pub(in super::super) fn append(
        &mut self,
    ) -> Result<(Place, AppendEntriesRequest<Types>), WireError> {
        let place = Place { sending: self.number()?, number: self.number()? };
        let request = AppendEntriesRequest {
            vote: self.vote()?,
            prev_log_id: self.maybe_log_id()?,
            leader_commit: self.maybe_log_id()?,
            entries: self.list(Self::entry)?,
        };
        Ok((place, request))
    }

    fn entry(&mut self) -> Result<Entry, WireError> {
        let (log_id, kind) = (self.log_id()?, self.byte()?);
        // Apart: an entry that waits in the log must not keep the whole call's buffer.
        let mut payload = Self::new(Bytes::copy_from_slice(self.slice()?));
        let read = read_payload(kind, &mut payload)?;
        payload.end()?;
        Ok(Entry::new(log_id, read))
    }

    pub(in super::super) fn append_answer(
        &mut self,
    ) -> Result<AppendEntriesResponse<Types>, WireError> {
        match self.byte()? {
            0 => Ok(AppendEntriesResponse::Success),
            1 => Ok(AppendEntriesResponse::PartialSuccess(self.maybe_log_id()?)),
            2 => Ok(AppendEntriesResponse::Conflict),
            3 => Ok(AppendEntriesResponse::HigherVote(self.vote()?)),
            _ => self.bad_tag(),
        }
    }

    pub(in super::super) fn vote_request(&mut self) -> Result<VoteRequest<Types>, WireError> {
        let mut request = VoteRequest::new(self.vote()?, self.maybe_log_id()?);
        request.leadership_transfer = self.flag()?;
        Ok(request)
    }

    pub(in super::super) fn vote_answer(&mut self) -> Result<VoteResponse<Types>, WireError> {
        let (vote, granted) = (self.vote()?, self.flag()?);
        Ok(VoteResponse::new(vote, self.maybe_log_id()?, granted))
    }

    pub(in super::super) fn piece(&mut self) -> Result<Piece, WireError> {
        Ok(Piece {
            vote: self.vote()?,
            meta: SnapshotMeta {
                last_log_id: self.maybe_log_id()?,
                last_membership: self.stored_members()?,
            },
            sending: self.number()?,
            offset: self.number()?,
            bytes: self.kept()?,
            last: self.flag()?,
        })
    }

    pub(in super::super) fn transfer(&mut self) -> Result<TransferLeaderRequest<Types>, WireError> {
        Ok(TransferLeaderRequest::new(self.vote()?, self.number()?, self.maybe_log_id()?))
    }

    pub(in super::super) fn transfer_answer(
        &mut self,
    ) -> Result<TransferLeaderResponse<Types>, WireError> {
        match self.byte()? {
            0 => Ok(Ok(())),
            1 => Ok(Err(TransferLeaderError::VoteChanged {
                expected: self.vote()?,
                actual: self.vote()?,
            })),
            2 => Ok(Err(TransferLeaderError::LogNotFlushed {
                expected: self.maybe_log_id()?,
                actual: self.maybe_log_id()?,
            })),
            _ => self.bad_tag(),
        }
    }
}
