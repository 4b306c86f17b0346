//! What a node's container runtime is told about its network (CNI).

use std::path::Path;

use ipnet::IpNet;
use serde_json::{Value, json};

/// How a pod is joined to its node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Attachment {
    /// A cable of its own. Whatever a pod sends is routed by the node, so that services and
    /// policies see it; a bridge would pass on what stays on it without asking.
    #[default]
    Cable,
    /// A bridge of that name, which all pods of the node share. The kernel must be told to show
    /// bridged packets to rules (`net.bridge.bridge-nf-call-iptables`).
    Bridge(String),
}

/// The list of plugins for a node whose pods have addresses of `ranges`; the addresses that are
/// given out are noted in the folder `notes`.
pub fn conflist(attachment: &Attachment, ranges: &[IpNet], notes: &Path) -> Value {
    let subnets: Vec<Value> =
        ranges.iter().map(|range| json!([{"subnet": range.to_string()}])).collect();
    let four = ranges.iter().any(|range| range.addr().is_ipv4());
    let six = ranges.iter().any(|range| range.addr().is_ipv6());
    let routes: Vec<Value> = [(four, "0.0.0.0/0"), (six, "::/0")]
        .into_iter()
        .filter(|(is, _)| *is)
        .map(|(_, to)| json!({"dst": to}))
        .collect();
    let addresses = json!({
        "type": "host-local", "ranges": subnets, "routes": routes,
        "dataDir": notes.display().to_string(),
    });
    let join = match attachment {
        Attachment::Cable => json!({"type": "ptp", "ipMasq": false, "ipam": addresses}),
        Attachment::Bridge(bridge) => json!({
            "type": "bridge", "bridge": bridge, "isGateway": true, "hairpinMode": true,
            "ipMasq": false, "ipam": addresses,
        }),
    };
    let ports = json!({"type": "portmap", "snat": true, "capabilities": {"portMappings": true}});
    json!({"cniVersion": "0.4.0", "name": "orchestrator", "plugins": [join, ports]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_a_range_and_a_route() {
        let ranges = ["10.1.2.0/24", "fd01:2::/64"].map(|text| text.parse().unwrap());
        let list = conflist(&Attachment::default(), &ranges, Path::new("/notes"));
        let ipam = &list["plugins"][0]["ipam"];
        assert_eq!(list["plugins"][0]["type"], "ptp");
        assert_eq!(
            ipam["ranges"],
            json!([[{"subnet": "10.1.2.0/24"}], [{"subnet": "fd01:2::/64"}]])
        );
        assert_eq!(ipam["routes"], json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]));
        let bridged = conflist(&Attachment::Bridge("pods".into()), &ranges[..1], Path::new("/n"));
        assert_eq!(bridged["plugins"][0]["bridge"], "pods");
        assert_eq!(bridged["plugins"][0]["ipam"]["routes"], json!([{"dst": "0.0.0.0/0"}]));
    }
}
