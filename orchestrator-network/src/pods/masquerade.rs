//! Packets that leave the cluster take the node's address.

use ipnet::IpNet;
use orchestrator_netlink::nft::{
    Bytes, Family, Field, Hook, HookKind, Key, Part, Place, Ruleset, Shape, Statement,
};

/// The name of the tables, one for each family.
pub const TABLE: &str = "orchestrator-pods";

/// The rules for the pods `own` of a node of a cluster whose pods all have addresses of `cluster`.
pub fn masquerade(family: Family, own: &[IpNet], cluster: &[IpNet]) -> Ruleset {
    let mut rules = Ruleset::default();
    let part = Part::address(family);
    for (name, nets) in [("own", own), ("cluster", cluster)] {
        let set = rules.set(name, Shape::set([part]).interval());
        let of_family = nets.iter().filter(|net| Family::of(net.addr()) == family).copied();
        let bytes = |ip| Bytes::new().address(ip);
        // Ranges that meet are one range for the kernel.
        for net in IpNet::aggregate(&of_family.collect()) {
            let key = Key::range(bytes(net.network()), bytes(net.broadcast()));
            set.elements.insert(key, None);
        }
    }
    let rule = vec![
        Statement::Load(Field::Source, 0),
        Statement::In { set: "own".into(), key: 0, is: true },
        Statement::Load(Field::Destination, 0),
        Statement::In { set: "cluster".into(), key: 0, is: false },
        Statement::Masquerade,
    ];
    let hook = Hook { kind: HookKind::Nat, place: Place::Postrouting, priority: 100 };
    rules.hook("postrouting", hook, vec![rule]);
    rules
}
