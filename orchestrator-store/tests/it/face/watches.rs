//! The rules of watch streams.

use orchestrator_core::Env;
use orchestrator_store::proto::etcd as pb;
use pb::watch_request::RequestUnion;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;

use super::clients::Clients;
use super::served::Served;

/// A watch stream of a client.
pub struct Stream {
    requests: Sender<pb::WatchRequest>,
    answers: tonic::Streaming<pb::WatchResponse>,
}

impl Stream {
    pub async fn open(clients: &mut Clients) -> Self {
        Self::request(clients, |_| {}).await
    }

    /// Opens one that ends without a leader, as kube-apiserver does.
    pub async fn open_with_leader(clients: &mut Clients) -> Self {
        let leader = |metadata: &mut tonic::metadata::MetadataMap| {
            metadata.insert("hasleader", "true".parse().unwrap());
        };
        Self::request(clients, leader).await
    }

    async fn request(
        clients: &mut Clients,
        metadata: impl FnOnce(&mut tonic::metadata::MetadataMap),
    ) -> Self {
        let (requests, receive) = channel(16);
        let mut request = tonic::Request::new(ReceiverStream::new(receive));
        metadata(request.metadata_mut());
        let answers = clients.watch.watch(request).await.unwrap().into_inner();
        Self { requests, answers }
    }

    async fn send(&self, request: RequestUnion) {
        self.requests.send(pb::WatchRequest { request_union: Some(request) }).await.unwrap();
    }

    pub async fn create(&self, request: pb::WatchCreateRequest) {
        self.send(RequestUnion::CreateRequest(request)).await;
    }

    async fn cancel(&self, watch_id: i64) {
        self.send(RequestUnion::CancelRequest(pb::WatchCancelRequest { watch_id })).await;
    }

    pub async fn ask_progress(&self) {
        self.send(RequestUnion::ProgressRequest(pb::WatchProgressRequest {})).await;
    }

    pub async fn next(&mut self) -> pb::WatchResponse {
        self.answers.message().await.unwrap().expect("the stream goes on")
    }
}

async fn open() -> (Served, Clients, Stream) {
    let served = Served::memory(&Env::system()).await;
    let mut clients = served.clients().await;
    let stream = Stream::open(&mut clients).await;
    (served, clients, stream)
}

fn key(key: &'static str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: key.into(), ..Default::default() }
}

async fn put(clients: &mut Clients, key: &'static str, value: impl Into<bytes::Bytes>) -> i64 {
    let put = pb::PutRequest { key: key.into(), value: value.into(), ..Default::default() };
    clients.kv.put(put).await.unwrap().into_inner().header.unwrap().revision
}

#[tokio::test]
async fn ids_are_chosen_or_given_and_never_used_twice_at_a_time() {
    let (_served, _clients, mut stream) = open().await;
    for (wanted, given) in [(0, 0), (1, 1), (0, 2), (7, 7)] {
        stream.create(pb::WatchCreateRequest { watch_id: wanted, ..key("a") }).await;
        let created = stream.next().await;
        assert_eq!((created.created, created.canceled, created.watch_id), (true, false, given));
    }
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..key("a") }).await;
    let refused = stream.next().await;
    assert_eq!((refused.created, refused.canceled, refused.watch_id), (true, true, -1));
    assert_eq!(refused.cancel_reason, "mvcc: duplicate watch ID provided on the WatchStream");
    stream.cancel(7).await;
    let canceled = stream.next().await;
    assert_eq!((canceled.created, canceled.canceled, canceled.watch_id), (false, true, 7));
    stream.cancel(99).await;
    stream.create(pb::WatchCreateRequest { watch_id: 7, ..key("a") }).await;
    assert!(stream.next().await.created, "an unknown id is not answered, a freed one is free");
}

#[tokio::test]
async fn watchers_that_can_see_nothing_are_refused() {
    let (_served, mut clients, mut stream) = open().await;
    stream.create(pb::WatchCreateRequest { range_end: "a".into(), ..key("b") }).await;
    let refused = stream.next().await;
    assert_eq!(refused.cancel_reason, "mvcc: watcher range is empty");
    stream.create(pb::WatchCreateRequest { start_revision: -1, ..key("b") }).await;
    assert!(stream.next().await.canceled);
    for value in ["1", "2", "3"] {
        put(&mut clients, "a", value).await;
    }
    let compact = pb::CompactionRequest { revision: 3, physical: true };
    clients.kv.compact(compact).await.unwrap();
    stream.create(pb::WatchCreateRequest { start_revision: 2, ..key("a") }).await;
    assert!(stream.next().await.created);
    let ended = stream.next().await;
    assert_eq!((ended.canceled, ended.compact_revision, ended.watch_id), (true, 3, 0));
}

#[tokio::test]
async fn filters_values_before_and_future_starts_are_kept() {
    let (_served, mut clients, mut stream) = open().await;
    let watchers = [
        pb::WatchCreateRequest { filters: vec![0], ..key("a") },
        pb::WatchCreateRequest { filters: vec![1], prev_kv: true, ..key("a") },
        pb::WatchCreateRequest { start_revision: 4, ..key("a") },
    ];
    for watcher in watchers {
        stream.create(watcher).await;
        assert!(stream.next().await.created);
    }
    put(&mut clients, "a", "1").await;
    put(&mut clients, "a", "2").await;
    let delete = pb::DeleteRangeRequest { key: "a".into(), ..Default::default() };
    clients.kv.delete_range(delete).await.unwrap();
    let mut seen = vec![Vec::new(); 3];
    while seen.iter().map(Vec::len).sum::<usize>() < 4 {
        let answer = stream.next().await;
        for event in answer.events {
            let kv = event.kv.unwrap();
            let prev = event.prev_kv.map(|kv| kv.value);
            seen[answer.watch_id as usize].push((kv.mod_revision, event.r#type, prev));
        }
    }
    assert_eq!(seen[0], [(4, 1, None)]);
    assert_eq!(seen[1], [(2, 0, None), (3, 0, Some("1".into()))]);
    assert_eq!(seen[2], [(4, 1, None)]);
}

#[tokio::test]
async fn a_revision_is_split_only_where_fragments_are_taken() {
    let (_served, mut clients, mut stream) = open().await;
    stream.create(pb::WatchCreateRequest { range_end: "z".into(), ..key("a") }).await;
    let fragments = pb::WatchCreateRequest { range_end: "z".into(), fragment: true, ..key("a") };
    stream.create(fragments).await;
    assert!(stream.next().await.created && stream.next().await.created);
    for name in ["a", "b", "c"] {
        put(&mut clients, name, vec![b'v'; 1 << 20]).await;
    }
    // One revision of three megabytes, as no single request could make it.
    let delete = pb::DeleteRangeRequest { range_end: "z".into(), key: "a".into(), prev_kv: false };
    clients.kv.delete_range(delete).await.unwrap();
    stream
        .create(pb::WatchCreateRequest {
            range_end: "z".into(),
            start_revision: 5,
            prev_kv: true,
            fragment: true,
            ..key("a")
        })
        .await;
    stream
        .create(pb::WatchCreateRequest {
            range_end: "z".into(),
            start_revision: 5,
            prev_kv: true,
            ..key("a")
        })
        .await;
    let mut answers = vec![Vec::new(); 4];
    while answers[2].iter().sum::<usize>() < 3 || answers[3].is_empty() {
        let answer = stream.next().await;
        if !answer.created {
            let (id, last) =
                (answer.watch_id as usize, answers[2].iter().sum::<usize>() + answer.events.len());
            answers[id].push(answer.events.len());
            assert_eq!(answer.fragment, id == 2 && last < 3);
        }
    }
    assert_eq!((&answers[2], &answers[3]), (&vec![1, 1, 1], &vec![3]));
}

#[tokio::test]
async fn progress_is_told_to_all_at_once_and_bounds_what_was_given() {
    let (_served, mut clients, mut stream) = open().await;
    stream.ask_progress().await;
    let alone = stream.next().await;
    assert_eq!((alone.watch_id, alone.header.unwrap().revision), (-1, 1));
    for number in 0..200 {
        put(&mut clients, "a", number.to_string()).await;
    }
    // Both have a past to catch up with.
    for name in ["a", "b"] {
        stream.create(pb::WatchCreateRequest { start_revision: 2, ..key(name) }).await;
    }
    stream.ask_progress().await;
    let revision = put(&mut clients, "a", "last").await;
    stream.ask_progress().await;
    let (mut newest, mut told) = (1, 1);
    while told < revision {
        let answer = stream.next().await;
        if answer.created {
            continue;
        }
        for event in &answer.events {
            let revision = event.kv.as_ref().unwrap().mod_revision;
            assert!(revision > told, "given after it was told to be complete");
            newest = newest.max(revision);
        }
        if answer.watch_id == -1 {
            told = answer.header.unwrap().revision;
            assert!(told >= newest, "told less than was given");
        }
    }
    assert_eq!(newest, revision);
}

#[tokio::test]
async fn plain_pages_and_unknown_paths_are_answered() {
    let served = Served::memory(&Env::system()).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    for (path, code, part) in [
        ("/health", "200", r#""health":"true""#),
        ("/version", "200", r#""etcdserver":"3.5."#),
        ("/", "404", "not found"),
    ] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(served.address).await.unwrap();
        socket.write_all(get(path).as_bytes()).await.unwrap();
        let mut text = String::new();
        socket.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {code}")) && text.contains(part), "{text}");
    }
}
