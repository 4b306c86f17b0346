//! What the adapter to etcd costs beside a bare loop over the same wire.
//!
//! `put`, `get` and `watched put` are asked of the adapter; `raw put` and `raw get` are the same
//! calls of a generated client and nothing else. Each runs against our face over a store in memory,
//! and against a real etcd (3.4 or later, in a new directory) where one is on PATH.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::StreamExt;
use orchestrator_core::store::{KeyRange, Op, Put, Revision, Store, Txn, WatchRequest};
use orchestrator_core::{Env, StoreExt, Value};
use orchestrator_store::MemoryStore;
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::face::{EtcdServer, Options};
use orchestrator_store::proto::etcd as wire;
use orchestrator_store::proto::etcd::kv_client::KvClient;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tonic::transport::{Channel, Endpoint};

/// As long as a small object.
const VALUE: [u8; 256] = [b'x'; 256];

/// An etcd that is killed when dropped.
struct Etcd {
    child: Child,
    _dir: TempDir,
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn etcd() -> Option<(Etcd, String)> {
    let dir = TempDir::new().expect("a directory");
    let ports = [TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0")];
    let [client, peer] = ports.map(|listener| {
        let address = listener.and_then(|listener| listener.local_addr()).expect("a free port");
        format!("http://{address}")
    });
    let child = Command::new("etcd")
        .arg(format!("--data-dir={}", dir.path().join("data").display()))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some((Etcd { child, _dir: dir }, client))
}

async fn face(env: &Env) -> (orchestrator_core::env::Task<()>, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let engine = Arc::new(MemoryStore::new(env.clone()));
    let server = EtcdServer::new(env.clone(), engine, Options::new());
    let task = env.spawn("face", async move {
        server.serve(listener, std::future::pending()).await.expect("it serves");
    });
    (task, url)
}

fn put() -> Txn {
    let put = Op::Put(Put::new("a", Value::from_bytes(VALUE.to_vec())));
    Txn { then: vec![put], ..Txn::default() }
}

async fn raw_put(channel: Channel) {
    let put = wire::PutRequest {
        key: "a".into(),
        value: VALUE.to_vec().into(),
        prev_kv: true,
        ..wire::PutRequest::default()
    };
    KvClient::new(channel).put(put).await.expect("a put");
}

async fn raw_get(channel: Channel) {
    let get = wire::RangeRequest { key: "a".into(), ..wire::RangeRequest::default() };
    KvClient::new(channel).range(get).await.expect("a read");
}

fn against(criterion: &mut Criterion, runtime: &Runtime, name: &str, url: &str) {
    let (store, channel, watch) = runtime.block_on(async {
        let store = EtcdStore::builder([url]).build(Env::system()).expect("good options");
        store.txn(put()).await.expect("a write");
        let request = WatchRequest::new(KeyRange::key("a"), Revision::ZERO);
        let watch = store.watch(request).await.expect("a watch");
        let endpoint = Endpoint::from_shared(url.to_owned()).expect("an address");
        let channel = endpoint.tcp_nodelay(true).connect().await.expect("a connection");
        (store, channel, Mutex::new(watch))
    });
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.bench_function("watched put", |bencher| {
        bencher.to_async(runtime).iter(async || {
            store.txn(put()).await.expect("a write");
            watch.lock().await.next().await.expect("no end").expect("a change")
        });
    });
    drop(watch);
    group.bench_function("put", |bencher| {
        bencher.to_async(runtime).iter(async || store.txn(put()).await.expect("a write"));
    });
    group.bench_function("raw put", |bencher| {
        bencher.to_async(runtime).iter(|| raw_put(channel.clone()));
    });
    group.bench_function("get", |bencher| {
        bencher.to_async(runtime).iter(async || store.get("a").await.expect("a read"));
    });
    group.bench_function("raw get", |bencher| {
        bencher.to_async(runtime).iter(|| raw_get(channel.clone()));
    });
    group.finish();
}

fn round_trips(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (_serving, url) = runtime.block_on(face(&Env::system()));
    against(criterion, &runtime, "our face over memory", &url);
    match etcd() {
        Some((_running, url)) => against(criterion, &runtime, "etcd, fsync on", &url),
        None => eprintln!("SKIPPED: no `etcd` on PATH"),
    }
}

criterion_group!(benches, round_trips);
criterion_main!(benches);
