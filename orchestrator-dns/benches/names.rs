//! How many questions a second are answered, over loopback datagrams, from a zone of 10,000
//! services? Clients and server share the machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_server::proto::op::{Message, Query};
use hickory_server::proto::rr::{Name, RecordType};
use orchestrator_core::{Env, ObjectKey};
use orchestrator_dns::zone::{NamedPort, ServiceKind};
use orchestrator_dns::{DnsConfig, ServiceNames, Serving, Zone};
use parking_lot::RwLock;
use tokio::net::UdpSocket;

const SERVICES: u32 = 10_000;
const CLIENTS: u32 = 32;
const QUESTIONS: u32 = 4_000;

fn main() {
    // `cargo test --benches` asks every bench to say that it is there.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().expect("a runtime").block_on(measure());
}

async fn measure() {
    let env = Env::system();
    let begin = env.instant();
    let zone = zone();
    println!("{SERVICES} services put into a zone: {:.1} ms", millis(env.instant() - begin));
    let zone = Arc::new(RwLock::new(zone));
    let config = DnsConfig::default().upstream([]);
    let serving = Serving::start(&env, zone, &config).await.expect("an address");
    let at = serving.addresses()[0];
    for (what, name) in [
        ("an address", "service-4711.bench.svc.cluster.local."),
        ("no such name", "nobody.bench.svc.cluster.local."),
    ] {
        let begin = env.instant();
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| env.spawn("client", client(at, question(name)))).collect();
        for client in clients {
            client.await;
        }
        let took = env.instant() - begin;
        let rate = f64::from(CLIENTS * QUESTIONS) / took.as_secs_f64();
        println!("{what:14} {rate:8.0} answers/s ({CLIENTS} clients)");
    }
}

async fn client(at: SocketAddr, question: Vec<u8>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket.connect(at).await.expect("a way");
    let mut buffer = [0; 512];
    for _ in 0..QUESTIONS {
        socket.send(&question).await.expect("sends");
        socket.recv(&mut buffer).await.expect("an answer");
    }
}

fn question(name: &str) -> Vec<u8> {
    let mut query = Query::new();
    query.set_name(Name::from_ascii(name).expect("a name"));
    query.set_query_type(RecordType::A);
    let mut message = Message::query();
    message.add_query(query);
    message.to_vec().expect("it can be written")
}

fn zone() -> Zone {
    let mut zone = Zone::new("cluster.local").expect("a domain");
    zone.set_namespace("bench", true);
    for number in 0..SERVICES {
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 0)) + number);
        let port = NamedPort { name: "http".into(), protocol: "tcp".into(), port: 80 };
        let names = ServiceNames {
            kind: ServiceKind::Cluster(vec![ip.into()]),
            ports: vec![port],
            endpoints: Vec::new(),
        };
        zone.set_service(&ObjectKey::new("bench", format!("service-{number}")), Some(names));
    }
    zone
}

fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
