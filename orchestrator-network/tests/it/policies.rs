//! Policies in the kernel, with real packets.

use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use orchestrator_netlink::nft::{Batch, Family, Kernel, Nftables as _, TableId};
use orchestrator_network::policy::{Cluster, TABLE, rules};
use orchestrator_testkit::machines::machines;
use serde_json::{Value, json};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn pods() -> Vec<Arc<Pod>> {
    let pod = |app: &str, ip: &str| {
        Arc::new(
            serde_json::from_value(json!({
                "metadata": {"namespace": "shop", "name": app, "labels": {"app": app}},
                "spec": {"nodeName": "n1", "containers": [
                    {"name": "c", "ports": [{"name": "web", "containerPort": 80}]}]},
                "status": {"podIPs": [{"ip": ip}], "phase": "Running"},
            }))
            .unwrap(),
        )
    };
    vec![pod("a", "10.1.1.2"), pod("b", "10.1.2.2")]
}

async fn enforce(before: Option<Vec<Value>>, specs: Vec<Value>, kernel: &Kernel) {
    let meta = json!({"namespace": "shop", "name": "p"});
    let policy = |spec: &Value| -> Arc<NetworkPolicy> {
        Arc::new(serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap())
    };
    let pods = pods();
    let ruleset = |specs: &[Value]| {
        let policies: Vec<_> = specs.iter().map(policy).collect();
        let cluster = Cluster { policies: &policies, pods: &pods, namespaces: &[] };
        rules(&cluster, "n1", Family::Ip4)
    };
    let table = TableId { family: Family::Ip4, name: TABLE.into() };
    let mut batch = Batch::new();
    match before {
        None => batch.replace(&table, &ruleset(&specs)),
        Some(before) => batch.extend(&table, ruleset(&before).changes_to(&ruleset(&specs))),
    }
    kernel.commit(batch).await.unwrap();
}

#[test]
fn only_what_policies_allow_arrives() {
    let Some([node, a, b, stranger]) = machines(["node", "a", "b", "stranger"]) else { return };
    a.cable(("eth0", "10.1.1.2/24"), &node, ("a", "10.1.1.1/24"));
    b.cable(("eth0", "10.1.2.2/24"), &node, ("b", "10.1.2.1/24"));
    stranger.cable(("eth0", "192.0.2.9/24"), &node, ("eth0", "192.0.2.1/24"));
    for (machine, gateway) in [(&a, "10.1.1.1"), (&b, "10.1.2.1"), (&stranger, "192.0.2.1")] {
        machine.ip(&format!("route add default via {gateway}"));
    }
    node.forward();
    for port in [80, 8080] {
        b.serve("b", SocketAddr::new([10, 1, 2, 2].into(), port));
    }
    let to_b = |policy: Value| {
        let spec = json!({"podSelector": {"matchLabels": {"app": "b"}}, "policyTypes": ["Ingress"],
            "ingress": policy});
        vec![spec]
    };
    let steps: Vec<(Vec<Value>, [bool; 4])> = vec![
        (Vec::new(), [true, true, true, true]),
        (to_b(json!([])), [false, false, false, true]),
        (
            to_b(json!([{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}]}])),
            [true, true, false, true],
        ),
        (to_b(json!([{"ports": [{"port": "web"}]}])), [true, false, true, true]),
        (to_b(json!([{"ports": [{"port": 8000, "endPort": 9000}]}])), [false, true, false, true]),
        (
            to_b(
                json!([{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.1.0.0/16"]}}]}]),
            ),
            [false, false, true, true],
        ),
        (Vec::new(), [true, true, true, true]),
    ];
    let mut before: Option<Vec<Value>> = None;
    for (policies, wanted) in steps {
        let (last, next) = (before.replace(policies.clone()), policies.clone());
        // Rules that lead from the last ones are as good as new ones.
        node.block_on(move || async move {
            enforce(None, last.clone().unwrap_or_default(), &Kernel::open().unwrap()).await;
            let kernel = Kernel::open().unwrap();
            enforce(None, last.clone().unwrap_or_default(), &kernel).await;
            enforce(Some(last.unwrap_or_default()), next, &kernel).await;
        });
        let passes = [
            a.reaches(at("10.1.2.2:80")),
            a.reaches(at("10.1.2.2:8080")),
            stranger.reaches(at("10.1.2.2:80")),
            node.reaches(at("10.1.2.2:80")),
        ];
        assert_eq!(passes, wanted, "{policies:?}");
    }
}
