//! What clients of the face see when members go away.

use std::pin::pin;

use futures::stream;
use orchestrator_core::Env;
use orchestrator_store::proto::etcd as pb;
use pb::watch_request::RequestUnion;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

use super::members::Members;
use crate::face::clients::Clients;

fn put(key: &str) -> pb::PutRequest {
    pb::PutRequest { key: key.to_owned().into(), value: "x".into(), ..Default::default() }
}

fn get(key: &str, serializable: bool) -> pb::RangeRequest {
    pb::RangeRequest { key: key.to_owned().into(), serializable, ..Default::default() }
}

/// Watches everything from revision 2 on, on a stream that demands a leader.
async fn watch(
    clients: &mut Clients,
) -> (mpsc::Sender<pb::WatchRequest>, Streaming<pb::WatchResponse>) {
    let (send, receive) = mpsc::channel(1);
    let all = pb::WatchCreateRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        start_revision: 2,
        ..Default::default()
    };
    let request_union = Some(RequestUnion::CreateRequest(all));
    send.send(pb::WatchRequest { request_union }).await.unwrap();
    let mut request = Request::new(ReceiverStream::new(receive));
    request.metadata_mut().insert("hasleader", "true".parse().unwrap());
    let mut answers = clients.watch.watch(request).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().unwrap().created);
    (send, answers)
}

/// Writes `key`, again while no leader takes it.
async fn write(clients: &mut Clients, key: &str) {
    while let Err(status) = clients.kv.put(put(key)).await {
        assert_eq!(status.code(), Code::Unavailable, "{status}");
    }
}

/// The key and revision of the next `count` events.
async fn events(
    answers: &mut Streaming<pb::WatchResponse>,
    count: usize,
) -> Result<Vec<(String, i64)>, Status> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let answer = answers.message().await?.expect("the stream goes on");
        seen.extend(answer.events.into_iter().map(|event| {
            let kv = event.kv.unwrap();
            (String::from_utf8(kv.key.to_vec()).unwrap(), kv.mod_revision)
        }));
    }
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_without_a_gap_when_the_leader_goes_away() {
    let env = Env::system();
    let mut members = Members::start(&env).await;
    let (leader, follower) = (members.place(true).await, members.place(false).await);
    let mut clients = members.members[follower].served.clients().await;
    let (_send, mut answers) = watch(&mut clients).await;
    write(&mut clients, "a").await;
    assert_eq!(events(&mut answers, 1).await.unwrap(), [("a".to_owned(), 2)]);
    drop(members.members.remove(leader));
    write(&mut clients, "b").await;
    write(&mut clients, "c").await;
    // A write whose answer was lost may be there twice.
    let mut seen = events(&mut answers, 2).await.unwrap();
    while seen.last().is_some_and(|(key, _)| key != "c") {
        seen.extend(events(&mut answers, 1).await.unwrap());
    }
    let revisions: Vec<i64> = seen.iter().map(|(_, revision)| *revision).collect();
    assert_eq!(revisions, (3..3 + seen.len() as i64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_only_what_was_asked_to_be_old_is_read() {
    let env = Env::system();
    let mut members = Members::start(&env).await;
    let mut clients = members.members[0].served.clients().await;
    write(&mut clients, "a").await;
    assert_eq!(clients.kv.range(get("a", false)).await.unwrap().into_inner().count, 1);
    let (_send, mut answers) = watch(&mut clients).await;
    assert_eq!(events(&mut answers, 1).await.unwrap().len(), 1);
    members.members.truncate(1);

    let old = clients.kv.range(get("a", true)).await.unwrap().into_inner();
    assert_eq!((old.count, old.kvs[0].value.as_ref()), (1, &b"x"[..]));
    let ended = events(&mut answers, 1).await.unwrap_err();
    assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "etcdserver: no leader"));
    let refused = clients.kv.range(get("a", false)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().starts_with("etcdserver: "), "{refused}");
    let status = clients.maintenance.status(pb::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.leader, status.errors), (0, vec!["etcdserver: no leader".to_owned()]));
    let mut kept =
        pin!(clients.lease.lease_keep_alive(stream::iter([pb::LeaseKeepAliveRequest { id: 7 }])));
    let mut kept = kept.as_mut().await.unwrap().into_inner();
    assert_eq!(kept.message().await.unwrap_err().code(), Code::Unavailable);
}
