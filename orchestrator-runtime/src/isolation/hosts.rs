//! The table of hosts that a pod's containers see.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use super::{domain, hostname};
use crate::agent::NodeConfig;

/// The node's own table.
const OF_NODE: &str = "/etc/hosts";

/// What every table begins with.
const COMMON: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
";

/// The table of a pod with these addresses: the node's where it uses the node's network.
pub fn hosts(pod: &Pod, ips: &[IpAddr], node: &NodeConfig) -> String {
    let spec = pod.spec.as_ref();
    let mut text = match spec.is_some_and(|spec| spec.host_network == Some(true)) {
        true => {
            let own = std::fs::read_to_string(OF_NODE).unwrap_or_default();
            format!("# Kubernetes-managed hosts file (host network).\n{own}")
        }
        false => format!("# Kubernetes-managed hosts file.\n{COMMON}{}", of_pod(pod, ips, node)),
    };
    let aliases = spec.and_then(|spec| spec.host_aliases.as_deref()).unwrap_or_default();
    if !aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
    }
    for alias in aliases {
        let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
        text.push_str(&format!("{}\t{names}\n", alias.ip));
    }
    text
}

fn of_pod(pod: &Pod, ips: &[IpAddr], node: &NodeConfig) -> String {
    let name = hostname(pod, node);
    let short = name.split('.').next().unwrap_or_default();
    let names = match domain(pod, node) {
        Some(domain) => format!("{short}.{domain}\t{short}"),
        None => short.to_owned(),
    };
    ips.iter().map(|ip| format!("{ip}\t{names}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_finds_itself_and_its_aliases() {
        let meta = json!({"name": "web-0", "namespace": "shop"});
        let aliases = json!([{"ip": "10.1.2.3", "hostnames": ["db", "database"]}]);
        let spec = json!({"containers": [], "subdomain": "web", "hostAliases": aliases});
        let pod: Pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
        let text = hosts(&pod, &[IpAddr::from([10, 244, 0, 7])], &NodeConfig::new("n", "/v"));
        for line in [
            "10.244.0.7\tweb-0.web.shop.svc.cluster.local\tweb-0",
            "10.1.2.3\tdb\tdatabase",
            "127.0.0.1\tlocalhost",
        ] {
            assert!(text.lines().any(|known| known == line), "{line:?} in\n{text}");
        }
    }
}
