//! How a pod resolves names: by the cluster, as the node does, or as it says itself.

use k8s_openapi::api::core::v1::{Pod, PodDNSConfig};
use orchestrator_client::KindExt;
use orchestrator_core::runtime::Dns;

use crate::agent::NodeConfig;

/// Where the node says how it resolves names.
const OF_NODE: &str = "/etc/resolv.conf";

/// The most servers and domains that resolvers take.
const MOST_SERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;

/// How the pod resolves names.
pub(super) fn dns(pod: &Pod, node: &NodeConfig) -> Dns {
    let of_node = || parse(&std::fs::read_to_string(OF_NODE).unwrap_or_default());
    decide(pod, node, of_node)
}

fn decide(pod: &Pod, node: &NodeConfig, of_node: impl Fn() -> Dns) -> Dns {
    let spec = pod.spec.clone().unwrap_or_default();
    let host_network = spec.host_network == Some(true);
    let mut dns = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "None" => Dns::default(),
        "ClusterFirst" if !host_network && !node.cluster_dns.is_empty() => {
            of_cluster(pod, node, of_node())
        }
        "ClusterFirstWithHostNet" if !node.cluster_dns.is_empty() => {
            of_cluster(pod, node, of_node())
        }
        _ => of_node(),
    };
    if let Some(own) = &spec.dns_config {
        append(&mut dns, own);
    }
    dns.servers.truncate(MOST_SERVERS);
    dns.searches.truncate(MOST_SEARCHES);
    dns
}

/// The cluster's names first; the node's domains after them.
fn of_cluster(pod: &Pod, node: &NodeConfig, of_node: Dns) -> Dns {
    let domain = &node.cluster_domain;
    let own =
        [format!("{}.svc.{domain}", pod.namespace()), format!("svc.{domain}"), domain.clone()];
    let mut searches = Vec::from(own);
    searches.extend(of_node.searches);
    Dns {
        servers: node.cluster_dns.iter().map(ToString::to_string).collect(),
        searches: distinct(searches),
        options: vec!["ndots:5".into()],
    }
}

/// What the pod adds; an option takes the place of one of its name.
fn append(dns: &mut Dns, own: &PodDNSConfig) {
    dns.servers.extend(own.nameservers.iter().flatten().cloned());
    dns.servers = distinct(std::mem::take(&mut dns.servers));
    dns.searches.extend(own.searches.iter().flatten().cloned());
    dns.searches = distinct(std::mem::take(&mut dns.searches));
    for option in own.options.iter().flatten() {
        let name = option.name.clone().unwrap_or_default();
        dns.options.retain(|known| known.split(':').next() != Some(&name));
        dns.options.push(match &option.value {
            Some(value) if !value.is_empty() => format!("{name}:{value}"),
            _ => name,
        });
    }
}

fn distinct(words: Vec<String>) -> Vec<String> {
    let mut seen = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen
}

/// What a resolver's configuration says.
fn parse(text: &str) -> Dns {
    let mut dns = Dns::default();
    for line in text.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => dns.servers.extend(words.next()),
            // The last one counts.
            Some("search" | "domain") => dns.searches = words.filter(|word| word != ".").collect(),
            Some("options") => dns.options.extend(words),
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use serde_json::{Value, json};

    const NODE: &str = "# a comment\nnameserver 9.9.9.9\nsearch example.com .\noptions timeout:1\n";

    fn check(spec: Value, expected: &str) {
        let meta = json!({"name": "p", "namespace": "shop"});
        let pod: Pod = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
        let node = NodeConfig::new("n", "/v").cluster_dns(vec![IpAddr::from([10, 96, 0, 10])]);
        let dns = decide(&pod, &node, || parse(NODE));
        let parts = [dns.servers, dns.searches, dns.options].map(|words| words.join(" "));
        assert_eq!(parts.join(" | "), expected, "{spec}");
    }

    #[test]
    fn the_policy_decides() {
        let node = "9.9.9.9 | example.com | timeout:1";
        let cluster = "10.96.0.10 | shop.svc.cluster.local svc.cluster.local cluster.local \
                       example.com | ndots:5";
        let spec = |policy: &str, host: bool| json!({"containers": [], "dnsPolicy": policy, "hostNetwork": host});
        check(json!({"containers": []}), cluster);
        check(spec("ClusterFirst", true), node);
        check(spec("ClusterFirstWithHostNet", true), cluster);
        check(spec("Default", false), node);
        check(spec("None", false), " |  | ");
    }

    #[test]
    fn the_pods_own_words_come_after_and_its_options_win() {
        let options = json!([{"name": "ndots", "value": "2"}, {"name": "rotate"}]);
        let own = json!({"nameservers": ["1.1.1.1"], "searches": ["own"], "options": options});
        let spec = json!({"containers": [], "dnsConfig": own});
        let expected = "10.96.0.10 1.1.1.1 | shop.svc.cluster.local svc.cluster.local \
                        cluster.local example.com own | ndots:2 rotate";
        check(spec, expected);
    }
}
