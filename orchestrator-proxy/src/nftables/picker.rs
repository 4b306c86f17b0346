//! Chains that pick an endpoint.
//!
//! There is one for each number of endpoints that services have, not one for each service: which
//! service it is follows from the packet's destination, which leads to a pool, and the pool and a
//! number drawn at random lead to the endpoint.

use std::time::Duration;

use orchestrator_netlink::nft::{Family, Field, Rule, Statement, Word};

use super::layout::{self, MASQUERADE};

/// Picks endpoints of services that differ in nothing but their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Picker {
    /// Among how many.
    pub(super) endpoints: u32,
    /// How the packet says which service it is for.
    pub(super) entrance: Entrance,
    /// Whether the client's address gives way to the node's.
    pub(super) masquerade: bool,
    /// Whether the packet takes the shortcut.
    pub(super) shortcut: bool,
    /// How long a client keeps its endpoint.
    pub(super) affinity_seconds: Option<u64>,
}

/// How a packet says which service it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Entrance {
    /// By address and port.
    Address,
    /// By a port of the node.
    NodePort,
}

/// The pool's word in the registers, and the first of what a client is known by.
const POOL: Word = 0;
/// The word after a pool.
const AFTER_POOL: Word = 2;
/// Where a second pool and client lie beside an endpoint.
const SECOND: Word = 8;

impl Picker {
    /// The name of the chain.
    pub(super) fn chain(&self) -> String {
        let mut name = format!("pick-{}", self.endpoints);
        let words = [
            (self.entrance == Entrance::NodePort, "-node"),
            (self.masquerade, "-masquerade"),
            (self.shortcut, "-shortcut"),
        ];
        name.extend(words.into_iter().filter(|(is, _)| *is).map(|(_, word)| word));
        if let Some(seconds) = self.affinity_seconds {
            name.push_str(&format!("-affinity-{seconds}"));
        }
        name
    }

    /// The rules of the chain.
    pub(super) fn rules(&self, family: Family) -> Vec<Rule> {
        let mut any: Rule = self.pool(family, POOL);
        any.extend(self.draw());
        let Some(seconds) = self.affinity_seconds else {
            any.extend(self.send(family));
            return vec![any];
        };
        let timeout = Duration::from_secs(seconds);
        let mut again: Rule = self.pool(family, POOL);
        again.extend([
            Statement::Load(Field::Source, AFTER_POOL),
            Statement::Get { map: layout::AFFINITY.into(), key: POOL, to: AFTER_POOL },
            Statement::In { set: layout::MEMBERS.into(), key: POOL, is: true },
        ]);
        again.extend(self.client(family));
        again.push(remember(timeout));
        again.extend(self.send(family));
        let mut first = any.clone();
        first.extend(self.client(family));
        // An endpoint that left the pool may still be remembered.
        let map = layout::AFFINITY.into();
        first.push(Statement::Forget { map, key: SECOND, value: AFTER_POOL });
        first.push(remember(timeout));
        first.extend(self.send(family));
        // Where no more clients can be remembered, traffic goes on without.
        any.extend(self.send(family));
        vec![again, first, any]
    }

    /// Looks up the pool.
    fn pool(&self, family: Family, to: Word) -> Rule {
        let map = if self.shortcut { layout::SHORTCUT_POOLS } else { layout::POOLS };
        let mut rule = service_key(family, self.entrance, to);
        rule.push(Statement::Get { map: map.into(), key: to, to });
        rule
    }

    /// Draws an endpoint of the pool.
    fn draw(&self) -> [Statement; 2] {
        [
            Statement::Random(self.endpoints, AFTER_POOL),
            Statement::Get { map: layout::ENDPOINTS.into(), key: POOL, to: AFTER_POOL },
        ]
    }

    /// Loads what a client is remembered by.
    fn client(&self, family: Family) -> Rule {
        let mut rule = self.pool(family, SECOND);
        rule.push(Statement::Load(Field::Source, SECOND + 2));
        rule
    }

    /// Sends the connection to the endpoint that is in the registers.
    fn send(&self, family: Family) -> Rule {
        let mut rule = Rule::new();
        if self.masquerade {
            rule.push(Statement::SetMark(MASQUERADE));
        }
        let port = AFTER_POOL + family.address_words();
        rule.push(Statement::SendTo { address: AFTER_POOL, port });
        rule
    }
}

/// Remembers the endpoint that is in the registers for the client.
fn remember(timeout: Duration) -> Statement {
    Statement::Remember { map: layout::AFFINITY.into(), key: SECOND, value: AFTER_POOL, timeout }
}

/// Loads what says which service a packet is for.
pub(super) fn service_key(family: Family, entrance: Entrance, to: Word) -> Rule {
    let words = family.address_words();
    let address = match entrance {
        Entrance::Address => Statement::Load(Field::Destination, to),
        Entrance::NodePort => Statement::Constant(vec![0; family.address_len()], to),
    };
    vec![
        address,
        Statement::Load(Field::Protocol, to + words),
        Statement::Load(Field::DestinationPort, to + words + 1),
    ]
}
