//! Which function answers which path.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Method, StatusCode, header};
use tonic::Status;
use tonic::codegen::Service;

use super::body::Body;
use super::grpc::{server_streaming, streaming, unary, unary_beside};
use super::messages::RequestBody;
use super::{Face, auth, cluster, kv, lease, maintenance, watch};
use crate::operator::{AlarmKind, AlarmOp};

/// What the names of all services begin with.
const SERVICES: &str = "etcdserverpb.";

/// The services of a face as a tower service; cheap to clone.
///
/// Besides gRPC it answers `GET /health` and `GET /version`, in HTTP/1.1 too.
#[derive(Clone, Debug)]
pub struct EtcdService {
    face: Arc<Face>,
}

impl EtcdService {
    pub(super) fn new(face: Arc<Face>) -> Self {
        Self { face }
    }

    /// Answers one request.
    pub(super) async fn answer(
        self,
        request: http::Request<impl RequestBody>,
    ) -> http::Response<Body> {
        let Self { face } = self;
        let path = request.uri().path();
        let Some(method) = path.strip_prefix("/").and_then(|path| path.strip_prefix(SERVICES))
        else {
            return Box::pin(plain(&face, request.method(), path)).await;
        };
        match method {
            "KV/Range" => unary_beside(face, request, kv::is_long, kv::range).await,
            "KV/Put" => unary(face, request, kv::put).await,
            "KV/DeleteRange" => unary(face, request, kv::delete_range).await,
            "KV/Txn" => unary(face, request, kv::txn).await,
            "Watch/Watch" => streaming(face, request, watch::watch),
            "Lease/LeaseKeepAlive" => streaming(face, request, lease::keep_alive),
            // On the heap, so that those above are small: each is moved when it begins.
            _ => {
                let method = method.to_owned();
                Box::pin(rare(face, request, method)).await
            }
        }
    }
}

/// Answers the methods that are not called all the time.
async fn rare(
    face: Arc<Face>,
    request: http::Request<impl RequestBody>,
    method: String,
) -> http::Response<Body> {
    match &*method {
        "KV/Compact" => unary(face, request, kv::compact).await,
        "Lease/LeaseGrant" => unary(face, request, lease::grant).await,
        "Lease/LeaseRevoke" => unary(face, request, lease::revoke).await,
        "Lease/LeaseTimeToLive" => unary(face, request, lease::time_to_live).await,
        "Lease/LeaseLeases" => unary(face, request, lease::leases).await,
        "Maintenance/Alarm" => unary(face, request, maintenance::alarm).await,
        "Maintenance/Status" => unary(face, request, maintenance::status).await,
        "Maintenance/Defragment" => unary(face, request, maintenance::defragment).await,
        "Maintenance/Hash" => unary_beside(face, request, |_| true, maintenance::hash).await,
        "Maintenance/HashKV" => unary_beside(face, request, |_| true, maintenance::hash_kv).await,
        "Maintenance/Snapshot" => server_streaming(face, request, maintenance::snapshot).await,
        "Maintenance/MoveLeader" => unary(face, request, maintenance::move_leader).await,
        "Maintenance/Downgrade" => unary(face, request, maintenance::downgrade).await,
        "Cluster/MemberList" => unary(face, request, cluster::list).await,
        "Cluster/MemberAdd" => unary(face, request, cluster::add).await,
        "Cluster/MemberRemove" => unary(face, request, cluster::remove).await,
        "Cluster/MemberUpdate" => unary(face, request, cluster::update).await,
        "Cluster/MemberPromote" => unary(face, request, cluster::promote).await,
        "Auth/AuthStatus" => unary(face, request, auth::status).await,
        method if method.starts_with("Auth/") => auth::refuse().into_http(),
        method => unknown(&format!("/{SERVICES}{method}")),
    }
}

impl<B: RequestBody> Service<http::Request<B>> for EtcdService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

/// A method that is not there, in the words of etcd's own library.
fn unknown(path: &str) -> http::Response<Body> {
    let text = match path.trim_start_matches('/').rsplit_once('/') {
        Some((service, method)) if is_known(service) => {
            format!("unknown method {method} for service {service}")
        }
        Some((service, _)) => format!("unknown service {service}"),
        None => format!("malformed method name: {path:?}"),
    };
    Status::unimplemented(text).into_http()
}

fn is_known(service: &str) -> bool {
    let known = ["KV", "Watch", "Lease", "Maintenance", "Cluster", "Auth"];
    service.strip_prefix(SERVICES).is_some_and(|name| known.contains(&name))
}

/// Answers what is no gRPC.
async fn plain(face: &Face, method: &Method, path: &str) -> http::Response<Body> {
    match (method, path) {
        (&Method::GET, "/health") => {
            let (code, health) = match health(face).await {
                Ok(()) => (StatusCode::OK, r#"{"health":"true","reason":""}"#.to_owned()),
                Err(reason) => {
                    let told = format!(r#"{{"health":"false","reason":"{reason}"}}"#);
                    (StatusCode::SERVICE_UNAVAILABLE, told)
                }
            };
            json(code, health)
        }
        (&Method::GET, "/version") => {
            let version = &face.options.version;
            let body = format!(r#"{{"etcdserver":"{version}","etcdcluster":"{version}"}}"#);
            json(StatusCode::OK, body)
        }
        (&Method::POST, _) => unknown(path),
        _ => json(StatusCode::NOT_FOUND, r#"{"error":"not found"}"#.to_owned()),
    }
}

/// Whether the store answers and nothing is wrong with it, or what is.
async fn health(face: &Face) -> Result<(), &'static str> {
    if face.store.status().await.is_err() {
        return Err("RAFT NO LEADER");
    }
    match face.store.alarm(AlarmOp::List).await.unwrap_or_default().first() {
        None => Ok(()),
        Some(alarm) if alarm.kind == AlarmKind::NoSpace => Err("ALARM NOSPACE"),
        Some(_) => Err("ALARM CORRUPT"),
    }
}

fn json(code: StatusCode, body: String) -> http::Response<Body> {
    let mut response = http::Response::new(Body::text(body));
    *response.status_mut() = code;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use orchestrator_core::Env;

    use super::*;
    use crate::MemoryStore;
    use crate::face::Options;

    /// The most bytes of a call that is being answered: each is moved once, and thousands of them
    /// may be under way.
    const MAX_CALL_BYTES: usize = 2048;

    #[test]
    fn a_call_takes_little_memory() {
        let env = Env::simulated(0);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let service = EtcdService::new(Arc::new(Face::new(env, store, Options::new())));
        let call = service.answer(http::Request::new(Full::<Bytes>::default()));
        let bytes = std::mem::size_of_val(&call);
        assert!(bytes <= MAX_CALL_BYTES, "{bytes} bytes");
    }
}
