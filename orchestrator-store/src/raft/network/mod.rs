//! How members reach each other: calls of opaque bytes, over any [`Transport`].
//!
//! The engine encodes what it says ([`Call::body`]); a transport only carries it, so that a
//! simulation can delay, lose, double and reorder calls without knowing what they mean. A call
//! that was lost after it left may have had its effect: that is [`CallError::Lost`], and it is
//! what makes the outcome of a forwarded write unknown. Every effect of a doubled or late call is
//! harmless, for Raft is built that way and forwarded writes carry a number that counts once.

mod grpc;
mod link;
mod local;

pub use grpc::{GrpcTransport, PeerTls, PeerTlsError};
pub(super) use link::{Factory, Links, peer};
pub use local::LocalNetwork;

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use orchestrator_core::BoxError;

use crate::operator::MemberId;

/// The longest body of a call: the longest command, and what is said around it. Nearly all calls
/// are far shorter.
pub const MAX_CALL_BYTES: usize = 64 << 20;

/// One member's way to the others: its own ear, and calls to theirs.
///
/// # Contract
/// - A call arrives once, many times, late, or never; a body arrives whole and unchanged.
/// - The answer is that of the member that was called.
/// - [`CallError::Unreached`] is said only where the other surely did not begin to handle the call.
///
/// # Cancellation
/// Dropping the future of a call gives it up; it may still be handled.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Gives what arrives for this member to `inbox`, until what is returned is dropped.
    ///
    /// # Errors
    /// The address cannot be listened on.
    async fn serve(&self, inbox: Arc<dyn Inbox>) -> io::Result<Serving>;

    /// Calls `peer`, and waits for its answer.
    ///
    /// # Errors
    /// See [`CallError`].
    async fn call(&self, peer: &Peer, call: Call) -> Result<Bytes, CallError>;
}

/// What answers the calls that arrive at a member.
#[async_trait]
pub trait Inbox: Send + Sync + 'static {
    /// Handles a call, and answers it.
    ///
    /// # Errors
    /// The call was refused without effect.
    async fn answer(&self, call: Call) -> Result<Bytes, Refused>;
}

/// Keeps a member's ear open; dropping it closes it.
pub struct Serving {
    /// Where the transport listens, as others may be told; empty where it has no addresses.
    pub address: String,
    _held: Box<dyn Any + Send + Sync>,
}

impl Serving {
    /// An ear at `address` that is open while `held` lives.
    pub fn new(address: impl Into<String>, held: impl Any + Send + Sync) -> Self {
        Self { address: address.into(), _held: Box::new(held) }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Another member, and where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its number; 0 where it is not known yet, as when a new member asks to join.
    pub id: MemberId,
    /// Where it listens, in the transport's own terms; a URL for gRPC.
    pub address: String,
}

/// What one member says to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The cluster of both; 0 from a member that has yet to learn it.
    pub cluster: u64,
    /// Who calls; 0 from a member that has no number yet.
    pub from: MemberId,
    /// Who is meant; 0 for whoever listens there.
    pub to: MemberId,
    /// What about.
    pub kind: CallKind,
    /// What it says, in the engine's encoding; at most [`MAX_CALL_BYTES`].
    pub body: Bytes,
}

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CallKind {
    /// Entries of the log, or a sign of life, from the leader.
    Append,
    /// A question whether a vote would be given; changes nothing.
    PreVote,
    /// A request for a vote.
    Vote,
    /// A piece of a snapshot.
    Snapshot,
    /// The leader hands over.
    Transfer,
    /// A write for the leader to propose.
    Propose,
    /// A request for the index up to which a linearizable read must have applied.
    ReadIndex,
    /// A change of members for the leader to make.
    Change,
    /// A new member asks to be let in, and who is there.
    Join,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The other was not reached; the call had no effect and will have none.
    #[error("member was not reached")]
    Unreached(#[source] BoxError),
    /// The call left and no answer came; it may have had its effect, or have it later.
    #[error("no answer came")]
    Lost(#[source] BoxError),
    /// The other refused the call without effect.
    #[error("the call was refused: {0}")]
    Refused(Refused),
}

/// Why a member refuses a call; nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The call is for another cluster.
    #[error("it is for another cluster")]
    WrongCluster,
    /// The call is for another member.
    #[error("it is for another member")]
    WrongMember,
    /// The caller is no member any more.
    #[error("the caller was removed")]
    Removed,
    /// The body cannot be read.
    #[error("its body cannot be read")]
    Malformed,
    /// The member stops, or has not begun.
    #[error("the member does not run")]
    Stopped,
    /// Too much waits already.
    #[error("too many requests")]
    Busy,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Transport, _: &dyn Inbox) {}
}
