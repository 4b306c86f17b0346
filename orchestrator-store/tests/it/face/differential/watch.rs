//! The same watches on both, over the history that the operations left and some changes more.

use orchestrator_store::proto::etcd as pb;
use pb::watch_request::RequestUnion;
use tokio_stream::wrappers::ReceiverStream;

use super::generate::Generator;
use crate::face::clients::Clients;

/// How many watchers are compared.
const WATCHERS: usize = 40;

/// Opens the same watchers on both, one after the other, and compares what each is given.
pub async fn compare(
    ours: &mut Clients,
    theirs: &mut Clients,
    generator: &mut Generator,
    seed: u64,
) {
    for _ in 0..WATCHERS {
        let asked = request(generator);
        let (our, their) = (watch(ours, &asked).await, watch(theirs, &asked).await);
        assert_eq!(our, their, "seed {seed}: {asked:#?}");
        generator.revision += CHANGES;
    }
}

fn request(generator: &mut Generator) -> pb::WatchCreateRequest {
    let (key, range_end) = generator.keys();
    // Both filters leave nothing by which the end could be seen.
    let filters = match generator.random.u8(0..8) {
        0 => vec![0],
        1 => vec![1],
        _ => Vec::new(),
    };
    let start_revision = match generator.random.u8(0..4) {
        0 => 0,
        1 => generator.random.i64(1..generator.revision + 3),
        _ => generator.random.i64(generator.compacted + 1..generator.revision + 2),
    };
    // At the compaction etcd 3.4 has lost a tombstone, and behind it the values before.
    let start_revision = if start_revision == generator.compacted { 0 } else { start_revision };
    pb::WatchCreateRequest {
        key,
        range_end,
        start_revision,
        filters,
        prev_kv: start_revision != generator.compacted + 1 && generator.random.bool(),
        fragment: generator.random.bool(),
        ..Default::default()
    }
}

/// How many revisions [`change`] makes; watchers start at most so far in the future.
const CHANGES: i64 = 4;

/// Changes the first key that a watcher sees: three puts and a deletion, whose revision it tells.
async fn change(clients: &mut Clients, key: &bytes::Bytes) -> i64 {
    for _ in 0..CHANGES - 1 {
        let put = pb::PutRequest { key: key.clone(), value: "end".into(), ..Default::default() };
        clients.kv.put(put).await.unwrap();
    }
    let delete = pb::DeleteRangeRequest { key: key.clone(), ..Default::default() };
    clients.kv.delete_range(delete).await.unwrap().into_inner().header.unwrap().revision
}

/// What the watcher is given, as text.
async fn watch(clients: &mut Clients, asked: &pb::WatchCreateRequest) -> String {
    let (send, receive) = tokio::sync::mpsc::channel(1);
    let request_union = Some(RequestUnion::CreateRequest(asked.clone()));
    send.send(pb::WatchRequest { request_union }).await.unwrap();
    let mut answers = clients.watch.watch(ReceiverStream::new(receive)).await.unwrap().into_inner();
    let created = answers.message().await.unwrap().unwrap();
    let mut text = format!("{:?}\n", plain(&created));
    let key =
        if asked.key.is_empty() { bytes::Bytes::from_static(&[0]) } else { asked.key.clone() };
    let deleted = change(clients, &key).await;
    let last = if asked.filters.contains(&1) { deleted - 1 } else { deleted };
    let mut ended = created.canceled;
    while !ended {
        let answer = answers.message().await.unwrap().unwrap();
        for event in &answer.events {
            text += &format!("{event:?}\n");
            ended |= event.kv.as_ref().is_some_and(|kv| kv.mod_revision == last);
        }
        if answer.canceled {
            text += &format!("{:?}\n", plain(&answer));
            ended = true;
        }
    }
    text
}

/// An answer without cluster, member and term, and without the events.
pub fn plain(answer: &pb::WatchResponse) -> pb::WatchResponse {
    let revision = answer.header.unwrap_or_default().revision;
    let header = Some(pb::ResponseHeader { revision, ..Default::default() });
    pb::WatchResponse { header, events: Vec::new(), ..answer.clone() }
}
