//! What a member does with the calls of others.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::engine::Engine;
use super::message::{NoChange, decoded, encoded};
use super::network::{Call, CallKind, Inbox, Refused};
use crate::operator::MemberId;
use crate::planted::Fault;
use crate::wire::{Reader, WireError};

/// The ear of a member.
pub(super) struct Ear(pub(super) Arc<Engine>);

impl Ear {
    /// Whether the call is meant for this member.
    fn check(&self, call: &Call) -> Result<(), Refused> {
        let engine = &self.0;
        let joins = call.kind == CallKind::Join;
        if call.cluster != engine.cluster && !(joins && call.cluster == 0) {
            return Err(Refused::WrongCluster);
        }
        if call.to != engine.this && !(joins && call.to == 0) {
            return Err(Refused::WrongMember);
        }
        Ok(())
    }

    /// Whether the caller is a member, for what only members may ask.
    fn check_member(&self, from: MemberId) -> Result<(), Refused> {
        let standing = self.0.agreement.standing();
        let planted = self.0.planted.has(Fault::ReusedNodeId);
        if standing.node(from).is_some() || planted { Ok(()) } else { Err(Refused::Removed) }
    }
}

fn malformed(_: WireError) -> Refused {
    Refused::Malformed
}

#[async_trait]
impl Inbox for Ear {
    async fn answer(&self, call: Call) -> Result<Bytes, Refused> {
        self.check(&call)?;
        let engine = &self.0;
        let Call { from, kind, body, .. } = call;
        match kind {
            CallKind::Propose => {
                self.check_member(from)?;
                let propose = decoded(body, Reader::propose).map_err(malformed)?;
                let outcome = engine.propose_for(from, propose).await;
                Ok(encoded(|out| out.outcome(&outcome)))
            }
            CallKind::ReadIndex => {
                self.check_member(from)?;
                let answer = engine.agreement.read_index().await;
                Ok(encoded(|out| out.read_answer(&answer)))
            }
            CallKind::Change => {
                self.check_member(from)?;
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
