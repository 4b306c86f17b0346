//! Addresses and ports that several servers on one store hand out.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use orchestrator_apiserver::ApiServer;
use orchestrator_core::request::Options;
use orchestrator_core::resource::Network;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::store::{Key, KeyRange, KeyValue, Op, Put, Range, Txn};
use orchestrator_core::{Env, Json, Store, Value, Verb};
use orchestrator_store::MemoryStore;
use serde_json::json;

use crate::support::{Api, request};

/// A network with few addresses and ports, so that servers meet.
fn narrow() -> Network {
    Network {
        service_cidr: "127.96.0.0/26".into(),
        node_ports: (30000, 30039),
        ..Network::default()
    }
}

/// Two servers on one store, the first of which made the namespace.
async fn two() -> (Arc<MemoryStore>, [Api; 2]) {
    let env = Env::simulated(1);
    let store = Arc::new(MemoryStore::new(env.clone()));
    let server = || ApiServer::builder(store.clone(), env.clone()).network(narrow()).build();
    let servers = [server(), server()];
    for server in &servers {
        server.start().await.unwrap();
    }
    let apis = servers.map(|server| Api { server });
    apis[0].create("v1/namespaces", json!({"metadata": {"name": "ns"}})).await.unwrap();
    (store, apis)
}

fn service(name: &str, kind: &str) -> Json {
    json!({"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"port": 80}]}})
}

/// The names of the claims below a prefix.
async fn claims(store: &MemoryStore, prefix: &str) -> Vec<String> {
    let found = store.range(Range::new(KeyRange::prefix(prefix))).await.unwrap();
    let name =
        |kv: &KeyValue| String::from_utf8_lossy(&kv.key.as_bytes()[prefix.len()..]).into_owned();
    found.kvs.iter().map(name).collect()
}

/// What the services hold, each with its holder; panics where two hold the same.
async fn held(api: &Api) -> (Vec<String>, Vec<String>) {
    let (mut addresses, mut ports) = (BTreeMap::new(), BTreeMap::new());
    let all = Options::default();
    for namespace in ["ns", "default"] {
        let mut list = request(Verb::List, "v1/services");
        list.namespace = namespace.into();
        let answer = api.call(list.options(all.clone())).await.unwrap();
        let ResponseBody::List(list) = answer.body else { panic!() };
        for item in list.items {
            let service = item.to_object().unwrap().into_json();
            let name = service["metadata"]["name"].clone();
            let address = service["spec"]["clusterIP"].as_str().unwrap().to_owned();
            assert_eq!(addresses.insert(address, name.clone()), None);
            if let Some(port) = service["spec"]["ports"][0]["nodePort"].as_u64() {
                assert_eq!(ports.insert(port.to_string(), name), None);
            }
        }
    }
    (addresses.into_keys().collect(), ports.into_keys().collect())
}

const ADDRESSES: &str = "/registry/networking.k8s.io/ipaddresses/";
const PORTS: &str = "/registry/ranges/servicenodeports/";

#[tokio::test(start_paused = true)]
async fn two_servers_race_and_nothing_is_used_twice_or_lost() {
    let (store, apis) = two().await;
    for round in 0..4 {
        // More than there are ports, so that some fail; each server makes half of them.
        let names: Vec<String> = (0..48).map(|n| format!("s-{round}-{n}")).collect();
        let makes = names
            .iter()
            .enumerate()
            .map(|(n, name)| apis[n % 2].create("v1/services", service(name, "NodePort")));
        let made = join_all(makes).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 40);
        let (addresses, ports) = held(&apis[0]).await;
        assert_eq!((addresses.len(), ports.len()), (41, 40));
        assert_eq!(claims(&store, PORTS).await, ports);
        let mut claimed = claims(&store, ADDRESSES).await;
        claimed.sort();
        assert_eq!(claimed, addresses);
        // The other server removes them.
        let gone = names.iter().zip(&made).enumerate().filter(|(_, (_, made))| made.is_ok());
        let gone = gone.map(|(n, (name, _))| {
            apis[(n + 1) % 2].delete("v1/services", name, Options::default())
        });
        assert!(join_all(gone).await.iter().all(Result::is_ok));
        assert_eq!(claims(&store, PORTS).await, Vec::<String>::new());
        assert_eq!(claims(&store, ADDRESSES).await, ["127.96.0.1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_address_that_another_server_gave_back_can_be_had() {
    let (_, [one, other]) = two().await;
    let named = |name: &str| {
        json!({"metadata": {"name": name}, "spec": {"clusterIP": "127.96.0.9",
            "clusterIPs": ["127.96.0.9"], "ports": [{"port": 80}]}})
    };
    one.create("v1/services", named("a")).await.unwrap();
    let status = other.create("v1/services", named("b")).await.unwrap_err();
    assert!(status.message.contains("provided IP is already allocated"), "{}", status.message);
    other.delete("v1/services", "a", Options::default()).await.unwrap();
    one.create("v1/services", named("b")).await.unwrap();
    let mut get = request(Verb::Get, "networking.k8s.io/v1/ipaddresses").namespace("");
    get.name = "127.96.0.9".into();
    let claim = one.object(get).await.unwrap().object;
    let parent = json!({"resource": "services", "namespace": "ns", "name": "b"});
    assert_eq!(claim["spec"]["parentRef"], parent);
}

#[tokio::test(start_paused = true)]
async fn a_service_without_claims_gets_them_and_a_stale_claim_goes() {
    let (store, [one, _]) = two().await;
    one.create("v1/services", service("a", "NodePort")).await.unwrap();
    let ports = claims(&store, PORTS).await;
    let key = |port: &str| Key::from(format!("{PORTS}{port}"));
    let delete = Op::Delete(KeyRange::key(key(&ports[0])));
    let stale = Put::new(
        key("30099"),
        Value::from_bytes(
            r#"{"kind":"ServiceNodePort","apiVersion":"orchestrator/v1","metadata":{"name":"x"}}"#,
        ),
    );
    let txn = Txn { then: vec![delete, Op::Put(stale)], ..Txn::default() };
    store.txn(txn).await.unwrap();
    // A server that starts anew reads what there is before its first service.
    let env = Env::simulated(2);
    let third = ApiServer::builder(store.clone(), env).network(narrow()).build();
    let third = Api { server: third };
    third.create("v1/services", service("b", "ClusterIP")).await.unwrap();
    assert_eq!(claims(&store, PORTS).await, ports);
}
