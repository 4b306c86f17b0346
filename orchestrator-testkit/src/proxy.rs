//! The suite that every service proxy must pass.
//!
//! [`conforms`] checks what a [`Proxy`] reports; [`carries_traffic`] sends real bytes through
//! one that listens on loopback addresses. A test of an implementation calls one or both.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_core::ObjectKey;
use orchestrator_core::env::Task;
use orchestrator_core::proxy::{Protocol, Proxy, Route, RouteName, RoutingTable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// How long any one step may take before the suite gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The port of the services of the suite.
const PORT: u16 = 18_080;

/// Checks what a new proxy reports about the tables that it is given.
///
/// `address` is a free address on which the proxy can serve; the suite uses port 18080 there.
///
/// # Panics
/// The proxy breaks its contract.
pub async fn conforms(proxy: &dyn Proxy, address: IpAddr) {
    assert!(proxy.status().table.is_none(), "a new proxy has no table");
    let endpoints = [SocketAddr::new(address, 1)];
    let table = table(Protocol::Tcp, SocketAddr::new(address, PORT), &endpoints);
    proxy.apply(Arc::clone(&table)).await.expect("a table is applied");
    let status = proxy.status();
    assert_eq!(status.table.as_ref(), Some(&table), "the table applied last is reported");
    let at: Vec<_> = status.ports.keys().map(|frontend| frontend.address).collect();
    assert_eq!(at, [SocketAddr::new(address, PORT)], "every frontend is reported");
    proxy.apply(table).await.expect("the same table is applied");
    assert_eq!(proxy.status(), status, "the same table changes nothing");
    proxy.apply(Arc::default()).await.expect("an empty table is applied");
    assert!(proxy.status().ports.is_empty(), "what left the table is not reported");
}

/// Sends bytes through a new proxy that serves on loopback addresses.
///
/// `address` is a free loopback address; the suite uses port 18080 there, and serves the
/// endpoints itself.
///
/// # Panics
/// The proxy breaks its contract.
pub async fn carries_traffic(proxy: &dyn Proxy, address: IpAddr, env: &Env) {
    let frontend = SocketAddr::new(address, PORT);
    let (a, b) = (Server::start(b'a', env).await, Server::start(b'b', env).await);
    traffic_is_shared_and_follows_the_table(proxy, frontend, &a, &b).await;
    dead_endpoints_are_passed_over(proxy, frontend, &a).await;
    each_direction_ends_by_itself(proxy, frontend, &a).await;
    a_service_without_endpoints_refuses(proxy, frontend).await;
    datagrams_are_answered(proxy, frontend, env).await;
}

async fn traffic_is_shared_and_follows_the_table(
    proxy: &dyn Proxy,
    frontend: SocketAddr,
    a: &Server,
    b: &Server,
) {
    apply(proxy, table(Protocol::Tcp, frontend, &[a.address, b.address])).await;
    let mut reached = BTreeSet::new();
    for _ in 0..64 {
        reached.insert(ask(frontend).await.expect("the service answers"));
    }
    assert_eq!(reached, BTreeSet::from([b'a', b'b']), "all endpoints get traffic");
    let mut established = within(TcpStream::connect(frontend)).await.expect("connects");
    let before = exchange(&mut established).await.expect("answers");
    let stays = if before == b'a' { b } else { a };
    apply(proxy, table(Protocol::Tcp, frontend, &[stays.address])).await;
    for _ in 0..8 {
        let name = ask(frontend).await.expect("the service answers");
        assert_eq!(name, stays.name, "new connections go to the endpoints of the new table");
    }
    let after = exchange(&mut established).await;
    assert_eq!(after.ok(), Some(before), "an established connection goes on");
}

async fn dead_endpoints_are_passed_over(proxy: &dyn Proxy, frontend: SocketAddr, a: &Server) {
    let dead = free_address().await;
    apply(proxy, table(Protocol::Tcp, frontend, &[dead, a.address])).await;
    for _ in 0..4 {
        assert_eq!(ask(frontend).await.ok(), Some(b'a'), "a dead endpoint is passed over");
    }
}

async fn each_direction_ends_by_itself(proxy: &dyn Proxy, frontend: SocketAddr, a: &Server) {
    apply(proxy, table(Protocol::Tcp, frontend, &[a.address])).await;
    let mut stream = within(TcpStream::connect(frontend)).await.expect("connects");
    within(stream.write_all(b"one two")).await.expect("writes");
    within(stream.shutdown()).await.expect("ends its direction");
    let mut answer = Vec::new();
    within(stream.read_to_end(&mut answer)).await.expect("reads to the end");
    assert_eq!(answer, b"aaaaaaa", "the answer comes after the client's end");
}

async fn a_service_without_endpoints_refuses(proxy: &dyn Proxy, frontend: SocketAddr) {
    apply(proxy, table(Protocol::Tcp, frontend, &[])).await;
    assert!(ask(frontend).await.is_err(), "a service without endpoints refuses");
    apply(proxy, Arc::default()).await;
    assert!(ask(frontend).await.is_err(), "a service that is gone refuses");
}

async fn datagrams_are_answered(proxy: &dyn Proxy, frontend: SocketAddr, env: &Env) {
    let (server, _task) = datagram_server(env).await;
    apply(proxy, table(Protocol::Udp, frontend, &[server])).await;
    for text in [&b"first"[..], b"second"] {
        let client = UdpSocket::bind((IpAddr::from([127, 0, 0, 1]), 0)).await.expect("binds");
        within(client.connect(frontend)).await.expect("connects");
        within(client.send(text)).await.expect("sends");
        let mut answer = [0; 64];
        let len = within(client.recv(&mut answer)).await.expect("receives");
        assert_eq!(&answer[..len], text, "a datagram is answered from the service's address");
    }
}

async fn apply(proxy: &dyn Proxy, table: Arc<RoutingTable>) {
    proxy.apply(table).await.expect("a table is applied");
    let failures: Vec<_> = proxy.status().failures().map(|(_, why)| why.to_owned()).collect();
    assert!(failures.is_empty(), "all ports are programmed: {failures:?}");
}

/// The table of one service.
fn table(protocol: Protocol, frontend: SocketAddr, endpoints: &[SocketAddr]) -> Arc<RoutingTable> {
    let mut route = Route::default();
    route.protocol = protocol;
    route.cluster = vec![frontend];
    route.internal = endpoints.to_vec();
    route.external = endpoints.to_vec();
    let name = RouteName { service: ObjectKey::new("suite", "web"), port: String::new() };
    let mut table = RoutingTable::default();
    table.routes.insert(name, route);
    Arc::new(table)
}

/// A server that answers each byte with its name.
struct Server {
    name: u8,
    address: SocketAddr,
    _task: Task<()>,
}

impl Server {
    async fn start(name: u8, env: &Env) -> Self {
        let listener = TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 0)).await.expect("binds");
        let address = listener.local_addr().expect("is bound");
        let inner = env.clone();
        let task = env.spawn("suite server", async move {
            let mut connections = orchestrator_core::env::Tasks::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.push(inner.spawn("suite connection", answer(stream, name)));
            }
        });
        Self { name, address, _task: task }
    }
}

async fn answer(mut stream: TcpStream, name: u8) {
    let mut bytes = [0; 64];
    while let Ok(len @ 1..) = stream.read(&mut bytes).await {
        if stream.write_all(&vec![name; len]).await.is_err() {
            return;
        }
    }
}

async fn datagram_server(env: &Env) -> (SocketAddr, Task<()>) {
    let socket = UdpSocket::bind((IpAddr::from([127, 0, 0, 1]), 0)).await.expect("binds");
    let address = socket.local_addr().expect("is bound");
    let task = env.spawn("suite datagrams", async move {
        let mut bytes = [0; 64];
        while let Ok((len, from)) = socket.recv_from(&mut bytes).await {
            // A lost answer fails the suite by its patience.
            let _ = socket.send_to(&bytes[..len], from).await;
        }
    });
    (address, task)
}

/// An address on which nobody listens.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((IpAddr::from([127, 0, 0, 1]), 0)).await.expect("binds");
    listener.local_addr().expect("is bound")
}

/// The name of the server behind a new connection.
async fn ask(frontend: SocketAddr) -> io::Result<u8> {
    let mut stream = within(TcpStream::connect(frontend)).await?;
    exchange(&mut stream).await
}

async fn exchange(stream: &mut TcpStream) -> io::Result<u8> {
    within(stream.write_all(b"?")).await?;
    within(stream.read_u8()).await
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(PATIENCE, step).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}
