//! What members ask of the leader, and its answers.

use std::time::Duration;

use orchestrator_core::store::StoreError;

use super::super::commands::Commands;
use super::super::network::Peer;
use super::super::types::{Node, Reply, Request, StoredMembers};
use crate::mvcc::Applied;
use crate::operator::{MemberChange, MemberId};
use crate::wire::{Reader, WireError, Writer, decode_answer, encode_answer};

/// The most bytes of the answers to one call, one large answer aside.
const MAX_ANSWERS_BYTES: usize = super::super::network::MAX_CALL_BYTES / 2;

/// The one that was asked does not lead; nothing has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct NotLeader {
    /// Who does, as far as it knows.
    pub(in super::super) leader: Option<Peer>,
}

/// A write for the leader of one term.
///
/// A member counts its own proposals, and a leader takes each number of a session once; and it
/// leads in one term of one life only. So a call that the network doubles is proposed once.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Propose {
    /// The term in which it may be proposed.
    pub(in super::super) term: u64,
    /// Drawn when the asking member started.
    pub(in super::super) session: u64,
    pub(in super::super) number: u64,
    pub(in super::super) request: Request,
}

/// What became of a proposal.
#[derive(Debug)]
pub(in super::super) enum Outcome {
    /// It was applied as the entry of this index.
    Applied { index: u64, reply: Reply },
    /// Nothing has happened: another leads, or leads in another term.
    NotLeader(NotLeader),
    /// Nothing has happened: too much waits already.
    Busy,
    /// It may happen, or have happened.
    Unknown,
}

/// The index up to which a linearizable read must have applied, and the store's time there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct ReadPoint {
    pub(in super::super) index: u64,
    pub(in super::super) at: Duration,
}

/// A member that starts without data, or publishes where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Join {
    /// Its number, where it knows it: then it publishes.
    pub(in super::super) id: MemberId,
    /// How it describes itself; without token it only asks who is there.
    pub(in super::super) node: Node,
    /// Whether it is to follow without a vote.
    pub(in super::super) learner: bool,
}

/// What a member that joins is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Welcome {
    pub(in super::super) cluster: u64,
    /// Its number; 0 where it only asked.
    pub(in super::super) id: MemberId,
    pub(in super::super) leader: Option<MemberId>,
    pub(in super::super) members: StoredMembers,
}

/// Why the leader does not change the members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum NoChange {
    /// Nothing has happened: another leads.
    NotLeader(NotLeader),
    /// Nothing has happened: it breaks a rule, which [`RULES`](super::super::members::RULES) lists.
    Rule(u8),
    /// It may be half done, and is completed or undone by asking again.
    Unknown,
}

impl Writer<'_> {
    fn peer(&mut self, peer: &Peer) {
        self.number(peer.id);
        self.bytes(peer.address.as_bytes());
    }

    pub(in super::super) fn not_leader(&mut self, answer: &NotLeader) {
        self.option(answer.leader.as_ref(), Self::peer);
    }

    pub(in super::super) fn propose(&mut self, propose: &Propose) {
        self.number(propose.term);
        self.number(propose.session);
        self.number(propose.number);
        match &propose.request {
            Request::Commands(commands) => {
                self.byte(0);
                self.rest(commands.as_bytes());
            }
            Request::Alarm(op) => {
                self.byte(1);
                self.alarm_op(*op);
            }
            Request::Number => self.byte(2),
            Request::Limits(limits) => {
                self.byte(3);
                self.limits(limits);
            }
        }
    }

    pub(in super::super) fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Applied { index, reply } => {
                self.byte(0);
                self.number(*index);
                self.reply(reply);
            }
            Outcome::NotLeader(answer) => {
                self.byte(1);
                self.not_leader(answer);
            }
            Outcome::Busy => self.byte(2),
            Outcome::Unknown => self.byte(3),
        }
    }

    fn reply(&mut self, reply: &Reply) {
        match reply {
            Reply::Commands(answers) => {
                self.byte(0);
                self.answers(answers);
            }
            Reply::Alarms(alarms) => {
                self.byte(1);
                self.list(alarms, |out, alarm| out.alarm(alarm));
            }
            Reply::Number(id) => {
                self.byte(2);
                self.number(*id);
            }
            Reply::Done => self.byte(3),
        }
    }

    fn answers(&mut self, answers: &[Result<Applied, StoreError>]) {
        let mut bytes = bytes::BytesMut::new();
        let mut total = 0;
        self.list(answers, |out, answer| {
            bytes.clear();
            encode_answer(answer, &mut bytes);
            total += bytes.len();
            if total > MAX_ANSWERS_BYTES && total > bytes.len() {
                // It happened, but that cannot be told together with the others.
                bytes.clear();
                encode_answer(&Err(StoreError::Unknown("too many answers".into())), &mut bytes);
            }
            out.bytes(&bytes);
        });
    }

    pub(in super::super) fn read_answer(&mut self, answer: &Result<ReadPoint, NotLeader>) {
        match answer {
            Ok(point) => {
                self.byte(0);
                self.number(point.index);
                self.duration(point.at);
            }
            Err(not_leader) => {
                self.byte(1);
                self.not_leader(not_leader);
            }
        }
    }

    pub(in super::super) fn join(&mut self, join: &Join) {
        self.number(join.id);
        self.node(&join.node);
        self.flag(join.learner);
    }

    pub(in super::super) fn welcome(&mut self, answer: &Result<Welcome, NoChange>) {
        match answer {
            Ok(welcome) => {
                self.byte(0);
                self.number(welcome.cluster);
                self.number(welcome.id);
                self.option(welcome.leader.as_ref(), |out, id| out.number(*id));
                self.stored_members(&welcome.members);
            }
            Err(NoChange::NotLeader(answer)) => {
                self.byte(1);
                self.not_leader(answer);
            }
            Err(NoChange::Rule(rule)) => {
                self.byte(2);
                self.byte(*rule);
            }
            Err(NoChange::Unknown) => self.byte(3),
        }
    }

    pub(in super::super) fn change(&mut self, change: &MemberChange) {
        match change {
            MemberChange::Add { name, peer_urls, learner } => {
                self.byte(0);
                self.bytes(name.as_bytes());
                self.words(peer_urls);
                self.flag(*learner);
            }
            MemberChange::Promote(id) => {
                self.byte(1);
                self.number(*id);
            }
            MemberChange::Remove(id) => {
                self.byte(2);
                self.number(*id);
            }
            MemberChange::Update { id, peer_urls } => {
                self.byte(3);
                self.number(*id);
                self.words(peer_urls);
            }
            MemberChange::Lead(id) => {
                self.byte(4);
                self.number(*id);
            }
        }
    }
}

impl Reader {
    fn peer(&mut self) -> Result<Peer, WireError> {
        Ok(Peer { id: self.number()?, address: self.text()? })
    }

    pub(in super::super) fn not_leader(&mut self) -> Result<NotLeader, WireError> {
        Ok(NotLeader { leader: self.option(Self::peer)? })
    }

    pub(in super::super) fn propose(&mut self) -> Result<Propose, WireError> {
        let (term, session, number) = (self.number()?, self.number()?, self.number()?);
        let request = match self.byte()? {
            0 => Request::Commands(Commands::read(self)?),
            1 => Request::Alarm(self.alarm_op()?),
            2 => Request::Number,
            3 => Request::Limits(self.limits()?),
            _ => return self.bad_tag(),
        };
        Ok(Propose { term, session, number, request })
    }

    pub(in super::super) fn outcome(&mut self) -> Result<Outcome, WireError> {
        match self.byte()? {
            0 => Ok(Outcome::Applied { index: self.number()?, reply: self.reply()? }),
            1 => Ok(Outcome::NotLeader(self.not_leader()?)),
            2 => Ok(Outcome::Busy),
            3 => Ok(Outcome::Unknown),
            _ => self.bad_tag(),
        }
    }

    fn reply(&mut self) -> Result<Reply, WireError> {
        match self.byte()? {
            0 => {
                let answers = self.list(|from| decode_answer(from.kept()?))?;
                Ok(Reply::Commands(answers))
            }
            1 => Ok(Reply::Alarms(self.list(Self::alarm)?)),
            2 => Ok(Reply::Number(self.number()?)),
            3 => Ok(Reply::Done),
            _ => self.bad_tag(),
        }
    }

    pub(in super::super) fn read_answer(
        &mut self,
    ) -> Result<Result<ReadPoint, NotLeader>, WireError> {
        match self.byte()? {
            0 => Ok(Ok(ReadPoint { index: self.number()?, at: self.duration()? })),
            1 => Ok(Err(self.not_leader()?)),
            _ => self.bad_tag(),
        }
    }

    pub(in super::super) fn join(&mut self) -> Result<Join, WireError> {
        Ok(Join { id: self.number()?, node: self.node()?, learner: self.flag()? })
    }

    pub(in super::super) fn welcome(&mut self) -> Result<Result<Welcome, NoChange>, WireError> {
        match self.byte()? {
            0 => Ok(Ok(Welcome {
                cluster: self.number()?,
                id: self.number()?,
                leader: self.option(Self::number)?,
                members: self.stored_members()?,
            })),
            1 => Ok(Err(NoChange::NotLeader(self.not_leader()?))),
            2 => Ok(Err(NoChange::Rule(self.byte()?))),
            3 => Ok(Err(NoChange::Unknown)),
            _ => self.bad_tag(),
        }
    }

    pub(in super::super) fn change(&mut self) -> Result<MemberChange, WireError> {
        match self.byte()? {
            0 => Ok(MemberChange::Add {
                name: self.text()?,
                peer_urls: self.words()?,
                learner: self.flag()?,
            }),
            1 => Ok(MemberChange::Promote(self.number()?)),
            2 => Ok(MemberChange::Remove(self.number()?)),
            3 => Ok(MemberChange::Update { id: self.number()?, peer_urls: self.words()? }),
            4 => Ok(MemberChange::Lead(self.number()?)),
            _ => self.bad_tag(),
        }
    }
}
