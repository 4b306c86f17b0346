//! What is particular to the userspace proxy.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::proxy::{Protocol, Proxy, Route, RouteName, RoutingTable};
use orchestrator_core::{Env, ObjectKey};
use orchestrator_proxy::{UserspaceConfig, UserspaceProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn proxy() -> UserspaceProxy {
    let config = UserspaceConfig::default().node_addresses([[127, 97, 250, 1].into()]);
    UserspaceProxy::new(Env::system(), config)
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn table(routes: impl IntoIterator<Item = (&'static str, Route)>) -> Arc<RoutingTable> {
    let mut table = RoutingTable::default();
    for (name, route) in routes {
        let service = ObjectKey::new("default", name);
        table.routes.insert(RouteName { service, port: String::new() }, route);
    }
    Arc::new(table)
}

fn route(frontend: &str, endpoints: &[SocketAddr]) -> Route {
    let mut route = Route::default();
    route.cluster = vec![at(frontend)];
    route.internal = endpoints.to_vec();
    route.external = endpoints.to_vec();
    route
}

/// Servers that say their number and close.
async fn servers(env: &Env, count: u8) -> (Vec<SocketAddr>, orchestrator_core::env::Tasks) {
    let (mut addresses, mut tasks) = (Vec::new(), orchestrator_core::env::Tasks::new());
    for number in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        tasks.push(env.spawn("test server", async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_u8(number).await;
            }
        }));
    }
    (addresses, tasks)
}

async fn number(frontend: SocketAddr) -> u8 {
    TcpStream::connect(frontend).await.unwrap().read_u8().await.unwrap()
}

#[tokio::test]
async fn a_port_that_is_taken_is_reported_and_the_others_work() {
    let (proxy, env) = (proxy(), Env::system());
    let (servers, _tasks) = servers(&env, 1).await;
    let taken = TcpListener::bind("127.96.251.1:18080").await.unwrap();
    let wanted = table([
        ("a", route("127.96.251.1:18080", &servers)),
        ("b", route("127.96.251.2:18080", &servers)),
    ]);
    proxy.apply(Arc::clone(&wanted)).await.unwrap();
    let status = proxy.status();
    let failed: Vec<_> = status.failures().map(|(frontend, _)| frontend.address).collect();
    assert_eq!(failed, [at("127.96.251.1:18080")]);
    assert_eq!(number(at("127.96.251.2:18080")).await, 0);
    drop(taken);
    proxy.apply(wanted).await.unwrap();
    assert_eq!(proxy.status().failures().count(), 0);
    assert_eq!(number(at("127.96.251.1:18080")).await, 0);
}

#[tokio::test]
async fn a_client_keeps_its_endpoint_where_the_service_says_so() {
    let (proxy, env) = (proxy(), Env::system());
    let (servers, _tasks) = servers(&env, 3).await;
    let mut route = route("127.96.251.3:18080", &servers);
    route.affinity = Some(Duration::from_secs(60));
    proxy.apply(table([("a", route)])).await.unwrap();
    let first = number(at("127.96.251.3:18080")).await;
    for _ in 0..8 {
        assert_eq!(number(at("127.96.251.3:18080")).await, first);
    }
}

#[tokio::test]
async fn node_ports_serve_on_the_nodes_addresses_only() {
    let (proxy, env) = (proxy(), Env::system());
    let (servers, _tasks) = servers(&env, 1).await;
    let mut route = route("127.96.251.4:18080", &servers);
    route.node_port = Some(31_234);
    proxy.apply(table([("a", route)])).await.unwrap();
    assert_eq!(number(at("127.97.250.1:31234")).await, 0);
    assert!(TcpStream::connect("127.97.250.2:31234").await.is_err());
}

#[tokio::test]
async fn a_service_that_is_its_own_endpoint_refuses() {
    let proxy = proxy();
    let (a, b) = ("127.96.251.7:18080", "127.96.251.8:18080");
    let circle = table([("a", route(a, &[at(b)])), ("b", route(b, &[at(a)]))]);
    proxy.apply(circle).await.unwrap();
    assert!(TcpStream::connect(a).await.is_err());
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let env = Env::system();
    let config = UserspaceConfig::default().max_connections(1);
    let proxy = UserspaceProxy::new(env.clone(), config);
    let (servers, _tasks) = servers(&env, 1).await;
    let address = at("127.96.251.9:18080");
    proxy.apply(table([("a", route("127.96.251.9:18080", &servers))])).await.unwrap();
    let mut first = TcpStream::connect(address).await.unwrap();
    first.read_u8().await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), second.read_u8()).await;
    assert!(early.is_err(), "the second waits while the first is open");
    drop(first);
    assert_eq!(second.read_u8().await.unwrap(), 0);
}

#[tokio::test]
async fn a_protocol_that_is_not_carried_is_reported() {
    let proxy = proxy();
    let mut route = route("127.96.251.5:18080", &[at("127.0.0.1:1")]);
    route.protocol = Protocol::Sctp;
    proxy.apply(table([("a", route)])).await.unwrap();
    let reasons: Vec<_> = proxy.status().failures().map(|(_, why)| why.to_owned()).collect();
    assert_eq!(reasons, ["SCTP is not carried by the userspace proxy"]);
}

#[tokio::test]
async fn no_task_and_no_socket_is_left_after_a_drop() {
    let (proxy, env) = (proxy(), Env::system());
    let (servers, _tasks) = servers(&env, 1).await;
    let address = at("127.96.251.6:18080");
    proxy.apply(table([("a", route("127.96.251.6:18080", &servers))])).await.unwrap();
    assert_eq!(number(address).await, 0);
    drop(proxy);
    tokio::task::yield_now().await;
    TcpListener::bind(address).await.expect("the address is free again");
}
