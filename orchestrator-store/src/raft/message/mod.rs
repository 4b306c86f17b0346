//! The binary form of what members keep in the log and say to each other.
//!
//! Built from the items of [`crate::wire`], with the same promises: bounded, never panicking on
//! foreign bytes, equal for equal messages.

mod entry;
mod leader;
mod protocol;

pub(super) use entry::{payload_bytes, read_payload};
pub(super) use leader::{Join, NoChange, NotLeader, Outcome, Propose, ReadPoint, Welcome};
pub(super) use protocol::{Piece, decoded, encoded};

use std::collections::{BTreeMap, BTreeSet};

use openraft::vote::RaftLeaderId as _;

use super::types::{LogId, Members, Node, StoredMembers, Vote, log_id, term};
use crate::wire::{Reader, WireError, WireProblem, Writer};

impl Writer<'_> {
    fn log_id(&mut self, id: &LogId) {
        self.number(term(id));
        self.number(id.index());
    }

    pub(super) fn maybe_log_id(&mut self, id: Option<&LogId>) {
        self.option(id, Self::log_id);
    }

    pub(super) fn vote(&mut self, vote: &Vote) {
        self.number(vote.leader_id().term());
        self.number(*vote.leader_id().node_id());
        self.flag(vote.is_committed());
    }

    fn words(&mut self, words: &[String]) {
        self.list(words, |out, word| out.bytes(word.as_bytes()));
    }

    fn node(&mut self, node: &Node) {
        self.bytes(node.name.as_bytes());
        self.words(&node.peer_urls);
        self.words(&node.client_urls);
        self.number(node.token);
    }

    fn members(&mut self, members: &Members) {
        self.list(members.get_joint_config(), |out, voters| {
            out.size(voters.len());
            voters.iter().for_each(|id| out.number(*id));
        });
        let nodes: Vec<_> = members.nodes().collect();
        self.list(&nodes, |out, (id, node)| {
            out.number(**id);
            out.node(node);
        });
    }

    pub(super) fn stored_members(&mut self, members: &StoredMembers) {
        self.maybe_log_id(members.log_id().as_ref());
        self.members(members.membership());
    }
}

impl Reader {
    fn log_id(&mut self) -> Result<LogId, WireError> {
        Ok(log_id(self.number()?, self.number()?))
    }

    pub(super) fn maybe_log_id(&mut self) -> Result<Option<LogId>, WireError> {
        self.option(Self::log_id)
    }

    pub(super) fn vote(&mut self) -> Result<Vote, WireError> {
        let (term, id) = (self.number()?, self.number()?);
        Ok(if self.flag()? { Vote::new_committed(term, id) } else { Vote::new(term, id) })
    }

    fn words(&mut self) -> Result<Vec<String>, WireError> {
        self.list(Self::text)
    }

    fn node(&mut self) -> Result<Node, WireError> {
        Ok(Node {
            name: self.text()?,
            peer_urls: self.words()?,
            client_urls: self.words()?,
            token: self.number()?,
        })
    }

    fn members(&mut self) -> Result<Members, WireError> {
        let configs = self.list(|from| from.list(Self::number))?;
        let configs: Vec<BTreeSet<u64>> =
            configs.into_iter().map(|voters| voters.into_iter().collect()).collect();
        let nodes = self.list(|from| Ok((from.number()?, from.node()?)))?;
        let nodes: BTreeMap<u64, Node> = nodes.into_iter().collect();
        if configs.is_empty() && nodes.is_empty() {
            return Ok(Members::default());
        }
        Members::new(configs, nodes).or_else(|_| self.fail(WireProblem::Tag))
    }

    pub(super) fn stored_members(&mut self) -> Result<StoredMembers, WireError> {
        Ok(StoredMembers::new(self.maybe_log_id()?, self.members()?))
    }
}
