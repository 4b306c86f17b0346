//! Tables of packet rules, as data, and the transactions that change them.
//!
//! A [`Ruleset`] is all that one table holds. Two rulesets give the [`Batch`] that leads from one
//! to the other ([`Ruleset::changes_to`]); a caller who knows better what has changed builds the
//! batch itself. A batch is one transaction: the kernel has all of it or nothing, and no packet
//! sees a mixture. Tables of others are never touched: every change names its table.

mod change;
mod encode;
mod kernel;
mod memory;
mod packet;
mod statement;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

pub use change::{Batch, Change};
pub use kernel::Kernel;
pub use memory::Memory;
pub use packet::{Outcome, Packet};
pub use statement::{Compare, Field, KNOWN, LOCAL, NEW, REDIRECTED, Reject, Rule, Statement, Word};

/// Takes batches of changes to packet rules.
///
/// # Contract
/// - **Atomic.** A batch is applied as a whole or not at all.
/// - **Own tables only.** Nothing is changed but the tables that the batch names.
/// - **Strict.** A batch that does not fit what is there (an element that exists, a chain that does
///   not) is refused, so that whoever keeps a model of the rules finds out that it is wrong.
#[async_trait]
pub trait Nftables: fmt::Debug + Send + Sync + 'static {
    /// Applies `batch` in one transaction.
    ///
    /// # Errors
    /// [`NftError::Refused`]: nothing was changed. [`NftError::Unavailable`]: it may have been;
    /// replace the table.
    async fn commit(&self, batch: Batch) -> Result<(), NftError>;
}

/// Why rules could not be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NftError {
    /// The batch does not fit the rules that are there, or the kernel lacks what it uses.
    #[error("packet rules refused: {0}")]
    Refused(String),
    /// The kernel could not be asked.
    #[error("packet rules unavailable")]
    Unavailable(#[source] orchestrator_core::BoxError),
}

/// The packets that a table sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ip4, Self::Ip6];

    /// The family of an address.
    pub fn of(address: std::net::IpAddr) -> Self {
        if address.is_ipv4() { Self::Ip4 } else { Self::Ip6 }
    }

    /// How many bytes an address has.
    pub fn address_len(self) -> usize {
        match self {
            Self::Ip4 => 4,
            Self::Ip6 => 16,
        }
    }

    /// How many words of registers an address takes.
    pub fn address_words(self) -> Word {
        match self {
            Self::Ip4 => 1,
            Self::Ip6 => 4,
        }
    }
}

/// Names a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    /// The packets it sees.
    pub family: Family,
    /// Its name.
    pub name: String,
}

/// All that a table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The sets and maps, by name.
    pub sets: BTreeMap<String, Set>,
    /// The chains, by name.
    pub chains: BTreeMap<String, Chain>,
}

/// A set or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its shape.
    pub shape: Shape,
    /// What it holds; of a [dynamic](Shape::dynamic) one, only what the rules do not add.
    pub elements: BTreeMap<Key, Option<Data>>,
}

impl Set {
    /// A set of this shape that holds nothing.
    pub fn new(shape: Shape) -> Self {
        Self { shape, elements: BTreeMap::new() }
    }
}

/// The shape of a set or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The parts of a key.
    pub key: Vec<Part>,
    /// What a key leads to; nothing in a plain set.
    pub data: Option<DataShape>,
    /// Whether keys may be ranges.
    pub interval: bool,
    /// How many elements rules may add, each with an end; no rule adds any where `None`.
    pub dynamic: Option<u32>,
}

impl Shape {
    /// A set of such keys.
    pub fn set(key: impl Into<Vec<Part>>) -> Self {
        Self { key: key.into(), data: None, interval: false, dynamic: None }
    }

    /// A map from such keys to verdicts.
    pub fn verdicts(key: impl Into<Vec<Part>>) -> Self {
        Self { data: Some(DataShape::Verdict), ..Self::set(key) }
    }

    /// A map from such keys to such values.
    pub fn map(key: impl Into<Vec<Part>>, value: impl Into<Vec<Part>>) -> Self {
        Self { data: Some(DataShape::Value(value.into())), ..Self::set(key) }
    }

    /// The same with ranges as keys.
    #[must_use]
    pub fn interval(mut self) -> Self {
        self.interval = true;
        self
    }

    /// The same for rules to add up to `size` elements.
    #[must_use]
    pub fn dynamic(mut self, size: u32) -> Self {
        self.dynamic = Some(size);
        self
    }
}

/// What the keys of a map lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataShape {
    /// What becomes of the packet.
    Verdict,
    /// A value of these parts.
    Value(Vec<Part>),
}

/// A part of a key or value. In a key of several parts each takes whole words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// An IPv4 address.
    Address4,
    /// An IPv6 address.
    Address6,
    /// A transport protocol.
    Protocol,
    /// A port.
    Port,
    /// A number of 32 bits, in the machine's order.
    Number,
}

impl Part {
    /// The addresses of a family.
    pub fn address(family: Family) -> Self {
        match family {
            Family::Ip4 => Self::Address4,
            Family::Ip6 => Self::Address6,
        }
    }

    /// How many bytes it has by itself.
    pub fn width(self) -> usize {
        match self {
            Self::Address4 | Self::Number => 4,
            Self::Address6 => 16,
            Self::Protocol => 1,
            Self::Port => 2,
        }
    }
}

/// A key of a set: one value, or a range of values part by part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The value, or the first of the range; see [`Bytes`].
    pub from: Vec<u8>,
    /// The last of the range.
    pub to: Option<Vec<u8>>,
}

impl Key {
    /// One value.
    pub fn one(bytes: Bytes) -> Self {
        Self { from: bytes.0, to: None }
    }

    /// A range, both ends included.
    pub fn range(from: Bytes, to: Bytes) -> Self {
        let to = (from != to).then_some(to.0);
        Self { from: from.0, to }
    }
}

/// The bytes of a key or value of several parts: each is filled up to whole words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// No part yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an address.
    #[must_use]
    pub fn address(mut self, address: std::net::IpAddr) -> Self {
        match address {
            std::net::IpAddr::V4(ip) => self.0.extend(ip.octets()),
            std::net::IpAddr::V6(ip) => self.0.extend(ip.octets()),
        }
        self
    }

    /// Adds a port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.0.extend(port.to_be_bytes());
        self.0.extend([0, 0]);
        self
    }

    /// Adds the number of a transport protocol.
    #[must_use]
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.0.extend([protocol, 0, 0, 0]);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: u32) -> Self {
        self.0.extend(number.to_ne_bytes());
        self
    }
}

/// What a key of a map leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// What becomes of the packet.
    Verdict(Verdict),
    /// A value.
    Value(Vec<u8>),
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes this hook.
    Accept,
    /// It is thrown away.
    Drop,
    /// The chain ends; the one that jumped here goes on.
    Return,
    /// That chain sees it next, then the rest of this one.
    Jump(String),
    /// That chain sees it next, and this one no more.
    Goto(String),
}

impl Verdict {
    /// The chain that it names.
    pub fn chain(&self) -> Option<&str> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Return => None,
        }
    }
}

/// A list of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Where packets enter it; only by other chains where `None`.
    pub hook: Option<Hook>,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

/// Where packets enter a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// What the chain may do.
    pub kind: HookKind,
    /// The place on the packet's way.
    pub place: Place,
    /// The order among the chains of one place; the lowest is first.
    pub priority: i32,
}

/// What a chain at a hook may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// Let packets pass or not; it sees all of them.
    Filter,
    /// Change addresses; it sees the first packet of each connection.
    Nat,
}

/// A place on a packet's way through the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It came from outside and has no route yet.
    Prerouting,
    /// It is for this machine.
    Input,
    /// It passes through.
    Forward,
    /// This machine sends it.
    Output,
    /// It leaves.
    Postrouting,
}

#[cfg(test)]
fn _dyn_compatible(_: &dyn Nftables) {}
