//! Members over loopback, with and without certificates.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use orchestrator_core::Env;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::super::{Call, CallError, CallKind, Inbox, Peer, Refused, Transport};
use super::{GrpcTransport, PeerTls};

/// Answers with what it was told, and refuses what is empty.
struct Echo;

#[async_trait]
impl Inbox for Echo {
    async fn answer(&self, call: Call) -> Result<Bytes, Refused> {
        if call.body.is_empty() { Err(Refused::Busy) } else { Ok(call.body) }
    }
}

fn call(body: &'static str) -> Call {
    Call { cluster: 1, from: 2, to: 3, kind: CallKind::Propose, body: Bytes::from(body) }
}

fn transport() -> GrpcTransport {
    GrpcTransport::bind(Env::system(), "127.0.0.1:0".parse().unwrap()).unwrap()
}

/// An authority, and certificates of its own for so many members.
fn certificates(members: usize) -> Vec<PeerTls> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let member = |_| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        PeerTls::new(authority.pem(), certificate.pem(), key.serialize_pem())
    };
    (0..members).map(member).collect()
}

#[tokio::test]
async fn an_answer_a_refusal_and_nobody_there_are_told_apart() {
    let (server, client) = (transport(), transport());
    let serving = server.serve(Arc::new(Echo)).await.unwrap();
    let peer = Peer { id: 3, address: serving.address.clone() };
    assert_eq!(client.call(&peer, call("hello")).await.unwrap(), "hello");
    let refused = client.call(&peer, call("")).await;
    assert!(matches!(refused, Err(CallError::Refused(Refused::Busy))));
    drop(serving);
    // The connection may still seem open; then it is given up, and the next call finds nobody.
    for _ in 0..2 {
        if let Err(CallError::Unreached(_)) = client.call(&peer, call("hello")).await {
            return;
        }
    }
    panic!("somebody is still there");
}

#[tokio::test]
async fn members_show_each_other_their_certificates() {
    let [server, client, stranger] =
        [certificates(2), certificates(1)].concat().try_into().unwrap();
    let server = transport().tls(server).unwrap();
    let serving = server.serve(Arc::new(Echo)).await.unwrap();
    assert!(serving.address.starts_with("https://"));
    let peer = Peer { id: 3, address: serving.address.clone() };
    let client = transport().tls(client).unwrap();
    assert_eq!(client.call(&peer, call("hello")).await.unwrap(), "hello");
    let stranger = transport().tls(stranger).unwrap();
    let ask = tokio::time::timeout(Duration::from_secs(20), stranger.call(&peer, call("hello")));
    assert!(ask.await.unwrap().is_err());
    assert!(transport().tls(PeerTls::new("no", "certificate", "")).is_err());
}
