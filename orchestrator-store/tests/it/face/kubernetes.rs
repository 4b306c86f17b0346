//! Exactly the calls that an unmodified kube-apiserver makes, and what it reads from the answers.

use orchestrator_core::Env;
use orchestrator_store::proto::etcd as pb;
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;

use super::clients::Clients;
use super::served::Served;
use super::watches::Stream;

const POD: &str = "/registry/pods/shop/web";

async fn clients() -> (Served, Clients) {
    let served = Served::memory(&Env::system()).await;
    let clients = served.clients().await;
    (served, clients)
}

fn mod_is(key: &str, revision: i64) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: key.to_owned().into(),
        target_union: Some(TargetUnion::ModRevision(revision)),
        ..Default::default()
    }
}

fn op(request: Request) -> Vec<pb::RequestOp> {
    vec![pb::RequestOp { request: Some(request) }]
}

fn put(key: &str, value: &str, lease: i64) -> Vec<pb::RequestOp> {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    op(Request::RequestPut(pb::PutRequest { key, value, lease, ..Default::default() }))
}

fn get(key: &str) -> Vec<pb::RequestOp> {
    op(Request::RequestRange(pb::RangeRequest { key: key.to_owned().into(), ..Default::default() }))
}

fn delete(key: &str) -> Vec<pb::RequestOp> {
    let delete = pb::DeleteRangeRequest { key: key.to_owned().into(), ..Default::default() };
    op(Request::RequestDeleteRange(delete))
}

/// What a transaction says: whether it held, and its revision.
async fn txn(
    clients: &mut Clients,
    compare: pb::Compare,
    success: Vec<pb::RequestOp>,
    failure: Vec<pb::RequestOp>,
) -> (bool, i64, Option<Response>) {
    let request = pb::TxnRequest { compare: vec![compare], success, failure };
    let mut answer = clients.kv.txn(request).await.unwrap().into_inner();
    let first = answer.responses.pop().and_then(|op| op.response);
    (answer.succeeded, answer.header.unwrap().revision, first)
}

async fn range(clients: &mut Clients, request: pb::RangeRequest) -> pb::RangeResponse {
    clients.kv.range(request).await.unwrap().into_inner()
}

fn list(prefix: &str, limit: i64, revision: i64) -> pb::RangeRequest {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().unwrap() += 1;
    let key = prefix.to_owned().into();
    pb::RangeRequest { key, range_end: end.into(), limit, revision, ..Default::default() }
}

#[tokio::test]
async fn objects_are_created_updated_and_deleted_by_comparing_their_revision() {
    let (_served, mut clients) = clients().await;
    let c = &mut clients;
    let (created, first, _) = txn(c, mod_is(POD, 0), put(POD, "v1", 0), Vec::new()).await;
    assert_eq!((created, first), (true, 2));
    // It is there already: no branch, no revision.
    let (created, revision, none) = txn(c, mod_is(POD, 0), put(POD, "v1", 0), Vec::new()).await;
    assert_eq!((created, revision, none), (false, 2, None));
    let (updated, second, _) = txn(c, mod_is(POD, 2), put(POD, "v2", 0), get(POD)).await;
    assert_eq!((updated, second), (true, 3));
    let (updated, _, present) = txn(c, mod_is(POD, 2), put(POD, "v3", 0), get(POD)).await;
    let Some(Response::ResponseRange(present)) = present else { panic!("{present:?}") };
    assert!(!updated);
    assert_eq!((&*present.kvs[0].value, present.kvs[0].mod_revision), (&b"v2"[..], 3));
    let (deleted, _, present) = txn(c, mod_is(POD, 2), delete(POD), get(POD)).await;
    assert!(!deleted && matches!(present, Some(Response::ResponseRange(_))));
    let (deleted, third, done) = txn(c, mod_is(POD, 3), delete(POD), get(POD)).await;
    let Some(Response::ResponseDeleteRange(done)) = done else { panic!("{done:?}") };
    assert_eq!((deleted, third, done.deleted), (true, 4, 1));
    let point = pb::RangeRequest { key: POD.into(), limit: 1, ..Default::default() };
    let gone = range(c, point).await;
    assert_eq!((gone.kvs.len(), gone.header.unwrap().revision), (0, 4));
}

#[tokio::test]
async fn lists_go_page_by_page_at_one_revision() {
    let (_served, mut clients) = clients().await;
    for number in 0..25 {
        let key = format!("/registry/pods/shop/{number:02}");
        txn(&mut clients, mod_is(&key, 0), put(&key, "v", 0), Vec::new()).await;
    }
    let prefix = "/registry/pods/";
    let first = range(&mut clients, list(prefix, 10, 0)).await;
    assert_eq!((first.kvs.len(), first.more, first.count), (10, true, 25));
    let pinned = first.header.unwrap().revision;
    txn(&mut clients, mod_is("/registry/pods/a", 0), put("/registry/pods/a", "v", 0), Vec::new())
        .await;
    let mut seen = first.kvs;
    loop {
        let mut next = list(prefix, 10, pinned);
        next.key = [&seen.last().unwrap().key[..], b"\0"].concat().into();
        let page = range(&mut clients, next).await;
        seen.extend(page.kvs);
        if !page.more {
            break;
        }
        assert_eq!(page.count, 15, "what is left of the pinned revision");
    }
    assert!(seen.iter().map(|kv| &kv.key).is_sorted());
    assert_eq!(seen.len(), 25);
    let counted = range(&mut clients, pb::RangeRequest { count_only: true, ..list(prefix, 0, 0) });
    assert_eq!(counted.await.count, 26);
    let keys =
        range(&mut clients, pb::RangeRequest { keys_only: true, ..list(prefix, 0, 0) }).await;
    assert!(keys.kvs.len() == 26 && keys.kvs.iter().all(|kv| kv.value.is_empty()));
}

#[tokio::test]
async fn a_watch_cache_sees_every_change_with_the_value_before() {
    let (_served, mut clients) = clients().await;
    let mut stream = Stream::open_with_leader(&mut clients).await;
    let prefix = list("/registry/pods/", 0, 0);
    stream
        .create(pb::WatchCreateRequest {
            key: prefix.key,
            range_end: prefix.range_end,
            start_revision: 2,
            prev_kv: true,
            progress_notify: true,
            ..Default::default()
        })
        .await;
    assert!(stream.next().await.created);
    txn(&mut clients, mod_is(POD, 0), put(POD, "v1", 0), Vec::new()).await;
    txn(&mut clients, mod_is(POD, 2), put(POD, "v2", 0), get(POD)).await;
    txn(&mut clients, mod_is(POD, 3), delete(POD), get(POD)).await;
    let mut events = Vec::new();
    while events.len() < 3 {
        events.extend(stream.next().await.events);
    }
    for (event, (prev, is_delete)) in
        events.iter().zip([(None, false), (Some("v1"), false), (Some("v2"), true)])
    {
        let kv = event.kv.as_ref().unwrap();
        let told = event.prev_kv.as_ref().map(|kv| String::from_utf8_lossy(&kv.value));
        assert_eq!((told.as_deref(), event.r#type == 1), (prev, is_delete));
        assert_eq!(prev.is_none(), kv.create_revision == kv.mod_revision && !is_delete);
    }
    assert_eq!(events[2].kv.as_ref().unwrap().mod_revision, 4);
    // A consistent read waits for the cache: it asks how far the watch is.
    txn(&mut clients, mod_is("/other", 0), put("/other", "v", 0), Vec::new()).await;
    stream.ask_progress().await;
    let progress = stream.next().await;
    assert_eq!((progress.watch_id, progress.header.unwrap().revision), (-1, 5));
    assert!(progress.events.is_empty() && !progress.created && !progress.canceled);
}

#[tokio::test]
async fn the_compactor_takes_its_turn_and_compacts() {
    let (_served, mut clients) = clients().await;
    let turn = |version, revision: &str| {
        let compare = pb::Compare {
            target: CompareTarget::Version.into(),
            target_union: Some(TargetUnion::Version(version)),
            ..mod_is("compact_rev_key", 0)
        };
        (compare, put("compact_rev_key", revision, 0), get("compact_rev_key"))
    };
    let (compare, then, otherwise) = turn(0, "0");
    assert!(txn(&mut clients, compare, then, otherwise).await.0);
    let (compare, then, otherwise) = turn(0, "0");
    let (held, _, present) = txn(&mut clients, compare, then, otherwise).await;
    let Some(Response::ResponseRange(present)) = present else { panic!("{present:?}") };
    assert_eq!((held, present.kvs[0].version), (false, 1));
    for value in ["a", "b", "c"] {
        let key = pb::PutRequest { key: POD.into(), value: value.into(), ..Default::default() };
        clients.kv.put(key).await.unwrap();
    }
    let compact = pb::CompactionRequest { revision: 4, physical: false };
    clients.kv.compact(compact).await.unwrap();
    let old = clients.kv.range(list("/registry/", 0, 3)).await.unwrap_err();
    assert_eq!(old.message(), "etcdserver: mvcc: required revision has been compacted");
    assert_eq!(range(&mut clients, list("/registry/", 0, 4)).await.kvs[0].value, "b");
}

#[tokio::test]
async fn events_end_with_their_lease_and_the_status_has_a_version() {
    let (_served, mut clients) = clients().await;
    let grant = pb::LeaseGrantRequest { ttl: 3600, id: 0 };
    let lease = clients.lease.lease_grant(grant).await.unwrap().into_inner();
    let key = "/registry/events/shop/web.1";
    txn(&mut clients, mod_is(key, 0), put(key, "e", lease.id), Vec::new()).await;
    let kvs = range(&mut clients, list("/registry/events/", 0, 0)).await.kvs;
    assert_eq!(kvs[0].lease, lease.id);
    let status = clients.maintenance.status(pb::StatusRequest {}).await.unwrap().into_inner();
    let version: Vec<u64> = status.version.split('.').map(|n| n.parse().unwrap()).collect();
    assert!(version >= vec![3, 5, 13], "consistent reads from the cache want that");
    assert!(status.db_size > 0 && status.errors.is_empty());
    let health = pb::RangeRequest { key: "/registry/health".into(), ..Default::default() };
    assert_eq!(range(&mut clients, health).await.count, 0);
    // A client of 3.7 tries streams of ranges and falls back.
    let stream = clients.kv.range_stream(list("/registry/", 0, 0)).await.unwrap_err();
    assert_eq!(stream.code(), tonic::Code::Unimplemented);
}
