//! Codes and texts of refusals as they arrive: client libraries map errors by them.

use orchestrator_core::Env;
use orchestrator_store::proto::etcd as pb;
use pb::request_op::Request;
use tonic::{Code, Status};

use super::clients::Clients;
use super::served::Served;

/// What is refused, and how.
struct Refused {
    status: Status,
    code: Code,
    text: &'static str,
}

fn refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: Code,
    text: &'static str,
) -> Refused {
    Refused { status: answer.unwrap_err(), code, text }
}

fn put(key: &'static str, value: usize) -> pb::PutRequest {
    let (key, value) = (key.into(), vec![b'v'; value].into());
    pb::PutRequest { key, value, ..Default::default() }
}

async fn of_keys(clients: &mut Clients) -> Vec<Refused> {
    use Code::*;
    let kv = &mut clients.kv;
    let range = pb::RangeRequest { key: "a".into(), ..Default::default() };
    let ignoring = pb::PutRequest { ignore_value: true, ..put("b", 0) };
    let two = vec![
        pb::RequestOp { request: Some(Request::RequestPut(put("x", 1))) },
        pb::RequestOp { request: Some(Request::RequestPut(put("x", 1))) },
    ];
    let twice = pb::TxnRequest { success: two.clone(), ..Default::default() };
    let many = pb::TxnRequest { failure: vec![two[0].clone(); 129], ..Default::default() };
    let empty = pb::TxnRequest { success: vec![pb::RequestOp::default()], ..Default::default() };
    let at = |revision| pb::RangeRequest { revision, ..range.clone() };
    vec![
        refused(kv.put(put("", 1)).await, InvalidArgument, "key is not provided"),
        refused(
            kv.range(pb::RangeRequest::default()).await,
            InvalidArgument,
            "key is not provided",
        ),
        refused(kv.put(ignoring.clone()).await, InvalidArgument, "key not found"),
        refused(
            kv.put(pb::PutRequest { value: "v".into(), ..ignoring.clone() }).await,
            InvalidArgument,
            "value is provided",
        ),
        refused(
            kv.put(pb::PutRequest { ignore_lease: true, lease: 7, ..put("a", 1) }).await,
            InvalidArgument,
            "lease is provided",
        ),
        refused(
            kv.put(pb::PutRequest { lease: 7, ..put("a", 1) }).await,
            NotFound,
            "requested lease not found",
        ),
        // The lease is looked at before the key.
        refused(
            kv.put(pb::PutRequest { lease: 7, ..ignoring }).await,
            NotFound,
            "requested lease not found",
        ),
        refused(kv.put(put("a", 1536 * 1024)).await, InvalidArgument, "request is too large"),
        refused(kv.txn(twice).await, InvalidArgument, "duplicate key given in txn request"),
        refused(kv.txn(many).await, InvalidArgument, "too many operations in txn request"),
        refused(kv.txn(empty).await, InvalidArgument, "key not found"),
        refused(
            kv.range(pb::RangeRequest { sort_order: 9, ..range.clone() }).await,
            InvalidArgument,
            "invalid sort option",
        ),
        refused(kv.range(at(1)).await, OutOfRange, "mvcc: required revision has been compacted"),
        refused(kv.range(at(99)).await, OutOfRange, "mvcc: required revision is a future revision"),
        refused(
            kv.compact(pb::CompactionRequest { revision: 2, physical: true }).await,
            OutOfRange,
            "mvcc: required revision has been compacted",
        ),
        refused(
            kv.compact(pb::CompactionRequest { revision: 99, physical: false }).await,
            OutOfRange,
            "mvcc: required revision is a future revision",
        ),
    ]
}

async fn of_others(clients: &mut Clients) -> Vec<Refused> {
    use Code::*;
    let Clients { lease, maintenance, cluster, auth, .. } = clients;
    let grant = |id, ttl| pb::LeaseGrantRequest { id, ttl };
    lease.lease_grant(grant(9, 100)).await.unwrap();
    let taken = cluster.member_list(pb::MemberListRequest::default()).await.unwrap().into_inner();
    assert_eq!(taken.members.len(), 1);
    let add =
        |url: &str| pb::MemberAddRequest { peer_ur_ls: vec![url.to_owned()], is_learner: false };
    let downgrade =
        |action, version: &str| pb::DowngradeRequest { action, version: version.into() };
    let status = auth.auth_status(pb::AuthStatusRequest {}).await.unwrap().into_inner();
    assert!(!status.enabled);
    vec![
        refused(lease.lease_grant(grant(9, 9)).await, FailedPrecondition, "lease already exists"),
        refused(lease.lease_grant(grant(8, 1 << 40)).await, OutOfRange, "too large lease TTL"),
        refused(
            lease.lease_revoke(pb::LeaseRevokeRequest { id: 5 }).await,
            NotFound,
            "requested lease not found",
        ),
        refused(
            cluster.member_remove(pb::MemberRemoveRequest { id: 5 }).await,
            NotFound,
            "member not found",
        ),
        refused(
            cluster.member_add(add("nowhere")).await,
            InvalidArgument,
            "given member URLs are invalid",
        ),
        refused(
            maintenance.move_leader(pb::MoveLeaderRequest { target_id: 5 }).await,
            FailedPrecondition,
            "bad leader transferee",
        ),
        refused(
            maintenance.downgrade(downgrade(0, "3.4.0")).await,
            InvalidArgument,
            "invalid downgrade target version",
        ),
        refused(
            maintenance.downgrade(downgrade(1, "x")).await,
            InvalidArgument,
            "wrong downgrade target version format",
        ),
        refused(
            maintenance.downgrade(downgrade(2, "")).await,
            FailedPrecondition,
            "no inflight downgrade job",
        ),
        refused(
            auth.user_list(pb::AuthUserListRequest {}).await,
            FailedPrecondition,
            "authentication is not enabled",
        ),
    ]
}

#[tokio::test]
async fn refusals_arrive_with_etcds_codes_and_texts() {
    let served = Served::memory(&Env::system()).await;
    let mut clients = served.clients().await;
    for _ in 0..3 {
        clients.kv.put(put("a", 1)).await.unwrap();
    }
    clients.kv.compact(pb::CompactionRequest { revision: 3, physical: false }).await.unwrap();
    let mut all = of_keys(&mut clients).await;
    all.extend(of_others(&mut clients).await);
    for Refused { status, code, text } in all {
        let text = format!("etcdserver: {text}");
        assert_eq!((status.code(), status.message()), (code, &*text));
    }
}
