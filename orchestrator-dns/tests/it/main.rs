//! Names of a cluster, asked for over sockets.

use std::net::SocketAddr;

use hickory_server::proto::op::{Message, Query, ResponseCode};
use hickory_server::proto::rr::{Name, RecordType};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use orchestrator_apiserver::ApiServer;
use orchestrator_client::{Client, Informers};
use orchestrator_core::{Env, ObjectKey, UserInfo};
use orchestrator_dns::{Dns, DnsConfig};
use orchestrator_store::MemoryStore;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long an answer may take before a test gives up.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

struct Cluster {
    client: Client,
    dns: Dns,
}

impl Cluster {
    async fn start(config: DnsConfig) -> Self {
        let env = Env::system();
        let store = Arc::new(MemoryStore::new(env.clone()));
        let api = ApiServer::builder(store, env.clone()).build();
        api.start().await.unwrap();
        let client = Client::direct(api, UserInfo::system("admin"), env);
        let dns = Dns::start(Informers::new(client.clone()), &config).await.unwrap();
        tokio::time::timeout(PATIENCE, dns.ready()).await.expect("ready in time");
        Self { client, dns }
    }

    async fn settle(&self) {
        self.client.env().activity().idle().await;
    }

    async fn service(&self, name: &str, spec: Value) {
        let meta = json!({"name": name, "namespace": "default"});
        let service = serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap();
        self.client.api::<Service>().create(&service).await.unwrap();
        self.settle().await;
    }

    async fn endpoints(&self, service: &str, endpoints: Value) {
        let labels = json!({"kubernetes.io/service-name": service});
        let slice = json!({
            "metadata": {"name": service, "namespace": "default", "labels": labels},
            "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{"name": "", "port": 80, "protocol": "TCP"}],
        });
        let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
        self.client.api::<EndpointSlice>().create(&slice).await.unwrap();
        self.settle().await;
    }

    fn at(&self) -> SocketAddr {
        self.dns.addresses()[0]
    }
}

fn question(name: &str, kind: &str) -> Vec<u8> {
    let mut query = Query::new();
    query.set_name(Name::from_ascii(format!("{name}.")).unwrap());
    query.set_query_type(kind.parse::<RecordType>().unwrap());
    let mut message = Message::query();
    message.metadata.id = 7;
    message.metadata.recursion_desired = true;
    message.add_query(query);
    message.to_vec().unwrap()
}

async fn by_datagram(at: SocketAddr, name: &str, kind: &str) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question(name, kind), at).await.unwrap();
    let mut buffer = [0; 4096];
    let answer = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
    let len = answer.expect("an answer in time").unwrap();
    Message::from_vec(&buffer[..len]).unwrap()
}

async fn by_stream(at: SocketAddr, name: &str, kind: &str) -> Message {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let question = question(name, kind);
    stream.write_u16(u16::try_from(question.len()).unwrap()).await.unwrap();
    stream.write_all(&question).await.unwrap();
    let len = stream.read_u16().await.unwrap();
    let mut buffer = vec![0; usize::from(len)];
    stream.read_exact(&mut buffer).await.unwrap();
    Message::from_vec(&buffer).unwrap()
}

fn data(message: &Message) -> Vec<String> {
    let mut data: Vec<String> = message.answers.iter().map(|r| r.data.to_string()).collect();
    data.sort();
    data
}

#[tokio::test]
async fn names_come_and_go_with_services() {
    let cluster = Cluster::start(DnsConfig::default().upstream([])).await;
    let name = "web.default.svc.cluster.local";
    let missing = by_datagram(cluster.at(), name, "A").await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(missing.authorities[0].record_type(), RecordType::SOA, "so that it is remembered");
    cluster.service("web", json!({"ports": [{"port": 80}]})).await;
    let key = ObjectKey::new("default", "web");
    let services = cluster.client.api::<Service>();
    let ip = services.get(&key).await.unwrap().spec.clone().unwrap().cluster_ip.unwrap();
    let found = by_datagram(cluster.at(), name, "A").await;
    assert_eq!(data(&found), [ip]);
    assert!(found.metadata.authoritative && found.metadata.recursion_available);
    assert_eq!(found.answers[0].ttl, 5);
    let other = by_datagram(cluster.at(), name, "AAAA").await;
    assert_eq!(other.metadata.response_code, ResponseCode::NoError);
    assert_eq!(other.authorities[0].record_type(), RecordType::SOA);
    services.delete(&key, &Default::default()).await.unwrap();
    cluster.settle().await;
    let gone = by_datagram(cluster.at(), name, "A").await;
    assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn what_is_too_long_for_a_datagram_comes_by_a_stream() {
    let cluster = Cluster::start(DnsConfig::default().upstream([])).await;
    cluster.service("db", json!({"clusterIP": "None", "ports": [{"port": 80}]})).await;
    let endpoints: Vec<Value> = (1..=100)
        .map(|n| json!({"addresses": [format!("10.1.0.{n}")], "hostname": format!("db-{n}")}))
        .collect();
    cluster.endpoints("db", json!(endpoints)).await;
    let name = "db.default.svc.cluster.local";
    let cut = by_datagram(cluster.at(), name, "A").await;
    assert!(cut.metadata.truncation && cut.answers.len() < 100);
    let whole = by_stream(cluster.at(), name, "A").await;
    assert_eq!(whole.answers.len(), 100);
    let one = by_stream(cluster.at(), &format!("db-42.{name}"), "A").await;
    assert_eq!(data(&one), ["10.1.0.42"]);
}

#[tokio::test]
async fn other_names_are_asked_for_elsewhere_and_aliases_followed() {
    let elsewhere = Cluster::start(DnsConfig::default().domain("example.com").upstream([])).await;
    elsewhere.service("site", json!({"clusterIP": "None", "ports": [{"port": 80}]})).await;
    elsewhere.endpoints("site", json!([{"addresses": ["192.0.2.80"]}])).await;
    let config = DnsConfig::default().upstream([elsewhere.at()]);
    let cluster = Cluster::start(config).await;
    let name = "site.default.svc.example.com";
    assert_eq!(data(&by_datagram(cluster.at(), name, "A").await), ["192.0.2.80"]);
    let spec = json!({"type": "ExternalName", "externalName": name});
    cluster.service("alias", spec).await;
    let alias = by_datagram(cluster.at(), "alias.default.svc.cluster.local", "A").await;
    assert_eq!(data(&alias), ["192.0.2.80", &format!("{name}.")]);
    let missing = by_datagram(cluster.at(), "none.default.svc.example.com", "A").await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    let alone = Cluster::start(DnsConfig::default().upstream([])).await;
    let nobody = by_datagram(alone.at(), name, "A").await;
    assert_eq!(nobody.metadata.response_code, ResponseCode::ServFail);
}

#[tokio::test]
async fn pods_have_names_in_namespaces_that_exist() {
    let cluster = Cluster::start(DnsConfig::default().upstream([])).await;
    let name = "10-1-0-7.shop.pod.cluster.local";
    let code = by_datagram(cluster.at(), name, "A").await.metadata.response_code;
    assert_eq!(code, ResponseCode::NXDomain);
    let shop: Namespace = serde_json::from_value(json!({"metadata": {"name": "shop"}})).unwrap();
    cluster.client.api::<Namespace>().create(&shop).await.unwrap();
    cluster.settle().await;
    assert_eq!(data(&by_datagram(cluster.at(), name, "A").await), ["10.1.0.7"]);
}

#[tokio::test]
async fn nonsense_is_answered_or_ignored_and_harms_nobody() {
    let cluster = Cluster::start(DnsConfig::default().upstream([])).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for bytes in [&[][..], &[0], &[0xff; 12], &[0xff; 600], &question("a.b", "A")[..13]] {
        socket.send_to(bytes, cluster.at()).await.unwrap();
    }
    let name = "kubernetes.default.svc.cluster.local";
    let answer = by_datagram(cluster.at(), name, "TXT").await;
    assert_eq!(answer.metadata.id, 7);
}
