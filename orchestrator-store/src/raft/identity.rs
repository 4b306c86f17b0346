//! Who a member is: what its disk says, what it is told to begin, or what it learns by joining.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;

use super::StartError;
use super::builder::{Builder, InitialMember};
use super::log::{load_member, store_member};
use super::members::refused;
use super::message::{Join, NoChange, NotLeader, Welcome, decoded, encoded};
use super::network::{Call, CallKind, Peer, Transport};
use super::types::Node;
use crate::disk::Disk;
use crate::operator::MemberId;
use crate::planted::{Fault, Planted};
use crate::wire::{Reader, Writer};

/// How often a cluster is asked to let this member in.
const MAX_ATTEMPTS: usize = 100;

/// Who the member is, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) cluster: u64,
    pub(super) id: MemberId,
    /// Drawn when the member first started on its disk.
    pub(super) token: u64,
}

/// Finds out who the member is; the members that it is to begin the cluster with, if any.
pub(super) async fn find(
    builder: &Builder,
    disk: &Arc<dyn Disk>,
    transport: &Arc<dyn Transport>,
    env: &Env,
) -> Result<Identity, StartError> {
    let on = Arc::clone(disk);
    let found = env.blocking(move || load_member(&*on, read)).await?;
    let finder = Finder { builder, disk, transport, env };
    match found {
        Some(identity) if identity.id != 0 => Ok(identity),
        // It was about to join, and goes on with the same token.
        Some(Identity { token, .. }) => finder.join(token).await,
        None => {
            let token = 1 + env.random_below(u64::MAX - 1);
            match builder.initial.is_empty() {
                true => finder.join(token).await,
                false => finder.begin(token).await,
            }
        }
    }
}

fn read(from: &mut Reader) -> Result<Identity, crate::wire::WireError> {
    Ok(Identity { cluster: from.number()?, id: from.number()?, token: from.number()? })
}

/// Who the member is whose state was restored, of which `sum` is a checksum.
pub(super) fn restored(builder: &Builder, sum: u32, token: u64) -> Result<Identity, StartError> {
    let this = builder.this().ok_or(StartError::NotInitial)?;
    let cluster = cluster_id(&builder.initial, &builder.token, Some(sum));
    Ok(Identity { cluster, id: this.id, token })
}

/// Notes who the member on `disk` is.
pub(super) fn note(disk: &dyn Disk, identity: &Identity, planted: Planted) -> std::io::Result<()> {
    store_member(disk, planted, |out| write(identity, out))
}

fn write(identity: &Identity, out: &mut Writer<'_>) {
    out.number(identity.cluster);
    out.number(identity.id);
    out.number(identity.token);
}

struct Finder<'a> {
    builder: &'a Builder,
    disk: &'a Arc<dyn Disk>,
    transport: &'a Arc<dyn Transport>,
    env: &'a Env,
}

impl Finder<'_> {
    async fn store(&self, identity: Identity) -> Result<Identity, StartError> {
        let (disk, planted, noted) =
            (Arc::clone(self.disk), self.builder.logged.planted, identity.clone());
        self.env.blocking(move || note(&*disk, &noted, planted)).await.map_err(StartError::Disk)?;
        Ok(identity)
    }

    /// Begins a cluster, unless it runs already and this member was part of it.
    async fn begin(&self, token: u64) -> Result<Identity, StartError> {
        let Builder { logged, initial, token: cluster_token, .. } = self.builder;
        let this = self.builder.this().ok_or(StartError::NotInitial)?;
        let cluster = cluster_id(initial, cluster_token, None);
        let others = initial.iter().filter(|member| member.id != this.id);
        let known = others.map(|other| self.is_known_to(other, cluster, this.id));
        let known = futures::future::join_all(known).await;
        if known.contains(&true) && !reuses(logged.planted) {
            return Err(StartError::LostData);
        }
        self.store(Identity { cluster, id: this.id, token }).await
    }

    /// Whether `other` knows that the member `this` has started before.
    async fn is_known_to(&self, other: &InitialMember, cluster: u64, this: MemberId) -> bool {
        let address = other.peer_urls.first().cloned().unwrap_or_default();
        let peer = Peer { id: other.id, address };
        let ask = Join { id: 0, node: Node::default(), learner: false };
        // One that does not run, or that has only just begun too, says so at once or not at all.
        let within = self.builder.timing.election_max;
        let Some(Ok(welcome)) = self.ask(&peer, cluster, &ask, within).await else { return false };
        welcome.members.get_node(&this).is_some_and(|node| node.token != 0)
    }

    /// Asks to be let into a running cluster until it is, or is refused.
    async fn join(&self, token: u64) -> Result<Identity, StartError> {
        if self.builder.join.is_empty() {
            return Err(StartError::NotInitial);
        }
        // Noted first, so that a member that fails on the way is known again.
        self.store(Identity { cluster: 0, id: 0, token }).await?;
        let join = Join { id: 0, node: node(self.builder, token), learner: self.builder.learner };
        let known = self.builder.join.iter();
        let mut peers: Vec<Peer> = known.map(|url| Peer { id: 0, address: url.clone() }).collect();
        for attempt in 0..MAX_ATTEMPTS {
            let peer = peers[attempt % peers.len()].clone();
            match self.ask(&peer, 0, &join, self.builder.timing.request).await {
                Some(Ok(Welcome { cluster, id, .. })) if id != 0 => {
                    return self.store(Identity { cluster, id, token }).await;
                }
                Some(Err(NoChange::Rule(rule))) => return Err(StartError::Refused(refused(rule))),
                Some(Err(NoChange::NotLeader(NotLeader { leader: Some(leader) }))) => {
                    let leader = Peer { id: 0, ..leader };
                    if !peers.contains(&leader) {
                        peers.insert((attempt + 1) % peers.len(), leader);
                        continue;
                    }
                }
                _ => {}
            }
            self.env.sleep(self.builder.timing.election_max).await;
        }
        Err(StartError::NobodyAnswers)
    }

    async fn ask(
        &self,
        peer: &Peer,
        cluster: u64,
        join: &Join,
        within: Duration,
    ) -> Option<Result<Welcome, NoChange>> {
        let body = encoded(|out| out.join(join));
        let call = Call { cluster, from: 0, to: peer.id, kind: CallKind::Join, body };
        let answer = tokio::select! {
            biased;
            answer = self.transport.call(peer, call) => answer.ok()?,
            () = self.env.sleep(within) => return None,
        };
        decoded(answer, Reader::welcome).ok()
    }
}

fn reuses(planted: Planted) -> bool {
    planted.has(Fault::ReusedNodeId)
}

/// How this member describes itself.
pub(super) fn node(builder: &Builder, token: u64) -> Node {
    let peer_urls = match builder.this() {
        Some(member) if builder.peer_urls.is_empty() => member.peer_urls.clone(),
        _ => builder.peer_urls.clone(),
    };
    let client_urls = builder.client_urls.clone();
    Node { name: builder.logged.name.clone(), peer_urls, client_urls, token }
}

/// The members as the first entry of the log has them, equal on all.
pub(super) fn first_members(initial: &[InitialMember]) -> BTreeMap<MemberId, Node> {
    let node = |member: &InitialMember| Node {
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        ..Node::default()
    };
    initial.iter().map(|member| (member.id, node(member))).collect()
}

/// The number of the cluster that begins with `initial`, and with what `restored` is a checksum
/// of, if with anything; never 0.
fn cluster_id(initial: &[InitialMember], token: &str, restored: Option<u32>) -> u64 {
    let members = first_members(initial);
    let bytes = encoded(|out| {
        out.bytes(token.as_bytes());
        for (id, node) in &members {
            out.number(*id);
            out.bytes(node.name.as_bytes());
            node.peer_urls.iter().for_each(|url| out.bytes(url.as_bytes()));
        }
        restored.iter().for_each(|sum| out.bytes(&sum.to_le_bytes()));
    });
    // Two checksums of different beginnings: a number to tell clusters apart, not a secret.
    let (high, low) = (crc32c::crc32c(&bytes), crc32c::crc32c_append(0x5bd1_e995, &bytes));
    (u64::from(high) << 32 | u64::from(low)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_number_depends_on_the_members_not_on_their_order() {
        let (a, b) = (InitialMember::new(1, "a", "u1"), InitialMember::new(2, "b", "u2"));
        let number = cluster_id(&[a.clone(), b.clone()], "", None);
        assert_eq!(number, cluster_id(&[b.clone(), a.clone()], "", None));
        assert_ne!(number, cluster_id(&[a.clone(), b.clone()], "x", None));
        assert_ne!(number, cluster_id(&[a.clone(), b], "", Some(0)));
        assert_ne!(number, cluster_id(&[a], "", None));
    }
}
