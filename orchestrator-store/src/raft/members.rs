//! Who the members are: rules for changing them, and how a new one gets in.
//!
//! A new member follows first and votes when it is in sync, so that adding one never costs the
//! majority. Numbers come from the state machine, which never gives one out twice. A member draws
//! a token when it first starts on its disk; one that comes back with another token has lost its
//! disk and with it its promises, and is refused: it has to be removed and added as a new one.

use orchestrator_core::store::StoreError;

use super::agreement::{NotChanged, Reconfigure, Standing};
use super::engine::{Engine, Leader};
use super::message::{Join, NoChange, NotLeader, Outcome, Welcome, decoded, encoded};
use super::network::{CallError, CallKind, Peer};
use super::types::{Node, Reply, Request};
use crate::operator::{Member, MemberChange, MemberId, Membership};
use crate::planted::Fault;
use crate::wire::Reader;

/// The rules that a change may break, in the words that etcd's clients know.
pub(super) const RULES: [&str; 8] = [
    "member not found",
    "Peer URLs already exists",
    "can only promote a learner member",
    "can only promote a learner member which is in sync with leader",
    "re-configuration failed due to not enough started members",
    "bad leader transferee",
    "given member URLs are invalid",
    "member has lost its data; remove it, then add it as a new one",
];

/// The places of the rules in [`RULES`].
const NOT_FOUND: u8 = 0;
const URL_EXISTS: u8 = 1;
const NO_LEARNER: u8 = 2;
const NOT_IN_SYNC: u8 = 3;
const TOO_FEW: u8 = 4;
const BAD_TRANSFEREE: u8 = 5;
const BAD_URLS: u8 = 6;
const LOST_DATA: u8 = 7;

/// How many entries a follower may be behind when it is let vote: a moment's worth.
const MAX_LAG: u64 = 200;

/// The most URLs of a member, and the longest.
const MAX_URLS: usize = 16;
const MAX_URL_BYTES: usize = 1024;

impl Engine {
    /// The members as `standing` knows them.
    pub(super) fn membership(&self, standing: &Standing) -> Membership {
        let nodes = standing.members.membership().nodes();
        let member = |(id, node): (&MemberId, &Node)| Member {
            id: *id,
            name: node.name.clone(),
            peer_urls: node.peer_urls.clone(),
            client_urls: node.client_urls.clone(),
            learner: !standing.votes(*id),
        };
        Membership {
            cluster: self.cluster,
            this: self.this,
            leader: standing.leader,
            members: nodes.map(member).collect(),
        }
    }

    /// Has the leader make `change`.
    pub(super) async fn change(&self, change: MemberChange) -> Result<(), StoreError> {
        let body = encoded(|out| out.change(&change));
        let deadline = self.deadline();
        loop {
            let standing = self.agreement.standing();
            let answer = match Self::leader(&standing) {
                Some(Leader::This) => Some(self.change_here(change.clone()).await),
                Some(Leader::Other(peer)) => {
                    let within = deadline.saturating_duration_since(self.env.instant());
                    match self.links.call(&peer, CallKind::Change, body.clone(), within).await {
                        Ok(answer) => {
                            Some(decoded(answer, Reader::welcome).unwrap_or(Err(NoChange::Unknown)))
                        }
                        Err(CallError::Unreached(_) | CallError::Refused(_)) => None,
                        Err(CallError::Lost(_)) => Some(Err(NoChange::Unknown)),
                    }
                }
                None => None,
            };
            match answer {
                Some(Ok(_)) => return Ok(()),
                Some(Err(NoChange::Rule(rule))) => return Err(refused(rule)),
                Some(Err(NoChange::Unknown)) => {
                    return Err(StoreError::Unknown("request timed out".into()));
                }
                Some(Err(NoChange::NotLeader(_))) | None => self.wait(&standing, deadline).await?,
            }
        }
    }

    /// As the leader, makes `change`.
    pub(super) async fn change_here(&self, change: MemberChange) -> Result<Welcome, NoChange> {
        let _one_at_a_time = self.changing.lock().await;
        let standing = self.leading()?;
        let id = match change {
            MemberChange::Add { name, peer_urls, .. } => {
                check_urls(&peer_urls, &standing, None)?;
                let node = Node { name, peer_urls, ..Node::default() };
                self.add(&standing, node).await?
            }
            MemberChange::Promote(id) => {
                self.promote(&standing, id).await?;
                id
            }
            MemberChange::Remove(id) => {
                self.remove(&standing, id).await?;
                id
            }
            MemberChange::Update { id, peer_urls } => {
                check_urls(&peer_urls, &standing, Some(id))?;
                let node = standing.node(id).cloned().ok_or(NoChange::Rule(NOT_FOUND))?;
                self.reconfigure(Reconfigure::Describe(id, Node { peer_urls, ..node })).await?;
                id
            }
            MemberChange::Lead(id) => {
                self.hand_over(&standing, id).await?;
                id
            }
        };
        Ok(self.welcome(id))
    }

    /// Lets a new member in, takes note of where a member is reached, or tells who is there.
    pub(super) async fn let_in(&self, join: Join) -> Result<Welcome, NoChange> {
        let Join { id, node, .. } = join;
        if node.token == 0 {
            return Ok(self.welcome(0));
        }
        let _one_at_a_time = self.changing.lock().await;
        let standing = self.leading()?;
        let known =
            match id {
                0 => standing.members.membership().nodes().find(|(_, known)| {
                    node.peer_urls.iter().any(|url| known.peer_urls.contains(url))
                }),
                id => Some(standing.members.membership().nodes().find(|(known, _)| **known == id))
                    .flatten(),
            };
        let planted = self.planted.has(Fault::ReusedNodeId);
        let id = match known {
            None if id != 0 => return Err(NoChange::Rule(NOT_FOUND)),
            None => {
                check_urls(&node.peer_urls, &standing, None)?;
                self.add(&standing, node).await?
            }
            Some((_, known)) if known.token != 0 && known.token != node.token && !planted => {
                return Err(NoChange::Rule(LOST_DATA));
            }
            Some((id, known)) => {
                if *known != node {
                    self.reconfigure(Reconfigure::Describe(*id, node)).await?;
                }
                *id
            }
        };
        Ok(self.welcome(id))
    }

    fn leading(&self) -> Result<Standing, NoChange> {
        let standing = self.agreement.standing();
        if standing.leads() && !standing.stopped {
            return Ok(standing);
        }
        let leader = match Self::leader(&standing) {
            Some(Leader::Other(peer)) => Some(peer),
            _ => None,
        };
        Err(NoChange::NotLeader(NotLeader { leader }))
    }

    fn welcome(&self, id: MemberId) -> Welcome {
        let standing = self.agreement.standing();
        let Standing { leader, members, .. } = standing;
        Welcome { cluster: self.cluster, id, leader, members: (*members).clone() }
    }

    /// Lets `node` follow, under a new number.
    async fn add(&self, standing: &Standing, node: Node) -> Result<MemberId, NoChange> {
        let id = match self.agreement.propose(standing.term, Request::Number).await {
            Outcome::Applied { reply: Reply::Number(id), .. } => id,
            Outcome::NotLeader(answer) => return Err(NoChange::NotLeader(answer)),
            // A number that nobody gets is no harm.
            _ => return Err(NoChange::NotLeader(NotLeader::default())),
        };
        self.reconfigure(Reconfigure::Follow(id, node)).await?;
        Ok(id)
    }

    async fn promote(&self, standing: &Standing, id: MemberId) -> Result<(), NoChange> {
        if standing.node(id).is_none() {
            return Err(NoChange::Rule(NOT_FOUND));
        }
        if standing.votes(id) {
            return Err(NoChange::Rule(NO_LEARNER));
        }
        let matched = self.agreement.matched(id);
        if matched == 0 || matched + MAX_LAG < standing.next {
            return Err(NoChange::Rule(NOT_IN_SYNC));
        }
        self.reconfigure(Reconfigure::Vote(id)).await
    }

    async fn remove(&self, standing: &Standing, id: MemberId) -> Result<(), NoChange> {
        if standing.node(id).is_none() {
            return Err(NoChange::Rule(NOT_FOUND));
        }
        if !standing.votes(id) {
            return self.reconfigure(Reconfigure::RemoveFollower(id)).await;
        }
        if standing.members.voter_ids().count() == 1 {
            return Err(NoChange::Rule(TOO_FEW));
        }
        self.reconfigure(Reconfigure::RemoveVoter(id)).await
    }

    async fn hand_over(&self, standing: &Standing, id: MemberId) -> Result<(), NoChange> {
        if !standing.votes(id) {
            return Err(NoChange::Rule(BAD_TRANSFEREE));
        }
        if id == self.this {
            return Ok(());
        }
        self.agreement.transfer(id).await.map_err(NoChange::NotLeader)?;
        let deadline = self.deadline();
        loop {
            let now = self.agreement.standing();
            if now.leader == Some(id) {
                return Ok(());
            }
            if self.wait(&now, deadline).await.is_err() {
                return Err(NoChange::Unknown);
            }
        }
    }

    async fn reconfigure(&self, change: Reconfigure) -> Result<(), NoChange> {
        let deadline = self.deadline();
        loop {
            let applied = self.copy.applied();
            let standing = self.agreement.standing();
            let changed = tokio::select! {
                biased;
                changed = self.agreement.reconfigure(change.clone()) => changed,
                () = self.env.sleep_until(deadline) => return Err(NoChange::Unknown),
            };
            match changed {
                Ok(()) => return Ok(()),
                Err(NotChanged::NotLeader(answer)) => return Err(NoChange::NotLeader(answer)),
                Err(NotChanged::Against) => return Err(NoChange::Rule(TOO_FEW)),
                Err(NotChanged::Unknown) => return Err(NoChange::Unknown),
                // The other change is over when it is applied, or somebody else leads.
                Err(NotChanged::Busy) => tokio::select! {
                    biased;
                    () = self.copy.wait_applied(applied) => {}
                    () = self.agreement.changed(&standing) => {}
                    () = self.env.sleep_until(deadline) => return Err(NoChange::Unknown),
                },
            }
        }
    }

    /// Tells the others where this member is reached, and has it vote if it is to; goes on until
    /// that is done.
    pub(super) async fn introduce(&self, mut node: Node, learner: bool) {
        loop {
            let standing = self.agreement.standing();
            if standing.stopped {
                return;
            }
            let known = standing.node(self.this);
            if let Some(known) = known {
                // What an operator changed since counts, not what this member was started with.
                node.peer_urls.clone_from(&known.peer_urls);
            }
            if known.is_some_and(|known| *known == node) {
                if learner || standing.votes(self.this) {
                    return;
                }
                if self.change(MemberChange::Promote(self.this)).await.is_ok() {
                    continue;
                }
            } else if known.is_some() {
                self.publish(&standing, &node).await;
            }
            tokio::select! {
                biased;
                () = self.agreement.changed(&standing) => {}
                () = self.caught_up() => {}
            }
        }
    }

    /// Waits until this member has all that the leader has by now, who then answers.
    async fn caught_up(&self) {
        while self.leaders_point().await.is_err() {
            // An error has taken its time, unless too many ask.
            self.pause().await;
        }
    }

    async fn publish(&self, standing: &Standing, node: &Node) {
        let join = Join { id: self.this, node: node.clone(), learner: false };
        let answer = match Self::leader(standing) {
            Some(Leader::This) => self.let_in(join).await,
            Some(Leader::Other(peer)) => self.ask_in(&peer, &join).await,
            None => return,
        };
        if let Err(NoChange::Rule(rule)) = answer {
            tracing::error!(member = self.this, "{}", RULES[usize::from(rule)]);
        }
    }

    async fn ask_in(&self, peer: &Peer, join: &Join) -> Result<Welcome, NoChange> {
        let body = encoded(|out| out.join(join));
        let answer = self.links.call(peer, CallKind::Join, body, self.timing.request).await;
        let answer = answer.map_err(|_| NoChange::Unknown)?;
        decoded(answer, Reader::welcome).unwrap_or(Err(NoChange::Unknown))
    }
}

/// What a caller is told of a broken rule.
pub(super) fn refused(rule: u8) -> StoreError {
    StoreError::Invalid(RULES.get(usize::from(rule)).copied().unwrap_or("against the rules"))
}

/// Whether `urls` are sound, and no other member's than that of `owner`.
fn check_urls(
    urls: &[String],
    standing: &Standing,
    owner: Option<MemberId>,
) -> Result<(), NoChange> {
    let sound = |url: &String| !url.is_empty() && url.len() <= MAX_URL_BYTES;
    if urls.is_empty() || urls.len() > MAX_URLS || !urls.iter().all(sound) {
        return Err(NoChange::Rule(BAD_URLS));
    }
    let mut others = standing.members.membership().nodes().filter(|(id, _)| Some(**id) != owner);
    if others.any(|(_, node)| urls.iter().any(|url| node.peer_urls.contains(url))) {
        return Err(NoChange::Rule(URL_EXISTS));
    }
    Ok(())
}
