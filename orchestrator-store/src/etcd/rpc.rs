//! The calls of the API that have one answer each, so that one loop retries them all.

use std::future::Future;

use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::proto::etcd as wire;

/// The longest answer that is taken: a page of a list, or what a transaction read, is far shorter.
const MAX_ANSWER_BYTES: usize = 512 << 20;

/// A request with one answer.
pub(super) trait Rpc: Clone + Send + Sync + 'static {
    /// The answer.
    type Answer: Send + 'static;

    /// Sends it once.
    fn send(
        request: Request<Self>,
        channel: Channel,
    ) -> impl Future<Output = Result<Response<Self::Answer>, Status>> + Send;
}

macro_rules! rpcs {
    ($($module:ident :: $client:ident . $method:ident ($request:ident) -> $answer:ident;)+) => {$(
        impl Rpc for wire::$request {
            type Answer = wire::$answer;

            async fn send(
                request: Request<Self>,
                channel: Channel,
            ) -> Result<Response<Self::Answer>, Status> {
                let client = wire::$module::$client::new(channel);
                client
                    .max_decoding_message_size(MAX_ANSWER_BYTES)
                    .max_encoding_message_size(MAX_ANSWER_BYTES)
                    .$method(request)
                    .await
            }
        }
    )+};
}

rpcs! {
    kv_client::KvClient.range(RangeRequest) -> RangeResponse;
    kv_client::KvClient.txn(TxnRequest) -> TxnResponse;
    kv_client::KvClient.compact(CompactionRequest) -> CompactionResponse;
    lease_client::LeaseClient.lease_grant(LeaseGrantRequest) -> LeaseGrantResponse;
    lease_client::LeaseClient.lease_revoke(LeaseRevokeRequest) -> LeaseRevokeResponse;
    lease_client::LeaseClient.lease_time_to_live(LeaseTimeToLiveRequest) -> LeaseTimeToLiveResponse;
    lease_client::LeaseClient.lease_leases(LeaseLeasesRequest) -> LeaseLeasesResponse;
    cluster_client::ClusterClient.member_list(MemberListRequest) -> MemberListResponse;
    cluster_client::ClusterClient.member_add(MemberAddRequest) -> MemberAddResponse;
    cluster_client::ClusterClient.member_remove(MemberRemoveRequest) -> MemberRemoveResponse;
    cluster_client::ClusterClient.member_update(MemberUpdateRequest) -> MemberUpdateResponse;
    cluster_client::ClusterClient.member_promote(MemberPromoteRequest) -> MemberPromoteResponse;
    maintenance_client::MaintenanceClient.alarm(AlarmRequest) -> AlarmResponse;
    maintenance_client::MaintenanceClient.status(StatusRequest) -> StatusResponse;
    maintenance_client::MaintenanceClient.move_leader(MoveLeaderRequest) -> MoveLeaderResponse;
    auth_client::AuthClient.authenticate(AuthenticateRequest) -> AuthenticateResponse;
}

/// A keep-alive is a stream in the API; here each has its own, of one message each way.
impl Rpc for wire::LeaseKeepAliveRequest {
    type Answer = wire::LeaseKeepAliveResponse;

    async fn send(
        request: Request<Self>,
        channel: Channel,
    ) -> Result<Response<Self::Answer>, Status> {
        let (metadata, extensions, message) = request.into_parts();
        let stream = tokio_stream::once(message);
        let request = Request::from_parts(metadata, extensions, stream);
        let mut client = wire::lease_client::LeaseClient::new(channel);
        let mut answers = client.lease_keep_alive(request).await?.into_inner();
        match answers.message().await? {
            Some(answer) => Ok(Response::new(answer)),
            None => Err(Status::unavailable("the stream of keep-alives ended")),
        }
    }
}
