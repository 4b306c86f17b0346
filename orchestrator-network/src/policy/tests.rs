//! What policies let pass, packet by packet.

use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use orchestrator_netlink::nft::{
    Batch, Family, Memory, Nftables as _, Outcome, Packet, Place, TableId,
};
use serde_json::{Value, json};

use super::{Cluster, TABLE, rules};

/// A pod of namespace `ns`, on node `n1` where its address is in 10.1.1.
fn pod(ns: &str, app: &str, ip: &str) -> Arc<Pod> {
    let node = if ip.starts_with("10.1.1.") { "n1" } else { "n2" };
    let port = if app == "db" { 5432 } else { 8080 };
    Arc::new(
        serde_json::from_value(json!({
            "metadata": {"namespace": ns, "name": format!("{app}-{ip}"), "labels": {"app": app}},
            "spec": {"nodeName": node, "containers": [
                {"name": "c", "ports": [{"name": "main", "containerPort": port}]}]},
            "status": {"podIP": ip, "podIPs": [{"ip": ip}], "phase": "Running"},
        }))
        .unwrap(),
    )
}

fn policy(spec: Value) -> Arc<NetworkPolicy> {
    let meta = json!({"namespace": "shop", "name": "p"});
    Arc::new(serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap())
}

fn namespaces() -> Vec<Arc<Namespace>> {
    let namespace = |name: &str, team: &str| {
        let meta = json!({"name": name, "labels": {"team": team}});
        Arc::new(serde_json::from_value(json!({"metadata": meta})).unwrap())
    };
    vec![namespace("shop", "red"), namespace("ops", "blue")]
}

const WEB: &str = "10.1.1.1";
const DB: &str = "10.1.1.2";
const FAR_WEB: &str = "10.1.2.1";
const OPS: &str = "10.1.2.2";
const STRANGER: &str = "192.0.2.1";

fn pods() -> Vec<Arc<Pod>> {
    vec![
        pod("shop", "web", WEB),
        pod("shop", "db", DB),
        pod("shop", "web", FAR_WEB),
        pod("ops", "tool", OPS),
    ]
}

/// Whether node `n1` lets a packet pass, under each policy.
async fn passes(policies: &[Value], from: &str, to: &str, protocol: u8) -> bool {
    let policies: Vec<_> = policies.iter().map(|spec| policy(spec.clone())).collect();
    let (pods, namespaces) = (pods(), namespaces());
    let cluster = Cluster { policies: &policies, pods: &pods, namespaces: &namespaces };
    let memory = Memory::new();
    let mut batch = Batch::new();
    let table = TableId { family: Family::Ip4, name: TABLE.into() };
    batch.replace(&table, &rules(&cluster, "n1", Family::Ip4));
    memory.commit(batch).await.unwrap();
    let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let mut packet = Packet::tcp(at(&format!("{from}:40000")), at(to));
    packet.protocol = protocol;
    memory.packet(Place::Forward, &mut packet) == Outcome::Pass
}

/// Checks `rows` of sender, destination and whether it passes, by TCP.
async fn check(policies: &[Value], rows: &[(&str, &str, bool)]) {
    for (from, to, pass) in rows {
        assert_eq!(passes(policies, from, to, 6).await, *pass, "{from} to {to}: {policies:?}");
    }
}

fn db_from(from: Value, ports: Value) -> Value {
    json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": from, "ports": ports}]})
}

#[tokio::test]
async fn without_policies_everything_passes() {
    check(&[], &[(STRANGER, "10.1.1.2:5432", true), (DB, "192.0.2.1:80", true)]).await;
}

#[tokio::test]
async fn a_policy_without_rules_closes_its_direction_only() {
    let closed = json!({"podSelector": {}});
    check(
        &[closed],
        &[
            (WEB, "10.1.1.2:5432", false),
            (STRANGER, "10.1.1.2:5432", false),
            (DB, "192.0.2.1:80", true),
            (DB, "10.1.1.2:5432", true),
            (STRANGER, "10.1.2.1:80", true),
        ],
    )
    .await;
    let closed = json!({"podSelector": {}, "policyTypes": ["Egress"]});
    check(&[closed], &[(DB, "192.0.2.1:80", false), (STRANGER, "10.1.1.2:5432", true)]).await;
}

#[tokio::test]
async fn selectors_say_who_may_come() {
    let web = json!([{"podSelector": {"matchLabels": {"app": "web"}}}]);
    check(
        &[db_from(web, json!([]))],
        &[
            (WEB, "10.1.1.2:5432", true),
            (FAR_WEB, "10.1.1.2:1", true),
            (OPS, "10.1.1.2:5432", false),
            (STRANGER, "10.1.1.2:5432", false),
        ],
    )
    .await;
    let blue = json!([{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]);
    check(
        &[db_from(blue, json!([]))],
        &[(OPS, "10.1.1.2:5432", true), (WEB, "10.1.1.2:5432", false)],
    )
    .await;
    let both = json!([{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}]);
    check(
        &[db_from(both, json!([]))],
        &[(OPS, "10.1.1.2:5432", false), (FAR_WEB, "10.1.1.2:5432", true)],
    )
    .await;
}

#[tokio::test]
async fn ports_are_ranges_and_names() {
    let ranges = json!([{"port": 5432}, {"port": 9000, "endPort": 9010}, {"port": 9005}]);
    check(
        &[db_from(json!([]), ranges)],
        &[
            (WEB, "10.1.1.2:5432", true),
            (WEB, "10.1.1.2:9010", true),
            (WEB, "10.1.1.2:9011", false),
        ],
    )
    .await;
    let named = db_from(json!([]), json!([{"port": "main"}]));
    check(&[named], &[(WEB, "10.1.1.2:5432", true), (WEB, "10.1.1.2:8080", false)]).await;
    let udp = db_from(json!([]), json!([{"protocol": "UDP"}]));
    assert!(passes(std::slice::from_ref(&udp), WEB, "10.1.1.2:53", 17).await);
    assert!(!passes(&[udp], WEB, "10.1.1.2:53", 6).await);
    let none = db_from(json!([]), json!([{"port": "other"}]));
    check(&[none], &[(WEB, "10.1.1.2:5432", false)]).await;
}

#[tokio::test]
async fn blocks_have_exceptions() {
    let block = json!([{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}]);
    check(
        &[db_from(block, json!([]))],
        &[
            (STRANGER, "10.1.1.2:5432", true),
            ("192.0.2.200", "10.1.1.2:5432", false),
            (WEB, "10.1.1.2:5432", false),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_several_policies_allow_adds_up_and_both_ends_must_agree() {
    let from_web = db_from(json!([{"podSelector": {"matchLabels": {"app": "web"}}}]), json!([]));
    let from_ops = db_from(
        json!([{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]),
        json!([{"port": 5432}]),
    );
    let quiet_web = json!({"podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {}}],
            "ports": [{"port": "main"}]}]});
    check(
        &[from_web, from_ops, quiet_web],
        &[
            (FAR_WEB, "10.1.1.2:1", true),
            (OPS, "10.1.1.2:5432", true),
            (OPS, "10.1.1.2:1", false),
            (WEB, "10.1.1.2:5432", true),
            (WEB, "10.1.1.2:1", false),
            (WEB, "10.1.2.1:8080", true),
            (WEB, "192.0.2.1:8080", false),
        ],
    )
    .await;
}

#[test]
fn pods_that_end_or_share_the_nodes_address_are_nobody() {
    let mut ended = Pod::clone(&pod("shop", "web", WEB));
    ended.status.as_mut().unwrap().phase = Some("Succeeded".into());
    let mut sharing = Pod::clone(&pod("shop", "web", DB));
    sharing.spec.as_mut().unwrap().host_network = Some(true);
    let pods = [Arc::new(ended), Arc::new(sharing)];
    let policies = [policy(json!({"podSelector": {}}))];
    let cluster = Cluster { policies: &policies, pods: &pods, namespaces: &[] };
    let nothing = Cluster { pods: &[], ..cluster };
    let family = Family::Ip4;
    assert_eq!(rules(&cluster, "n1", family), rules(&nothing, "n1", family));
}
