//! What a member does with the calls of others.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;

use super::engine::Engine;
use super::message::{NoChange, decoded, encoded};
use super::network::{Call, CallKind, Inbox, Refused};
use crate::operator::MemberId;
use crate::planted::Fault;
use crate::wire::{Reader, WireError};

/// The ear of a member.
///
/// It is open before the member has started, and then refuses everything: so those that begin a
/// cluster together learn at once that nobody has started yet, and need not wait for that.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<OnceLock<Arc<Engine>>>);

impl Ear {
    /// Has `engine` answer from now on.
    pub(super) fn open(&self, engine: Arc<Engine>) {
        // A member starts once.
        let _ = self.0.set(engine);
    }
}

impl Engine {
    /// Whether the call is meant for this member.
    fn check(&self, call: &Call) -> Result<(), Refused> {
        let joins = call.kind == CallKind::Join;
        if call.cluster != self.cluster && !(joins && call.cluster == 0) {
            return Err(Refused::WrongCluster);
        }
        if call.to != self.this && !(joins && call.to == 0) {
            return Err(Refused::WrongMember);
        }
        Ok(())
    }

    /// Whether the caller is a member, for what only members may ask.
    fn check_member(&self, from: MemberId) -> Result<(), Refused> {
        let standing = self.agreement.standing();
        let planted = self.planted.has(Fault::ReusedNodeId);
        if standing.node(from).is_some() || planted { Ok(()) } else { Err(Refused::Removed) }
    }
}

fn malformed(_: WireError) -> Refused {
    Refused::Malformed
}

#[async_trait]
impl Inbox for Ear {
    async fn answer(&self, call: Call) -> Result<Bytes, Refused> {
        let engine = self.0.get().ok_or(Refused::Stopped)?;
        engine.check(&call)?;
        let Call { from, kind, body, .. } = call;
        match kind {
            CallKind::Propose => {
                engine.check_member(from)?;
                let propose = decoded(body, Reader::propose).map_err(malformed)?;
                let outcome = engine.propose_for(from, propose).await;
                Ok(encoded(|out| out.outcome(&outcome)))
            }
            CallKind::ReadIndex => {
                engine.check_member(from)?;
                let answer = engine.agreement.read_index().await;
                Ok(encoded(|out| out.read_answer(&answer)))
            }
            CallKind::Change => {
                engine.check_member(from)?;
                let change = decoded(body, Reader::change).map_err(malformed)?;
                let answer = engine.change_here(change).await;
                Ok(encoded(|out| out.welcome(&answer)))
            }
            CallKind::Join => {
                let join = decoded(body, Reader::join).map_err(malformed)?;
                let answer: Result<_, NoChange> = engine.let_in(join).await;
                Ok(encoded(|out| out.welcome(&answer)))
            }
            _ => engine.agreement.answer(from, kind, body).await,
        }
    }
}
