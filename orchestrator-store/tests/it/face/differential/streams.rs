//! Streams of watches on both: several watchers, their ids, large changes in fragments, progress,
//! and leases that end by themselves.

use std::time::Duration;

use orchestrator_core::Env;
use orchestrator_store::proto::etcd as pb;
use pb::request_op::Request;
use pb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::watch::plain;
use crate::face::clients::Clients;
use crate::face::real::RealEtcd;
use crate::face::served::Served;

/// One stream and what came on it.
struct Stream {
    clients: Clients,
    requests: mpsc::Sender<pb::WatchRequest>,
    answers: Streaming<pb::WatchResponse>,
    seen: Vec<String>,
}

impl Stream {
    /// Opens a stream with its first watcher.
    async fn open(mut clients: Clients, first: pb::WatchCreateRequest) -> Self {
        let (requests, receiver) = mpsc::channel(1);
        requests.send(asked(RequestUnion::CreateRequest(first))).await.unwrap();
        let opened = clients.watch.watch(ReceiverStream::new(receiver)).await;
        let answers = opened.unwrap().into_inner();
        let mut stream = Self { clients, requests, answers, seen: Vec::new() };
        stream.takes(1).await;
        stream
    }

    /// Sends a request, which `count` answers follow.
    async fn asks(&mut self, union: RequestUnion, count: usize) {
        self.requests.send(asked(union)).await.unwrap();
        self.takes(count).await;
    }

    /// Puts a key, of which `count` answers tell.
    async fn puts(&mut self, key: &'static str, count: usize) {
        let put = pb::PutRequest { key: key.into(), value: "x".into(), ..Default::default() };
        self.clients.kv.put(put).await.unwrap();
        self.takes(count).await;
    }

    async fn takes(&mut self, count: usize) {
        for _ in 0..count {
            let answer = self.answers.message().await.unwrap().unwrap();
            self.seen.push(format!("{:?} {:?}", plain(&answer), answer.events));
        }
    }
}

fn asked(union: RequestUnion) -> pb::WatchRequest {
    pb::WatchRequest { request_union: Some(union) }
}

fn watcher(key: &'static str, end: &'static str, watch_id: i64) -> pb::WatchCreateRequest {
    let (key, range_end) = (key.into(), end.into());
    pb::WatchCreateRequest { key, range_end, watch_id, prev_kv: true, ..Default::default() }
}

/// Several watchers on one stream: created, told, ended, refused.
async fn many_watchers(mut clients: Clients) -> Vec<String> {
    for _ in 0..5 {
        let put = pb::PutRequest { key: "a".into(), ..Default::default() };
        clients.kv.put(put).await.unwrap();
    }
    let compact = pb::CompactionRequest { revision: 4, physical: true };
    clients.kv.compact(compact).await.unwrap();
    let create = RequestUnion::CreateRequest;
    let mut stream = Stream::open(clients, watcher("a", "", 0)).await;
    stream.asks(create(watcher("b", "c", 5)), 1).await;
    stream.asks(create(watcher("b", "", 5)), 1).await;
    stream.asks(create(watcher("z", "b", 0)), 1).await;
    stream.asks(create(watcher("b", "\0", 0)), 1).await;
    stream.puts("a", 1).await;
    stream.puts("c", 1).await;
    let old = pb::WatchCreateRequest { start_revision: 2, ..watcher("a", "", 0) };
    stream.asks(create(old), 2).await;
    let later = pb::WatchCreateRequest { start_revision: 10, ..watcher("a", "", 0) };
    stream.asks(create(later), 1).await;
    stream.puts("nobody-watches", 1).await;
    let cancel = |watch_id| RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id });
    stream.asks(cancel(0), 1).await;
    stream.asks(cancel(77), 0).await;
    stream.asks(cancel(0), 0).await;
    stream.puts("a", 1).await;
    stream.asks(RequestUnion::ProgressRequest(pb::WatchProgressRequest {}), 1).await;
    stream.seen
}

/// Transactions and changes of some megabytes, taken in fragments; the events, and whether some
/// answers were fragments.
async fn large_changes(mut clients: Clients) -> (Vec<pb::Event>, bool) {
    for round in 0..4_u8 {
        let put = |n: u32| pb::PutRequest {
            key: format!("large/{n:02}").into(),
            value: vec![round; 50_000].into(),
            ..Default::default()
        };
        let step = |n| pb::RequestOp { request: Some(Request::RequestPut(put(n))) };
        let txn = pb::TxnRequest { success: (0..28).map(step).collect(), ..Default::default() };
        clients.kv.txn(txn).await.unwrap();
    }
    let asked = pb::WatchCreateRequest {
        start_revision: 2,
        fragment: true,
        ..watcher("large/", "large0", 0)
    };
    let mut stream = Stream::open(clients, asked).await;
    let (mut events, mut fragments) = (Vec::new(), false);
    while events.len() < 4 * 28 {
        let answer = stream.answers.message().await.unwrap().unwrap();
        fragments |= answer.fragment;
        events.extend(answer.events);
    }
    (events, fragments)
}

/// What a watcher sees of a lease that ends by itself: all of its keys go at once.
async fn ending_lease(mut clients: Clients) -> Vec<String> {
    let grant = pb::LeaseGrantRequest { ttl: 2, id: 7 };
    assert_eq!(clients.lease.lease_grant(grant).await.unwrap().into_inner().ttl, 2);
    for key in ["c", "a", "b"] {
        let put = pb::PutRequest { key: key.into(), lease: 7, ..Default::default() };
        clients.kv.put(put).await.unwrap();
    }
    let mut stream = Stream::open(clients, watcher("a", "z", 0)).await;
    stream.takes(1).await;
    let gone = pb::LeaseTimeToLiveRequest { id: 7, keys: true };
    let mut told = stream.clients.lease.lease_time_to_live(gone).await.unwrap().into_inner();
    told.header = None;
    stream.seen.push(format!("{told:?}"));
    stream.seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_watches_are_those_of_a_real_etcd() {
    let env = Env::system();
    let Some(real) = RealEtcd::start(&env).await else { return };
    let served = Served::memory(&env).await;
    let (ours, theirs) = (served.clients().await, Clients::connect(real.address).await);
    let both = futures::join!(many_watchers(ours), many_watchers(theirs));
    assert_eq!(both.0, both.1);

    let Some(real) = RealEtcd::start(&env).await else { return };
    let served = Served::memory(&env).await;
    let (ours, theirs) = (served.clients().await, Clients::connect(real.address).await);
    let both = futures::join!(large_changes(ours), large_changes(theirs));
    assert!(both.0 == both.1 && both.0.1, "the same changes, in fragments");

    let Some(real) = RealEtcd::start(&env).await else { return };
    let served = Served::memory(&env).await;
    let (ours, theirs) = (served.clients().await, Clients::connect(real.address).await);
    let both = async { futures::join!(ending_lease(ours), ending_lease(theirs)) };
    let both = tokio::time::timeout(Duration::from_secs(60), both).await.expect("leases end");
    assert_eq!(both.0, both.1);
}
