//! Runs one operation and tells its answer without what differs by nature.

use futures::stream;
use orchestrator_store::proto::etcd as pb;
use tonic::{Code, Status};

use super::generate::Operation;
use crate::face::clients::Clients;

/// The revision in the header and the answer as text, or the error.
pub type Answer = Result<(i64, String), (Code, String)>;

/// Runs `operation`.
pub async fn run(clients: &mut Clients, operation: &Operation) -> Answer {
    answer(clients, operation).await.map_err(|status| (status.code(), status.message().to_owned()))
}

/// What comes of an answer whose header is `header`.
macro_rules! told {
    ($call:expr) => {{
        let mut answer = $call.await?.into_inner();
        let header = answer.header.take().unwrap_or_default();
        Ok((header.revision, format!("{answer:#?}")))
    }};
}

async fn answer(clients: &mut Clients, operation: &Operation) -> Result<(i64, String), Status> {
    let Clients { kv, lease, .. } = clients;
    match operation.clone() {
        Operation::Range(request) => told!(kv.range(request)),
        Operation::Put(request) => told!(kv.put(request)),
        Operation::Delete(request) => told!(kv.delete_range(request)),
        Operation::Txn(request) => told!(kv.txn(request)),
        Operation::Compact(request) => told!(kv.compact(request)),
        Operation::Grant(request) => told!(lease.lease_grant(request)),
        Operation::Revoke(request) => told!(lease.lease_revoke(request)),
        Operation::KeepAlive(request) => {
            let mut answers = lease.lease_keep_alive(stream::iter([request])).await?.into_inner();
            let answer = answers.message().await?.expect("one answer per request");
            let pb::LeaseKeepAliveResponse { header, id, ttl } = answer;
            Ok((header.unwrap_or_default().revision, format!("{id} {ttl}")))
        }
        Operation::TimeToLive(request) => {
            let mut answer = lease.lease_time_to_live(request).await?.into_inner();
            answer.ttl = answer.ttl.min(0);
            answer.keys.sort();
            let revision = answer.header.take().unwrap_or_default().revision;
            Ok((revision, format!("{answer:?}")))
        }
        Operation::Leases => {
            let answer = lease.lease_leases(pb::LeaseLeasesRequest {}).await?.into_inner();
            let mut ids: Vec<_> = answer.leases.iter().map(|lease| lease.id).collect();
            ids.sort();
            Ok((answer.header.unwrap_or_default().revision, format!("{ids:?}")))
        }
    }
}
