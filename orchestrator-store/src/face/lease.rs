//! The service Lease.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use http::HeaderMap;
use orchestrator_core::store::{LeaseId, LeaseInfo, LeaseOp, MAX_LEASE_TTL, StoreError};
use tonic::Status;

use super::grpc::Answers;
use super::messages::Requests;
use super::{Face, fault, refused};
use crate::proto::etcd::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};

pub(super) async fn grant(
    face: Arc<Face>,
    asked: LeaseGrantRequest,
) -> Result<LeaseGrantResponse, Status> {
    let ttl = Duration::from_secs(u64::try_from(asked.ttl).unwrap_or(0));
    if ttl > MAX_LEASE_TTL {
        return Err(fault::LONG_LEASE.into());
    }
    let ttl = ttl.max(face.options.min_lease_ttl);
    let granted = one(&face, LeaseOp::Grant { id: asked.id, ttl }).await.map_err(refused)?;
    Ok(LeaseGrantResponse {
        header: Some(face.header_now().await?),
        id: granted.id,
        ttl: seconds(granted.ttl),
        error: String::new(),
    })
}

pub(super) async fn revoke(
    face: Arc<Face>,
    asked: LeaseRevokeRequest,
) -> Result<LeaseRevokeResponse, Status> {
    one(&face, LeaseOp::Revoke(asked.id)).await.map_err(refused)?;
    Ok(LeaseRevokeResponse { header: Some(face.header_now().await?) })
}

/// Keeps leases alive, each request answered in turn: the next is read when the answer is taken.
pub(super) fn keep_alive(
    face: Arc<Face>,
    _: &HeaderMap,
    requests: Requests<LeaseKeepAliveRequest>,
) -> Answers<LeaseKeepAliveResponse> {
    stream::try_unfold((face, requests), |(face, mut requests)| async move {
        let Some(asked) = requests.next().await else { return Ok(None) };
        let answer = kept_alive(&face, asked?.id).await?;
        Ok(Some((answer, (face, requests))))
    })
    .boxed()
}

/// A lease that is not there has no time left; that is no error.
async fn kept_alive(face: &Face, id: LeaseId) -> Result<LeaseKeepAliveResponse, Status> {
    let ttl = match one(face, LeaseOp::KeepAlive(id)).await {
        Ok(kept) => seconds(kept.ttl),
        Err(StoreError::LeaseNotFound(_)) => 0,
        Err(error) => return Err(refused(error)),
    };
    Ok(LeaseKeepAliveResponse { header: Some(face.header_now().await?), id, ttl })
}

pub(super) async fn time_to_live(
    face: Arc<Face>,
    asked: LeaseTimeToLiveRequest,
) -> Result<LeaseTimeToLiveResponse, Status> {
    let found = one(&face, LeaseOp::Describe(asked.id)).await;
    let header = Some(face.header_now().await?);
    let mut answer =
        LeaseTimeToLiveResponse { header, id: asked.id, ttl: -1, ..Default::default() };
    match found {
        Ok(lease) => {
            answer.ttl = seconds(lease.remaining);
            answer.granted_ttl = seconds(lease.ttl);
            if asked.keys {
                let keys =
                    lease.keys.iter().map(|key| bytes::Bytes::copy_from_slice(key.as_bytes()));
                answer.keys = keys.collect();
            }
        }
        Err(StoreError::LeaseNotFound(_)) => {}
        Err(error) => return Err(refused(error)),
    }
    Ok(answer)
}

pub(super) async fn leases(
    face: Arc<Face>,
    _: LeaseLeasesRequest,
) -> Result<LeaseLeasesResponse, Status> {
    let mut leases = face.store.lease(LeaseOp::List).await.map_err(refused)?;
    // Those that end first come first.
    leases.sort_by_key(|lease| lease.remaining);
    Ok(LeaseLeasesResponse {
        header: Some(face.header_now().await?),
        leases: leases.iter().map(|lease| LeaseStatus { id: lease.id }).collect(),
    })
}

/// Makes a request that concerns one lease.
async fn one(face: &Face, op: LeaseOp) -> Result<LeaseInfo, StoreError> {
    let mut concerned = face.store.lease(op).await?;
    concerned.pop().ok_or_else(|| StoreError::Unavailable("the engine told of no lease".into()))
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
