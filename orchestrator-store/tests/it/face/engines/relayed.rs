//! The face over the adapter: what it gives out is what etcd gave.

use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::face::Options;
use orchestrator_store::proto::etcd as pb;
use pb::watch_request::RequestUnion;
use tokio_stream::wrappers::ReceiverStream;

use crate::face::clients::Clients;
use crate::face::real::RealEtcd;
use crate::face::served::Served;

/// What a stream of two watchers is given, up to the change of `last`.
async fn seen(clients: &mut Clients, last: &str) -> Vec<(i64, pb::Event)> {
    let (send, receive) = tokio::sync::mpsc::channel(2);
    for (watch_id, key) in [(1, "a"), (2, "b")] {
        let asked = pb::WatchCreateRequest {
            key: key.into(),
            range_end: "z".into(),
            start_revision: 2,
            prev_kv: true,
            watch_id,
            ..Default::default()
        };
        let request_union = Some(RequestUnion::CreateRequest(asked));
        send.send(pb::WatchRequest { request_union }).await.unwrap();
    }
    let mut answers = clients.watch.watch(ReceiverStream::new(receive)).await.unwrap().into_inner();
    let (mut seen, mut ended) = (Vec::new(), 0);
    while ended < 2 {
        let answer = answers.message().await.unwrap().unwrap();
        for event in answer.events {
            ended += usize::from(event.kv.as_ref().is_some_and(|kv| kv.key == last.as_bytes()));
            seen.push((answer.watch_id, event));
        }
    }
    // Which of two watchers is given something first is nobody's business.
    seen.sort_by_key(|(id, event)| (*id, event.kv.as_ref().map(|kv| kv.mod_revision)));
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_through_the_adapter_see_what_those_of_etcd_see() {
    let env = Env::system();
    let Some(real) = RealEtcd::start(&env).await else { return };
    let store = EtcdStore::builder([format!("http://{}", real.address)]).build(env.clone());
    let served = Served::start(&env, Arc::new(store.unwrap()), Options::new()).await;
    let (mut ours, mut theirs) = (served.clients().await, Clients::connect(real.address).await);
    for round in 0..3 {
        for key in ["a", "b", "c"] {
            let writer = if round == 1 { &mut theirs } else { &mut ours };
            let value = format!("{key}{round}").into();
            let put = pb::PutRequest { key: key.into(), value, ..Default::default() };
            writer.kv.put(put).await.unwrap();
        }
        let gone = pb::DeleteRangeRequest { key: "b".into(), ..Default::default() };
        ours.kv.delete_range(gone).await.unwrap();
    }
    let last = pb::PutRequest { key: "last".into(), ..Default::default() };
    theirs.kv.put(last).await.unwrap();
    let (ours, theirs) = (seen(&mut ours, "last").await, seen(&mut theirs, "last").await);
    assert_eq!(ours, theirs);
}
