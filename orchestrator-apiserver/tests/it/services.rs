//! Addresses and node ports.

use orchestrator_core::request::Options;
use orchestrator_core::{Json, Verb};
use serde_json::json;

use crate::support::{Api, object, request};

fn service(name: &str, spec: Json) -> Json {
    json!({"metadata": {"name": name}, "spec": spec})
}

fn port(node_port: u16) -> Json {
    json!({"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": node_port}]})
}

#[tokio::test(start_paused = true)]
async fn an_address_belongs_to_one_service_until_it_goes() {
    let api = Api::new().await;
    let path = "v1/services";
    let made = api.create(path, service("a", json!({"ports": [{"port": 80}]}))).await.unwrap();
    let address = made["spec"]["clusterIP"].as_str().unwrap().to_owned();
    assert_eq!(made["spec"]["clusterIPs"], json!([address]));
    assert!(address.parse::<std::net::Ipv4Addr>().unwrap().is_loopback());
    let same = json!({"clusterIP": address, "clusterIPs": [address], "ports": [{"port": 80}]});
    let status = api.create(path, service("b", same.clone())).await.unwrap_err();
    assert_eq!(status.code, 422);
    assert!(status.message.contains("provided IP is already allocated"), "{}", status.message);
    api.delete(path, "a", Options::default()).await.unwrap();
    let again = api.create(path, service("b", same)).await.unwrap();
    assert_eq!(again["spec"]["clusterIP"], json!(address));
}

#[tokio::test(start_paused = true)]
async fn a_node_port_is_taken_once_and_given_back() {
    let api = Api::new().await;
    let path = "v1/services";
    api.create(path, service("a", port(30080))).await.unwrap();
    let status = api.create(path, service("b", port(30080))).await.unwrap_err();
    assert!(status.message.ends_with(
        "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"
    ));
    let status = api.create(path, service("b", port(80))).await.unwrap_err();
    assert!(status.message.contains("The range of valid ports is 30000-32767"));
    let moved = json!([{"op": "replace", "path": "/spec/ports/0/nodePort", "value": 30081}]);
    api.patch(path, "a", moved).await.unwrap();
    api.create(path, service("b", port(30080))).await.unwrap();
    assert!(api.create(path, service("c", port(30081))).await.is_err());
    let drawn = api.create(path, service("c", port(0))).await.unwrap();
    let number = drawn["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
    assert!((30000..=32767).contains(&number));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_and_a_failure_take_nothing() {
    let api = Api::new().await;
    let path = "v1/services";
    let dry = Options { dry_run: vec!["All".into()], ..Options::default() };
    let create = request(Verb::Create, path).body(object(service("a", port(30080)))).options(dry);
    api.object(create).await.unwrap();
    api.create(path, service("a", port(30080))).await.unwrap();
    // The name is taken, so the port stays free.
    assert!(api.create(path, service("a", port(30090))).await.unwrap_err().is_already_exists());
    api.create(path, service("b", port(30090))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_api_has_the_first_address() {
    let api = Api::new().await;
    let mut get = request(Verb::Get, "v1/services").namespace("default");
    get.name = "kubernetes".into();
    let found = api.object(get).await.unwrap();
    assert_eq!(found.object["spec"]["clusterIP"], "127.96.0.1");
    api.server.advertise("127.0.0.1:6443".parse().unwrap()).await.unwrap();
    api.server.advertise("127.0.0.1:6444".parse().unwrap()).await.unwrap();
}
