//! Changes as messages of netlink.

use nlink::netlink::nftables as wire;
use nlink::netlink::nftables::{
    BaseChain, CmpOp, CtKey, DynsetExpr, DynsetOp, Expr, FibFlags, FibResult, FilterHook,
    LookupExpr, MetaKey, NatFlags, NatHook, NumgenKind, PayloadBase, Priority, RawExpr, RawMessage,
    Register, SetDataType, SetElement, SetFlags, SetKeyType, Transaction,
};

use super::{
    Change, Compare, Data, DataShape, Family, Field, Hook, HookKind, Key, NftError, Part, Place,
    Reject, Rule, Shape, Statement, TableId, Verdict, Word,
};

/// How many elements go into one message: an attribute has at most 65,535 bytes, and the longest
/// element (two IPv6 addresses, ports, a value) takes some 160.
const ELEMENTS: usize = 256;

/// `NFT_MSG_NEWTABLE`, its flag `NLM_F_CREATE` and its attribute `NFTA_TABLE_NAME`.
const NEW_TABLE: u8 = 0;
const CREATE: u16 = 0x400;
const TABLE_NAME: u16 = 1;
/// Attributes of a `nat` expression (`NFTA_NAT_*`); where there are two, the first of a range.
const NAT_TYPE: u16 = 1;
const NAT_FAMILY: u16 = 2;
const NAT_ADDRESS: u16 = 3;
const NAT_PORT: u16 = 5;
const NAT_FLAGS: u16 = 7;
/// `NFT_NAT_DNAT`.
const DESTINATION: u32 = 1;
/// `NFTA_MASQ_FLAGS`.
const MASQUERADE_FLAGS: u16 = 1;
/// `NFT_REJECT_TCP_RST`.
const TCP_RESET: u32 = 1;
/// `NFT_REJECT_ICMP_UNREACH`.
const ICMP_UNREACHABLE: u32 = 0;

/// Where a mark is changed; rules keep what they look up in lower words.
const MARK_WORD: Word = 15;

/// Knows the shapes of the sets that a batch touches.
pub(super) trait Shapes {
    /// The shape of a set that is there, or was added earlier in the batch.
    fn shape(&self, table: &TableId, set: &str) -> Option<Shape>;
}

/// Adds `change` to `transaction`.
pub(super) fn encode(
    transaction: Transaction,
    table: &TableId,
    change: &Change,
    shapes: &dyn Shapes,
) -> Result<Transaction, NftError> {
    let (name, family) = (table.name.as_str(), family(table.family));
    Ok(match change {
        Change::Replace => {
            let there = transaction.raw(ensure_table(name, family));
            there.del_table(name, family).add_table(name, family)
        }
        Change::Remove => transaction.raw(ensure_table(name, family)).del_table(name, family),
        Change::AddSet(set, shape) => transaction.add_set(set_of(table, set, shape)),
        Change::RemoveSet(set) => transaction.del_set(name, set, family),
        Change::AddChain(chain, hook) => transaction.add_chain(chain_of(table, chain, *hook)?),
        Change::SetRules(chain, rules) => {
            let mut transaction = transaction.flush_chain(name, chain, family);
            for rule in rules {
                let exprs = rule_exprs(table.family, rule)?;
                let rule = wire::Rule::new(name, chain).family(family).expressions(exprs);
                transaction = transaction.add_rule(rule);
            }
            transaction
        }
        Change::RemoveChain(chain) => transaction.del_chain(name, chain, family),
        Change::AddElements(set, elements) => {
            let target = known(table, set, shapes)?;
            let elements: Vec<SetElement> = elements
                .iter()
                .map(|(key, data)| element(key, data.as_ref()))
                .collect::<Result<_, _>>()?;
            elements
                .chunks(ELEMENTS)
                .fold(transaction, |t, chunk| t.add_set_elements(&target, chunk))
        }
        Change::RemoveElements(set, keys) => {
            let target = known(table, set, shapes)?;
            let elements: Vec<SetElement> =
                keys.iter().map(|key| element(key, None)).collect::<Result<_, _>>()?;
            elements
                .chunks(ELEMENTS)
                .fold(transaction, |t, chunk| t.del_set_elements(&target, chunk))
        }
    })
}

/// Adds a table unless it is there, so that removing it cannot fail.
fn ensure_table(name: &str, family: wire::Family) -> RawMessage {
    let name = [name.as_bytes(), &[0]].concat();
    let len = u16::try_from(4 + name.len()).unwrap_or(u16::MAX);
    let mut attrs = [len.to_ne_bytes(), TABLE_NAME.to_ne_bytes()].concat();
    attrs.extend(&name);
    attrs.resize(attrs.len().next_multiple_of(4), 0);
    RawMessage::new(NEW_TABLE, family).flags(CREATE).attrs(attrs)
}

fn known(table: &TableId, set: &str, shapes: &dyn Shapes) -> Result<wire::Set, NftError> {
    let shape = shapes.shape(table, set);
    let shape =
        shape.ok_or_else(|| NftError::Refused(format!("no set {set} in {}", table.name)))?;
    Ok(set_of(table, set, &shape))
}

fn family(family: Family) -> wire::Family {
    match family {
        Family::Ip4 => wire::Family::Ip,
        Family::Ip6 => wire::Family::Ip6,
    }
}

fn set_of(table: &TableId, name: &str, shape: &Shape) -> wire::Set {
    let mut set = wire::Set::new(&table.name, name).family(family(table.family));
    set = set.key_type(key_type(&shape.key));
    let mut flags = SetFlags::empty();
    if shape.interval {
        flags |= SetFlags::INTERVAL;
    }
    set = set.flags(flags);
    if let Some(size) = shape.dynamic {
        set = set.dynamic().per_element_timeouts().size(size);
    }
    match &shape.data {
        None => set,
        Some(DataShape::Verdict) => set.vmap(),
        Some(DataShape::Value(parts)) => set.map(SetDataType::Value(key_type(parts))),
    }
}

fn key_type(parts: &[Part]) -> SetKeyType {
    let one = |part: &Part| match part {
        Part::Address4 => SetKeyType::Ipv4Addr,
        Part::Address6 => SetKeyType::Ipv6Addr,
        Part::Protocol => SetKeyType::InetProto,
        Part::Port => SetKeyType::InetService,
        Part::Number => SetKeyType::Mark,
    };
    match parts {
        [part] => one(part),
        parts => SetKeyType::Concat(parts.iter().map(one).collect()),
    }
}

fn element(key: &Key, data: Option<&Data>) -> Result<SetElement, NftError> {
    let element = match &key.to {
        None => SetElement::new(key.from.clone()),
        Some(to) => SetElement::range(key.from.clone(), to.clone()),
    };
    Ok(match data {
        None => element,
        Some(Data::Value(value)) => element.value(SetElement::new(value.clone())),
        Some(Data::Verdict(decision)) => element.verdict(verdict(decision)?),
    })
}

fn chain_of(table: &TableId, name: &str, hook: Option<Hook>) -> Result<wire::Chain, NftError> {
    let chain = wire::Chain::new(table.name.as_str(), name).map_err(refused)?;
    let chain = chain.family(family(table.family));
    let Some(Hook { kind, place, priority }) = hook else { return Ok(chain) };
    let priority = Priority::from_i32(priority);
    Ok(chain.base(match kind {
        HookKind::Filter => BaseChain::filter(filter_hook(place), priority),
        HookKind::Nat => BaseChain::nat(nat_hook(place)?, priority),
    }))
}

fn filter_hook(place: Place) -> FilterHook {
    match place {
        Place::Prerouting => FilterHook::Prerouting,
        Place::Input => FilterHook::Input,
        Place::Forward => FilterHook::Forward,
        Place::Output => FilterHook::Output,
        Place::Postrouting => FilterHook::Postrouting,
    }
}

fn nat_hook(place: Place) -> Result<NatHook, NftError> {
    Ok(match place {
        Place::Prerouting => NatHook::Prerouting,
        Place::Input => NatHook::Input,
        Place::Output => NatHook::Output,
        Place::Postrouting => NatHook::Postrouting,
        Place::Forward => {
            return Err(NftError::Refused("addresses change at no forward hook".into()));
        }
    })
}

fn rule_exprs(family: Family, rule: &Rule) -> Result<Vec<Expr>, NftError> {
    let mut exprs = Vec::with_capacity(rule.len() + 2);
    for statement in rule {
        push(&mut exprs, family, statement)?;
    }
    Ok(exprs)
}

fn push(exprs: &mut Vec<Expr>, family: Family, statement: &Statement) -> Result<(), NftError> {
    exprs.push(match statement {
        Statement::Load(field, to) => load(family, *field, register(*to)?),
        Statement::Constant(data, to) => {
            // A constant of several parts is loaded part by part: one register has 16 bytes.
            for (chunk, word) in data.chunks(4).zip(*to..) {
                exprs.push(Expr::Immediate { dreg: register(word)?, data: chunk.to_vec() });
            }
            return Ok(());
        }
        Statement::Random(modulus, to) => Expr::Numgen {
            dreg: register(*to)?,
            kind: NumgenKind::Random,
            modulus: *modulus,
            offset: 0,
        },
        Statement::If(word, compare, data) => Expr::Cmp {
            sreg: register(*word)?,
            op: if *compare == Compare::Is { CmpOp::Eq } else { CmpOp::Neq },
            data: data.clone(),
        },
        Statement::Mask(word, mask) => bits(register(*word)?, *mask, 0),
        Statement::In { set, key, is } => {
            let lookup = LookupExpr::new(set, register(*key)?);
            if *is { lookup.into() } else { lookup.invert().into() }
        }
        Statement::Get { map, key, to } => {
            LookupExpr::new(map, register(*key)?).dreg(register(*to)?).into()
        }
        Statement::Verdicts { map, key } => {
            LookupExpr::new(map, register(*key)?).dreg(Register::Verdict).into()
        }
        Statement::Forget { map, key, value } => {
            let delete = DynsetExpr::new(DynsetOp::Delete, map, register(*key)?);
            delete.sreg_data(register(*value)?).into()
        }
        Statement::Remember { map, key, value, timeout } => {
            let update = DynsetExpr::new(DynsetOp::Update, map, register(*key)?);
            update.sreg_data(register(*value)?).timeout(*timeout).into()
        }
        Statement::SetMark(set) => return mark(exprs, !set, *set),
        Statement::ClearMark(clear) => return mark(exprs, !clear, 0),
        Statement::SendTo { address, port } => {
            send_to(family, register(*address)?, register(*port)?)
        }
        Statement::Masquerade => masquerade(),
        Statement::Reject(reject) => refuse(family, *reject),
        Statement::Verdict(decision) => Expr::Verdict(verdict(decision)?),
    });
    Ok(())
}

fn mark(exprs: &mut Vec<Expr>, mask: u32, xor: u32) -> Result<(), NftError> {
    let word = register(MARK_WORD)?;
    exprs.push(Expr::Meta { dreg: word, key: MetaKey::Mark });
    exprs.push(bits(word, mask, xor));
    exprs.push(Expr::MetaSet { key: MetaKey::Mark, sreg: word });
    Ok(())
}

fn bits(word: Register, mask: u32, xor: u32) -> Expr {
    let (mask, xor) = (mask.to_ne_bytes().to_vec(), xor.to_ne_bytes().to_vec());
    Expr::Bitwise { sreg: word, dreg: word, len: 4, mask, xor }
}

/// A `nat` expression, whose address and port are in registers; nlink builds only those with
/// constants.
fn send_to(of: Family, address: Register, port: Register) -> Expr {
    let family = family(of) as u32;
    let (address, port) = (address.wire(), port.wire());
    let flags = (NatFlags::MAP_IPS | NatFlags::PROTO_SPECIFIED).bits();
    let attributes = [
        (NAT_TYPE, DESTINATION),
        (NAT_FAMILY, family),
        (NAT_ADDRESS, address),
        (NAT_ADDRESS + 1, address),
        (NAT_PORT, port),
        (NAT_PORT + 1, port),
        (NAT_FLAGS, flags),
    ];
    RawExpr::new("nat", attributes.into_iter().flat_map(attribute).collect()).into()
}

/// Ports drawn at random do not collide where two connections leave at the same moment.
fn masquerade() -> Expr {
    let flags = NatFlags::PROTO_RANDOM_FULLY.bits();
    RawExpr::new("masq", attribute((MASQUERADE_FLAGS, flags)).to_vec()).into()
}

/// A netlink attribute of one number.
fn attribute((kind, value): (u16, u32)) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..2].copy_from_slice(&8u16.to_ne_bytes());
    bytes[2..4].copy_from_slice(&kind.to_ne_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

fn refuse(family: Family, reject: Reject) -> Expr {
    match (reject, family) {
        (Reject::Reset, _) => Expr::Reject { reject_type: TCP_RESET, icmp_code: 0 },
        (Reject::Port, Family::Ip4) => Expr::Reject { reject_type: ICMP_UNREACHABLE, icmp_code: 3 },
        (Reject::Port, Family::Ip6) => Expr::Reject { reject_type: ICMP_UNREACHABLE, icmp_code: 4 },
    }
}

fn load(family: Family, field: Field, to: Register) -> Expr {
    let network = |ip4: u32, ip6: u32| {
        let offset = if family == Family::Ip4 { ip4 } else { ip6 };
        let len = u32::try_from(family.address_len()).expect("an address is short");
        Expr::Payload { dreg: to, base: PayloadBase::Network, offset, len }
    };
    let transport =
        |offset| Expr::Payload { dreg: to, base: PayloadBase::Transport, offset, len: 2 };
    let fib = |flags| Expr::Fib { dreg: to, result: FibResult::AddrType, flags };
    match field {
        Field::Source => network(12, 8),
        Field::Destination => network(16, 24),
        Field::Protocol => Expr::Meta { dreg: to, key: MetaKey::L4Proto },
        Field::SourcePort => transport(0),
        Field::DestinationPort => transport(2),
        Field::Mark => Expr::Meta { dreg: to, key: MetaKey::Mark },
        Field::DestinationKind => fib(FibFlags::DADDR),
        Field::SourceKind => fib(FibFlags::SADDR),
        Field::ConnectionState => Expr::Ct { dreg: to, key: CtKey::State },
        Field::ConnectionStatus => Expr::Ct { dreg: to, key: CtKey::Status },
    }
}

fn verdict(verdict: &Verdict) -> Result<wire::Verdict, NftError> {
    let name = |chain: &String| wire::ChainName::new(chain.as_str()).map_err(refused);
    Ok(match verdict {
        Verdict::Accept => wire::Verdict::Accept,
        Verdict::Drop => wire::Verdict::Drop,
        Verdict::Return => wire::Verdict::Return,
        Verdict::Jump(chain) => wire::Verdict::JumpTo(name(chain)?),
        Verdict::Goto(chain) => wire::Verdict::GotoTo(name(chain)?),
    })
}

fn register(word: Word) -> Result<Register, NftError> {
    let found = Register::word(usize::from(word));
    found.ok_or_else(|| NftError::Refused(format!("no register {word}")))
}

fn refused(error: impl std::fmt::Display) -> NftError {
    NftError::Refused(error.to_string())
}
