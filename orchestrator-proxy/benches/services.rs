//! What services cost as packet rules of the kernel, on machines of this bench alone; needs root.
//!
//! How long do 10,000 services with 10 endpoints each take to program, from nothing and after one
//! endpoint changed? How many connections a second go through a service when there are 10 and when
//! there are 10,000? Each question is asked in one run, so that the machine's mood is the same.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::proxy::{Endpoint, Protocol, Proxy, Route, RouteName, RoutingTable};
use orchestrator_core::{Env, ObjectKey};
use orchestrator_proxy::{NftablesConfig, NftablesProxy};
use orchestrator_testkit::machines::{Machine, machines};

const MANY: u32 = 10_000;
const ENDPOINTS: u32 = 10;
const CONNECTIONS: u32 = 2_000;
const DATAGRAMS: u32 = 100_000;

fn main() {
    // `cargo test --benches` asks every bench to say that it is there.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let Some([client, node, server]) = machines(["client", "node", "server"]) else { return };
    client.cable(("eth0", "192.0.2.1/24"), &node, ("eth0", "192.0.2.9/24"));
    server.cable(("eth0", "10.1.0.1/24"), &node, ("pod", "10.1.0.254/24"));
    client.ip("route add default via 192.0.2.9");
    server.ip("route add default via 10.1.0.254");
    node.forward();
    server.serve("server", SocketAddr::from(([10, 1, 0, 1], 8080)));
    server.serve_datagrams("server", SocketAddr::from(([10, 1, 0, 1], 8080)));
    programming(&node);
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for services in [10, MANY, 10, MANY] {
            traffic(&node, &client, services, protocol);
        }
    }
}

fn programming(node: &Machine) {
    let figures = node.block_on(|| async {
        let env = Env::system();
        let proxy = NftablesProxy::open(NftablesConfig::default()).expect("nftables");
        let first = Arc::new(table(MANY, ENDPOINTS, Protocol::Tcp));
        let begin = env.instant();
        proxy.apply(Arc::clone(&first)).await.expect("the first table");
        let whole = env.instant() - begin;
        let mut changes = Vec::new();
        let mut last = first;
        for step in 0..21u16 {
            let mut next = RoutingTable::clone(&last);
            let route = next.routes.values_mut().nth(5000 + usize::from(step));
            let route = route.expect("there are as many");
            route.internal[3] = SocketAddr::from(([10, 9, 0, 1], 9000 + step));
            let next = Arc::new(next);
            let begin = env.instant();
            proxy.apply(Arc::clone(&next)).await.expect("a change");
            changes.push(env.instant() - begin);
            last = next;
        }
        changes.sort();
        let begin = env.instant();
        let again = NftablesProxy::open(NftablesConfig::default()).expect("nftables");
        again.apply(Arc::clone(&last)).await.expect("a successor's first table");
        let takeover = env.instant() - begin;
        again.remove().await.expect("removed");
        (whole, changes[changes.len() / 2], takeover)
    });
    let (whole, change, takeover) = figures;
    println!("{MANY} services x {ENDPOINTS} endpoints");
    println!("  first table                   {:8.1} ms", millis(whole));
    println!("  one endpoint changes (median) {:8.2} ms", millis(change));
    println!("  a successor takes over        {:8.1} ms", millis(takeover));
}

fn traffic(node: &Machine, client: &Machine, services: u32, protocol: Protocol) {
    node.block_on(move || async move {
        let proxy = NftablesProxy::open(NftablesConfig::default()).expect("nftables");
        proxy.apply(Arc::new(table(services, 1, protocol))).await.expect("a table");
    });
    // The service in the middle leads to the server.
    let to = SocketAddr::new(address(services / 2).into(), 80);
    match protocol {
        Protocol::Tcp => {
            let took = client.run(move || connections(to));
            let rate = f64::from(CONNECTIONS) / took.as_secs_f64();
            println!("{services:6} services: {rate:8.0} TCP connections/s");
        }
        _ => {
            let took = client.run(move || datagrams(to));
            let rate = f64::from(DATAGRAMS) / took.as_secs_f64();
            println!("{services:6} services: {rate:8.0} datagrams there and back/s");
        }
    }
}

fn connections(to: SocketAddr) -> Duration {
    let env = Env::system();
    let begin = env.instant();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(to).expect("connects");
        stream.read_to_string(&mut String::new()).expect("answers");
    }
    env.instant() - begin
}

fn datagrams(to: SocketAddr) -> Duration {
    let env = Env::system();
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect(to).expect("a way");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    let mut buffer = [0; 64];
    let begin = env.instant();
    for _ in 0..DATAGRAMS {
        socket.send(b"?").expect("sends");
        socket.recv(&mut buffer).expect("answers");
    }
    env.instant() - begin
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 0)) + number)
}

fn table(services: u32, endpoints: u32, protocol: Protocol) -> RoutingTable {
    let mut table = RoutingTable::default();
    for number in 0..services {
        let mut route = Route::default();
        route.protocol = protocol;
        route.cluster = vec![SocketAddr::new(address(number).into(), 80)];
        // With one endpoint, all lead to the server; with several, to addresses of their own.
        let endpoint = |index: u32| match endpoints {
            1 => SocketAddr::from(([10, 1, 0, 1], 8080)),
            _ => {
                let first = u32::from(Ipv4Addr::new(10, 128, 0, 0));
                SocketAddr::new(Ipv4Addr::from(first + number * 16 + index).into(), 8080)
            }
        };
        route.internal = (0..endpoints).map(endpoint).collect();
        route.external = route.internal.clone();
        let describe = |address: &SocketAddr| Endpoint {
            address: *address,
            ready: true,
            serving: true,
            terminating: false,
            local: false,
            zones: Vec::new(),
        };
        route.endpoints = route.internal.iter().map(describe).collect();
        let service = ObjectKey::new("bench", format!("service-{number:05}"));
        table.routes.insert(RouteName { service, port: String::new() }, route);
    }
    table
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
