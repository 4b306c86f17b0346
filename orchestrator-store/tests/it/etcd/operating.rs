//! What an operator asks of a real etcd.

use orchestrator_core::StoreExt;
use orchestrator_core::Value;
use orchestrator_core::store::{Op, Put, Store, Txn};
use orchestrator_store::Operator;
use orchestrator_store::operator::{Alarm, AlarmKind, AlarmOp, MemberChange};

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
