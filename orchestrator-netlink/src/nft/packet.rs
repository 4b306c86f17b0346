//! What rules do to a packet, without a kernel.
//!
//! One hook is evaluated at a time: the test that sends a packet through several of them carries
//! mark and destination from one to the next, as a packet would.

use std::net::{IpAddr, SocketAddr};

use super::{
    Compare, Data, Family, Field, Memory, NEW, Part, Place, REDIRECTED, Reject, Ruleset, Statement,
    Verdict, Word,
};

/// The first packet of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Where it comes from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// Its transport protocol.
    pub protocol: u8,
    /// Whether it goes to this machine.
    pub to_local: bool,
    /// Whether it comes from this machine.
    pub from_local: bool,
    /// Its mark.
    pub mark: u32,
    /// Whether its destination was changed.
    pub redirected: bool,
    /// What [`Statement::Random`] yields, below 2³²; it is scaled down to the range.
    pub random: u32,
}

impl Packet {
    /// A TCP packet of others to others.
    pub fn tcp(from: SocketAddr, to: SocketAddr) -> Self {
        Self {
            from,
            to,
            protocol: 6,
            to_local: false,
            from_local: false,
            mark: 0,
            redirected: false,
            random: 0,
        }
    }

    fn load(&self, field: Field) -> Vec<u8> {
        let address = |ip: IpAddr| super::Bytes::new().address(ip).0;
        let kind = |local: bool| u32::from(local).wrapping_add(1).to_ne_bytes().to_vec();
        match field {
            Field::Source => address(self.from.ip()),
            Field::Destination => address(self.to.ip()),
            Field::Protocol => vec![self.protocol],
            Field::SourcePort => self.from.port().to_be_bytes().to_vec(),
            Field::DestinationPort => self.to.port().to_be_bytes().to_vec(),
            Field::Mark => self.mark.to_ne_bytes().to_vec(),
            Field::DestinationKind => kind(self.to_local),
            Field::SourceKind => kind(self.from_local),
            Field::ConnectionState => NEW.to_ne_bytes().to_vec(),
            Field::ConnectionStatus => {
                (if self.redirected { REDIRECTED } else { 0 }).to_ne_bytes().to_vec()
            }
        }
    }
}

/// What becomes of a packet at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on.
    Pass,
    /// It is thrown away.
    Dropped,
    /// It is refused, and the sender told.
    Refused(Reject),
}

enum Step {
    Next,
    EndOfRule,
    EndOfChain,
    Done(Outcome),
}

impl Memory {
    /// Sends `packet` through all chains at `place`, in the order of their priorities.
    ///
    /// The packet's mark and destination change with it. Masquerading is seen as a source address
    /// that is unspecified.
    pub fn packet(&self, place: Place, packet: &mut Packet) -> Outcome {
        let mut tables = self.tables();
        let family = Family::of(packet.to.ip());
        let mut hooks: Vec<(i32, super::TableId, String)> = Vec::new();
        for (id, table) in tables.iter().filter(|(id, _)| id.family == family) {
            for (name, chain) in &table.chains {
                if let Some(hook) = chain.hook.filter(|hook| hook.place == place) {
                    hooks.push((hook.priority, id.clone(), name.clone()));
                }
            }
        }
        hooks.sort();
        for (_, id, chain) in hooks {
            let table = tables.get_mut(&id).expect("it was listed");
            match run(table, &chain, packet) {
                Step::Done(Outcome::Pass) | Step::EndOfChain | Step::Next | Step::EndOfRule => {}
                Step::Done(outcome) => return outcome,
            }
        }
        Outcome::Pass
    }
}

fn run(table: &Ruleset, chain: &str, packet: &mut Packet) -> Step {
    let rules = &table.chains[chain].rules;
    for rule in rules {
        let mut registers = Registers([0; 64]);
        for statement in rule {
            match registers.step(table, statement, packet) {
                Step::Next => {}
                Step::EndOfRule => break,
                end => return end,
            }
        }
    }
    Step::EndOfChain
}

fn decide(table: &Ruleset, verdict: &Verdict, packet: &mut Packet) -> Step {
    match verdict {
        Verdict::Accept => Step::Done(Outcome::Pass),
        Verdict::Drop => Step::Done(Outcome::Dropped),
        Verdict::Return => Step::EndOfChain,
        Verdict::Goto(chain) => run(table, chain, packet),
        Verdict::Jump(chain) => match run(table, chain, packet) {
            Step::EndOfChain => Step::EndOfRule,
            end => end,
        },
    }
}

struct Registers([u8; 64]);

impl Registers {
    fn put(&mut self, word: Word, bytes: &[u8]) {
        let at = usize::from(word) * 4;
        let end = at + bytes.len().next_multiple_of(4);
        self.0[at..end].fill(0);
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn get(&self, word: Word, len: usize) -> &[u8] {
        &self.0[usize::from(word) * 4..][..len]
    }

    fn word(&self, word: Word) -> u32 {
        u32::from_ne_bytes(self.get(word, 4).try_into().expect("a word has four bytes"))
    }

    fn step(&mut self, table: &Ruleset, statement: &Statement, packet: &mut Packet) -> Step {
        let go_on = |yes: bool| if yes { Step::Next } else { Step::EndOfRule };
        match statement {
            Statement::Load(field, to) => self.put(*to, &packet.load(*field)),
            Statement::Constant(bytes, to) => self.put(*to, bytes),
            Statement::Random(modulus, to) => {
                let scaled = (u64::from(packet.random) * u64::from(*modulus)) >> 32;
                let number = u32::try_from(scaled).expect("it is below the modulus");
                self.put(*to, &number.to_ne_bytes());
            }
            Statement::If(word, compare, bytes) => {
                let same = self.get(*word, bytes.len()) == bytes;
                return go_on(same == (*compare == Compare::Is));
            }
            Statement::Mask(word, mask) => {
                let masked = self.word(*word) & mask;
                self.put(*word, &masked.to_ne_bytes());
            }
            Statement::In { set, key, is } => {
                return go_on(self.find(table, set, *key).is_some() == *is);
            }
            Statement::Get { map, key, to } => match self.find(table, map, *key) {
                Some(Some(Data::Value(value))) => self.put(*to, &value),
                _ => return Step::EndOfRule,
            },
            Statement::Verdicts { map, key } => {
                if let Some(Some(Data::Verdict(verdict))) = self.find(table, map, *key) {
                    return decide(table, &verdict, packet);
                }
            }
            // Clients are not remembered from one packet to the next.
            Statement::Forget { .. } | Statement::Remember { .. } => {}
            Statement::SetMark(bits) => packet.mark |= bits,
            Statement::ClearMark(bits) => packet.mark &= !bits,
            Statement::SendTo { address, port } => {
                packet.to = self.address(packet.to.ip(), *address, *port);
                packet.redirected = true;
                return Step::Done(Outcome::Pass);
            }
            Statement::Masquerade => {
                let any: IpAddr = match packet.from.ip() {
                    IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
                    IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
                };
                packet.from.set_ip(any);
                return Step::Done(Outcome::Pass);
            }
            Statement::Reject(reject) => return Step::Done(Outcome::Refused(*reject)),
            Statement::Verdict(verdict) => return decide(table, verdict, packet),
        }
        Step::Next
    }

    fn address(&self, like: IpAddr, address: Word, port: Word) -> SocketAddr {
        let ip: IpAddr = match like {
            IpAddr::V4(_) => {
                <[u8; 4]>::try_from(self.get(address, 4)).expect("it has four bytes").into()
            }
            IpAddr::V6(_) => {
                <[u8; 16]>::try_from(self.get(address, 16)).expect("it has sixteen bytes").into()
            }
        };
        let port = self.get(port, 2).try_into().expect("a port has two bytes");
        SocketAddr::new(ip, u16::from_be_bytes(port))
    }

    fn find(&self, table: &Ruleset, set: &str, key: Word) -> Option<Option<Data>> {
        let set = &table.sets[set];
        let parts = &set.shape.key;
        let widths: Vec<usize> = match parts.as_slice() {
            [part] => vec![Part::width(*part)],
            parts => parts.iter().map(|part| part.width().next_multiple_of(4)).collect(),
        };
        let wanted = self.get(key, widths.iter().sum());
        let inside = |from: &[u8], to: &[u8]| {
            let mut at = 0;
            widths.iter().all(|width| {
                let field = at..at + width;
                at += width;
                from[field.clone()] <= wanted[field.clone()] && wanted[field.clone()] <= to[field]
            })
        };
        let found = set
            .elements
            .iter()
            .find(|(key, _)| inside(&key.from, key.to.as_ref().unwrap_or(&key.from)));
        found.map(|(_, data)| data.clone())
    }
}
