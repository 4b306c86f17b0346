//! What rules are made of.
//!
//! The kernel evaluates a rule statement by statement over sixteen words of registers, and stops at
//! the first that does not match. A [`Word`] says where a value starts; one of several parts lies in
//! consecutive words, so that its first word names all of it.

use std::time::Duration;

use super::Verdict;

/// The statements of a rule, in order.
pub type Rule = Vec<Statement>;

/// The first word of a value in the registers, 0 to 15.
pub type Word = u8;

/// A step of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Statement {
    /// Puts a field of the packet into a register.
    Load(Field, Word),
    /// Puts a constant into a register.
    Constant(Vec<u8>, Word),
    /// Puts a random number below the first into a register.
    Random(u32, Word),
    /// Goes on if the register compares so with a constant.
    If(Word, Compare, Vec<u8>),
    /// Keeps the bits of this mask, of one word.
    Mask(Word, u32),
    /// Goes on if the set has the key, or has not.
    In {
        /// The set.
        set: String,
        /// Where the key starts.
        key: Word,
        /// Whether it shall be there.
        is: bool,
    },
    /// Goes on if the map has the key, and puts what it leads to into a register.
    Get {
        /// The map.
        map: String,
        /// Where the key starts.
        key: Word,
        /// Where the value goes.
        to: Word,
    },
    /// Does what the map says of the key; goes on if it says nothing.
    Verdicts {
        /// The map.
        map: String,
        /// Where the key starts.
        key: Word,
    },
    /// Removes an element that rules added.
    Forget {
        /// The map.
        map: String,
        /// Where the key starts.
        key: Word,
        /// Where a value starts, which does not matter, but the kernel wants one.
        value: Word,
    },
    /// Adds an element to a map; one that is there keeps its value, and lasts longer.
    Remember {
        /// The map.
        map: String,
        /// Where the key starts.
        key: Word,
        /// Where the value starts.
        value: Word,
        /// How long it lasts.
        timeout: Duration,
    },
    /// Sets these bits of the packet's mark.
    SetMark(u32),
    /// Clears these bits of the packet's mark.
    ClearMark(u32),
    /// Sends the connection to the address and port in registers.
    SendTo {
        /// Where the address starts.
        address: Word,
        /// Where the port is.
        port: Word,
    },
    /// Gives the connection the address of the interface that it leaves by.
    Masquerade,
    /// Refuses the packet and says so.
    Reject(Reject),
    /// Decides.
    Verdict(Verdict),
}

/// What can be loaded of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The source address.
    Source,
    /// The destination address.
    Destination,
    /// The transport protocol.
    Protocol,
    /// The port that it comes from.
    SourcePort,
    /// The port that it goes to.
    DestinationPort,
    /// Its mark.
    Mark,
    /// The kind of its destination address: 2 where it is one of this machine.
    DestinationKind,
    /// The kind of its source address.
    SourceKind,
    /// The state of its connection: 2 established, 4 related, 8 new, as bits.
    ConnectionState,
    /// What was done to its connection: 32 where the destination was changed, as bits.
    ConnectionStatus,
}

/// How a register is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// It is the same.
    Is,
    /// It is not the same.
    IsNot,
}

/// How a refused sender hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// A TCP reset.
    Reset,
    /// An ICMP message that the port cannot be reached.
    Port,
}

/// The kind of an address that is one of this machine (`RTN_LOCAL`).
pub const LOCAL: u32 = 2;
/// The state of connections whose first packet this is.
pub const NEW: u32 = 8;
/// The states of connections that were accepted before, and of what belongs to them.
pub const KNOWN: u32 = 2 | 4;
/// The status of connections whose destination was changed.
pub const REDIRECTED: u32 = 1 << 5;

impl Statement {
    /// Loads the connection's state and goes on if it is one of `bits`; uses word 0.
    pub fn if_state(bits: u32) -> [Self; 3] {
        Self::if_bits(Field::ConnectionState, bits)
    }

    /// Loads a field of bits and goes on if one of `bits` is set; uses word 0.
    pub fn if_bits(field: Field, bits: u32) -> [Self; 3] {
        let zero = 0u32.to_ne_bytes().to_vec();
        [Self::Load(field, 0), Self::Mask(0, bits), Self::If(0, Compare::IsNot, zero)]
    }

    /// Goes on if the destination is an address of this machine; uses word 0.
    pub fn if_destination_is_local() -> [Self; 2] {
        let local = LOCAL.to_ne_bytes().to_vec();
        [Self::Load(Field::DestinationKind, 0), Self::If(0, Compare::Is, local)]
    }

    /// Goes on if the source is an address of this machine; uses word 0.
    pub fn if_source_is_local() -> [Self; 2] {
        let local = LOCAL.to_ne_bytes().to_vec();
        [Self::Load(Field::SourceKind, 0), Self::If(0, Compare::Is, local)]
    }

    /// Goes on if the packet is of this transport protocol; uses word 0.
    pub fn if_protocol(protocol: u8) -> [Self; 2] {
        [Self::Load(Field::Protocol, 0), Self::If(0, Compare::Is, vec![protocol])]
    }
}
