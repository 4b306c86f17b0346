//! The service KV: ranges, puts, deletions, transactions, compaction.

use std::sync::Arc;

use orchestrator_core::store::{LeaseOp, Op, OpResult, StoreError};
use tonic::Status;

use super::encode::RangeAnswer;
use super::{Face, check, fault, refused, reply, request};
use crate::proto::etcd::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
    PutResponse, RangeRequest, TxnRequest, TxnResponse,
};

/// How many keys are read and written in well below a millisecond.
const SHORT: i64 = 256;

/// Whether a range may have so many keys that others on the connection would wait for it.
pub(super) fn is_long(asked: &RangeRequest) -> bool {
    let is_short = asked.range_end.is_empty() || asked.count_only;
    !is_short && !(1..=SHORT).contains(&asked.limit)
}

pub(super) async fn range(face: Arc<Face>, asked: RangeRequest) -> Result<RangeAnswer, Status> {
    check::range(&asked)?;
    let found = face.store.range(request::range(&asked)).await.map_err(refused)?;
    let header = face.header(found.revision).await?;
    Ok(reply::range(&asked, found, header))
}

pub(super) async fn put(face: Arc<Face>, asked: PutRequest) -> Result<PutResponse, Status> {
    check::size(&asked)?;
    check::put(&asked)?;
    let txn = request::single(Op::Put(request::put(&asked)));
    let mut done = match face.store.txn(txn).await {
        Ok(done) => done,
        Err(error) => return Err(put_refused(&face, &asked, error).await),
    };
    let prev = match done.results.pop() {
        Some(OpResult::Put { prev }) => prev.filter(|_| asked.prev_kv),
        _ => None,
    };
    Ok(PutResponse {
        header: Some(face.header(done.revision).await?),
        prev_kv: prev.map(|kv| reply::key_value(&kv, false)),
    })
}

/// Outside a transaction an unknown lease is told before an unknown key.
async fn put_refused(face: &Face, asked: &PutRequest, error: StoreError) -> Status {
    if matches!(error, StoreError::KeyNotFound) && asked.lease != 0 {
        let lease = face.store.lease(LeaseOp::Describe(asked.lease)).await;
        if let Err(StoreError::LeaseNotFound(_)) = lease {
            return fault::LEASE_NOT_FOUND.into();
        }
    }
    refused(error)
}

pub(super) async fn delete_range(
    face: Arc<Face>,
    asked: DeleteRangeRequest,
) -> Result<DeleteRangeResponse, Status> {
    check::delete(&asked)?;
    let txn = request::single(Op::Delete(request::keys(&asked.key, &asked.range_end)));
    let mut done = face.store.txn(txn).await.map_err(refused)?;
    let header = face.header(done.revision).await?;
    let prev = match done.results.pop() {
        Some(OpResult::Delete { prev }) => prev,
        _ => Vec::new(),
    };
    Ok(reply::deleted(&asked, &prev, Some(header)))
}

pub(super) async fn txn(face: Arc<Face>, asked: TxnRequest) -> Result<TxnResponse, Status> {
    check::size(&asked)?;
    check::txn(&asked)?;
    let done = face.store.txn(request::txn(&asked)).await.map_err(refused)?;
    let header = face.header(done.revision).await?;
    Ok(reply::txn(&asked, done, header))
}

/// The store forgets at once, so that there is nothing to wait for where `physical` is asked.
pub(super) async fn compact(
    face: Arc<Face>,
    asked: CompactionRequest,
) -> Result<CompactionResponse, Status> {
    let revision = request::revision(asked.revision);
    face.store.compact(revision).await.map_err(refused)?;
    Ok(CompactionResponse { header: Some(face.header_now().await?) })
}
