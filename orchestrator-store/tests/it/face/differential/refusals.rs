//! What is refused before any service sees it: messages that are too long, methods that are not there.

use std::net::SocketAddr;

use http::uri::PathAndQuery;
use orchestrator_core::Env;
use orchestrator_store::proto::etcd as pb;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use crate::face::clients::Clients;
use crate::face::real::RealEtcd;
use crate::face::served::Served;

fn told(status: &Status) -> (Code, String) {
    (status.code(), status.message().to_owned())
}

/// How a put of a value of so many bytes ends.
async fn put(address: SocketAddr, bytes: usize) -> Result<i64, (Code, String)> {
    let mut clients = Clients::connect(address).await;
    let value = vec![b'x'; bytes].into();
    let put = pb::PutRequest { key: "a".into(), value, ..Default::default() };
    let answer = clients.kv.put(put).await.map_err(|status| told(&status))?;
    Ok(answer.into_inner().header.unwrap().revision)
}

/// How a call of a method that is not there ends.
async fn call(address: SocketAddr, path: &'static str) -> (Code, String) {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await;
    let mut client = tonic::client::Grpc::new(channel.unwrap());
    client.ready().await.unwrap();
    let codec = ProstCodec::<pb::RangeRequest, pb::RangeResponse>::default();
    let request = Request::new(pb::RangeRequest { key: "a".into(), ..Default::default() });
    let answer = client.unary(request, PathAndQuery::from_static(path), codec).await;
    told(&answer.unwrap_err())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_messages_and_foreign_methods_are_refused_as_by_a_real_etcd() {
    let env = Env::system();
    let Some(real) = RealEtcd::start(&env).await else { return };
    let served = Served::memory(&env).await;
    let (ours, theirs) = (served.address, real.address);
    for bytes in [1 << 20, (3 << 19) - 100, 3 << 19, 2_000_000, (2 << 20) + 1, 5 << 20] {
        assert_eq!(put(ours, bytes).await, put(theirs, bytes).await, "{bytes} bytes");
    }
    for path in ["/etcdserverpb.KV/RangeStream", "/etcdserverpb.Shop/Buy", "/Shop/Buy"] {
        assert_eq!(call(ours, path).await, call(theirs, path).await, "{path}");
    }
}
