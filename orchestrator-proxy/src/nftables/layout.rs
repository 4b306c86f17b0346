//! The rules that are always there.
//!
//! ```text
//! prerouting, output   ─▶ services: address, then node port ─▶ pick-…
//! input, forward, output (after) ─▶ what is for a service and found none is refused
//! postrouting          ─▶ masquerade: what is marked, and what a pod sends to itself
//! ```

use std::net::Ipv6Addr;

use ipnet::IpNet;
use orchestrator_netlink::nft::{
    Bytes, Compare, Family, Field, Hook, HookKind, Key, NEW, Part, Place, REDIRECTED, Reject, Rule,
    Ruleset, Shape, Statement, Verdict,
};

use super::NftablesConfig;
use super::picker::{Entrance, service_key};

/// The name of the tables, one for each family.
pub const TABLE: &str = "orchestrator-services";

pub(super) const SERVICES: &str = "services";
pub(super) const POOLS: &str = "pools";
pub(super) const SHORTCUTS: &str = "shortcuts";
pub(super) const SHORTCUT_POOLS: &str = "shortcut-pools";
pub(super) const ENDPOINTS: &str = "endpoints";
pub(super) const MEMBERS: &str = "members";
pub(super) const AFFINITY: &str = "affinity";
pub(super) const REFUSED: &str = "refused";
pub(super) const CLUSTER_IPS: &str = "cluster-ips";
pub(super) const HAIRPINS: &str = "hairpins";
const PODS: &str = "pods";

/// The chain that refuses.
pub(super) const REFUSE: &str = "refuse";
/// The chain that finds the service.
const DISPATCH: &str = "dispatch";

/// The bit of a packet's mark that says that it leaves with the node's address; the one that the
/// field's other proxies use, so that only one of them need act on it.
pub(super) const MASQUERADE: u32 = 0x4000;

/// How many clients are remembered, over all services with affinity; each takes some 200 bytes.
const CLIENTS: u32 = 262_144;

const BEFORE_ROUTING: i32 = -100;
const AFTER_ROUTING: i32 = 100;

/// The tables of a family without any service.
pub(super) fn layout(family: Family, config: &NftablesConfig) -> Ruleset {
    let mut rules = Ruleset::default();
    sets(&mut rules, family);
    let pods: Vec<&IpNet> =
        config.pods.iter().filter(|net| Family::of(net.addr()) == family).collect();
    let set = rules.set(PODS, Shape::set([Part::address(family)]).interval());
    for net in &pods {
        let bytes = |ip| Bytes::new().address(ip);
        set.elements.insert(Key::range(bytes(net.network()), bytes(net.broadcast())), None);
    }
    rules.chain(REFUSE, refuse());
    rules.chain(DISPATCH, dispatch(family, !pods.is_empty()));
    let nat = |place, priority| Hook { kind: HookKind::Nat, place, priority };
    let jump = vec![vec![Statement::Verdict(Verdict::Jump(DISPATCH.into()))]];
    rules.hook("prerouting", nat(Place::Prerouting, BEFORE_ROUTING), jump.clone());
    rules.hook("output", nat(Place::Output, BEFORE_ROUTING), jump);
    rules.hook("postrouting", nat(Place::Postrouting, AFTER_ROUTING), postrouting(family));
    let filter = |place| Hook { kind: HookKind::Filter, place, priority: 0 };
    rules.hook(
        "filter-input",
        filter(Place::Input),
        refused(family, &[Entrance::Address, Entrance::NodePort]),
    );
    let mut passing = refused(family, &[Entrance::Address]);
    passing.push(unknown_port());
    rules.hook("filter-forward", filter(Place::Forward), passing.clone());
    rules.hook("filter-output", filter(Place::Output), passing);
    rules
}

fn sets(rules: &mut Ruleset, family: Family) {
    let address = Part::address(family);
    let at = [address, Part::Protocol, Part::Port];
    let endpoint = [address, Part::Port];
    let pool = [Part::Number, Part::Number];
    let of_pool = |parts: &[Part]| [&pool[..], parts].concat();
    for name in [SERVICES, SHORTCUTS, REFUSED] {
        rules.set(name, Shape::verdicts(at));
    }
    for name in [POOLS, SHORTCUT_POOLS] {
        rules.set(name, Shape::map(at, pool));
    }
    rules.set(ENDPOINTS, Shape::map(of_pool(&[Part::Number]), endpoint));
    rules.set(MEMBERS, Shape::set(of_pool(&endpoint)));
    rules.set(AFFINITY, Shape::map(of_pool(&[address]), endpoint).dynamic(CLIENTS));
    rules.set(CLUSTER_IPS, Shape::set([address]));
    rules.set(HAIRPINS, Shape::set([address, address]));
}

/// Finds the service that a packet is for.
fn dispatch(family: Family, pods: bool) -> Vec<Rule> {
    let mut rules = Vec::new();
    if pods {
        // The answer to a stranger must come back here, so it sees this node's address.
        rules.push(vec![
            Statement::Load(Field::Source, 0),
            Statement::In { set: PODS.into(), key: 0, is: false },
            Statement::Load(Field::Destination, 0),
            Statement::In { set: CLUSTER_IPS.into(), key: 0, is: true },
            Statement::SetMark(MASQUERADE),
        ]);
    }
    rules.extend(shortcuts(family, Entrance::Address, pods, &[]));
    let mut services = service_key(family, Entrance::Address, 0);
    services.push(Statement::Verdicts { map: SERVICES.into(), key: 0 });
    rules.push(services);
    let own = own_address(family);
    rules.extend(shortcuts(family, Entrance::NodePort, pods, &own));
    let mut node_ports = own;
    node_ports.extend(service_key(family, Entrance::NodePort, 0));
    node_ports.push(Statement::Verdicts { map: SERVICES.into(), key: 0 });
    rules.push(node_ports);
    rules
}

/// Leads pods and the node itself past the policy that keeps others to local endpoints.
fn shortcuts(family: Family, entrance: Entrance, pods: bool, only: &[Statement]) -> Vec<Rule> {
    let key = || service_key(family, entrance, 0);
    let verdicts = || Statement::Verdicts { map: SHORTCUTS.into(), key: 0 };
    let mut rules = Vec::new();
    if pods {
        let mut of_pods = only.to_vec();
        of_pods.extend([
            Statement::Load(Field::Source, 0),
            Statement::In { set: PODS.into(), key: 0, is: true },
        ]);
        of_pods.extend(key());
        of_pods.push(verdicts());
        rules.push(of_pods);
    }
    let mut of_node = only.to_vec();
    of_node.extend(Statement::if_source_is_local());
    of_node.extend(key());
    let mut marked = of_node.clone();
    marked.extend([
        Statement::Get { map: SHORTCUT_POOLS.into(), key: 0, to: 8 },
        Statement::SetMark(MASQUERADE),
    ]);
    of_node.push(verdicts());
    rules.extend([marked, of_node]);
    rules
}

/// Goes on if the destination is an address of this node that others can reach: the kernel would
/// not route what comes from a loopback address.
fn own_address(family: Family) -> Rule {
    let mut rule = Statement::if_destination_is_local().to_vec();
    rule.push(Statement::Load(Field::Destination, 0));
    match family {
        Family::Ip4 => {
            let mask = u32::from_ne_bytes([255, 0, 0, 0]);
            let loopback = vec![127, 0, 0, 0];
            rule.extend([Statement::Mask(0, mask), Statement::If(0, Compare::IsNot, loopback)]);
        }
        Family::Ip6 => {
            let loopback = Ipv6Addr::LOCALHOST.octets().to_vec();
            rule.push(Statement::If(0, Compare::IsNot, loopback));
        }
    }
    rule
}

/// Turns away what services have no endpoints for.
fn refused(family: Family, entrances: &[Entrance]) -> Vec<Rule> {
    let rule = |entrance: &Entrance| {
        let mut rule = Statement::if_state(NEW).to_vec();
        if *entrance == Entrance::NodePort {
            rule.extend(Statement::if_destination_is_local());
        }
        rule.extend(service_key(family, *entrance, 0));
        rule.push(Statement::Verdicts { map: REFUSED.into(), key: 0 });
        rule
    };
    entrances.iter().map(rule).collect()
}

/// Refuses what still goes to an address of a service after all services were asked.
fn unknown_port() -> Rule {
    let mut rule = Statement::if_state(NEW).to_vec();
    rule.extend([
        Statement::Load(Field::Destination, 0),
        Statement::In { set: CLUSTER_IPS.into(), key: 0, is: true },
        Statement::Verdict(Verdict::Goto(REFUSE.into())),
    ]);
    rule
}

fn refuse() -> Vec<Rule> {
    let mut reset = Statement::if_protocol(6).to_vec();
    reset.push(Statement::Reject(Reject::Reset));
    vec![reset, vec![Statement::Reject(Reject::Port)]]
}

fn postrouting(family: Family) -> Vec<Rule> {
    let mut marked = Statement::if_bits(Field::Mark, MASQUERADE).to_vec();
    marked.extend([Statement::ClearMark(MASQUERADE), Statement::Masquerade]);
    let mut hairpin = Statement::if_bits(Field::ConnectionStatus, REDIRECTED).to_vec();
    hairpin.extend([
        Statement::Load(Field::Source, 0),
        Statement::Load(Field::Destination, family.address_words()),
        Statement::In { set: HAIRPINS.into(), key: 0, is: true },
        Statement::Masquerade,
    ]);
    vec![marked, hairpin]
}
