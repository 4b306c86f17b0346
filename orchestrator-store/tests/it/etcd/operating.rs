//! What an operator asks of a real etcd.

use std::time::Duration;

use futures::StreamExt;
use orchestrator_core::store::{KeyRange, LeaseOp, Op, Put, Range, Revision, Store, Txn};
use orchestrator_core::{Env, StoreExt, Value};
use orchestrator_store::etcd::EtcdStore;
use orchestrator_store::image::Importer;
use orchestrator_store::operator::{Alarm, AlarmKind, AlarmOp, MemberChange};
use orchestrator_store::{Limits, Operator};

use super::process::{Etcd, is_there};

#[tokio::test]
async fn members_alarms_and_numbers_are_told() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&[]);
    let store = etcd.store();
    let put = Op::Put(Put::new("a", Value::from_bytes("1")));
    store.txn(Txn { then: vec![put], ..Txn::default() }).await.expect("a write");
    let members = store.members().await.expect("the members");
    assert_eq!(members.members.len(), 1);
    let own = &members.members[0];
    assert_eq!(
        (own.name.as_str(), own.client_urls.as_slice()),
        ("m", &[etcd.url().to_owned()][..])
    );
    assert_eq!((members.leader, members.this), (Some(own.id), own.id));
    assert_ne!(members.cluster, 0);
    let status = store.engine().await.expect("a status");
    assert!(status.term > 1 && status.applied > 0 && status.disk_bytes > 0 && !status.learner);
    let alarm = Alarm { member: own.id, kind: AlarmKind::NoSpace };
    assert_eq!(store.alarm(AlarmOp::List).await.expect("the alarms"), []);
    assert_eq!(store.alarm(AlarmOp::Raise(alarm)).await.expect("the alarms"), [alarm]);
    assert_eq!(store.alarm(AlarmOp::Clear(alarm)).await.expect("the alarms"), []);
    let refused = store.change_members(MemberChange::Promote(own.id)).await;
    let refused = refused.expect_err("it votes already").to_string();
    assert_eq!(refused, "invalid request: can only promote a learner member");
    let peer = "http://127.0.0.1:9".to_owned();
    let add = MemberChange::Add { name: String::new(), peer_urls: vec![peer], learner: true };
    let grown = store.change_members(add).await.expect("a learner");
    assert_eq!(grown.members.iter().filter(|member| member.learner).count(), 1);
    assert_eq!(store.status().await.expect("a status").engine, "etcd");
    assert!(store.get("a").await.expect("a read").1.is_some());
}

#[tokio::test]
async fn its_data_become_an_image_of_ours() {
    if !is_there() {
        return;
    }
    let etcd = Etcd::start(&[]);
    let store = EtcdStore::builder([etcd.url()]).prefix("/shop/").build(Env::system());
    let store = store.expect("good options");
    let ttl = Duration::from_secs(600);
    store.lease(LeaseOp::Grant { id: 7, ttl }).await.expect("a lease");
    let value = || Value::from_bytes("v");
    for key in ["a", "b", "c"] {
        let leased = Put { key: key.into(), value: Some(value()), lease: Some(7) };
        let then = vec![Op::Put(leased), Op::Put(Put::new("all", value()))];
        store.txn(Txn { then, ..Txn::default() }).await.expect("a write");
    }
    let (_, b) = store.get("b").await.expect("a read");
    store.delete_at("b", b.expect("the key").mod_revision).await.expect("a deletion");
    let mut image = store.image().await.expect("an image");
    let mut importer = Importer::new(Limits::default());
    while let Some(piece) = image.next().await {
        importer.push(piece.expect("a piece")).expect("it is read");
    }
    let (ours, _) = importer.finish().expect("it is whole");
    let theirs = store.list(KeyRange::prefix(""), Revision::ZERO, 0).await.expect("a list");
    let found = ours.range(&Range::new(KeyRange::prefix("")));
    let found = found.expect("a read");
    assert_eq!((found.kvs, found.revision), (theirs.kvs, theirs.revision));
    let last = ours.events(ours.revision()).expect("the changes of the newest revision");
    assert!(last.len() == 1 && last[0].deleted && last[0].kv.key == "b".into());
    let leases = ours.leases().list(Duration::ZERO);
    assert_eq!((leases.len(), leases[0].id, leases[0].ttl), (1, 7, ttl));
    assert_eq!(leases[0].keys, ["a".into(), "c".into()]);
}
