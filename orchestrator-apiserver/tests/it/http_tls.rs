//! The server behind a socket: TLS, client certificates, both versions of HTTP, slow clients.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use orchestrator_apiserver::http::{Serving, serve};
use orchestrator_apiserver::tls::{Signed, server_config};
use orchestrator_core::Env;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cluster::Cluster;

async fn listen(cluster: &Cluster) -> Serving {
    let tls = server_config(&cluster.pki, &[]).unwrap();
    serve(cluster.service.clone(), tls, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

async fn connect(
    cluster: &Cluster,
    server: &Serving,
    identity: Option<&Signed>,
    alpn: &[u8],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let ca = cluster.pki.ca_certificate().as_bytes();
    roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(signed) => {
            let chain =
                vec![CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("kubernetes.default.svc").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// The status of `GET /api/v1/namespaces` over HTTP/1.1.
async fn status(stream: TlsStream<TcpStream>) -> u16 {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let _driver = Env::system().spawn("client", async move { drop(connection.await) });
    let request = Request::get("/api/v1/namespaces").header("host", "kubernetes");
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    response.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn a_certificate_tells_who_asks() {
    let cluster = Cluster::start().await;
    let server = listen(&cluster).await;
    let master = cluster.pki.client("root", "system:masters").unwrap();
    let jane = cluster.pki.client("jane", "dev").unwrap();
    assert_eq!(status(connect(&cluster, &server, Some(&master), b"http/1.1").await).await, 200);
    assert_eq!(status(connect(&cluster, &server, Some(&jane), b"http/1.1").await).await, 403);
    assert_eq!(status(connect(&cluster, &server, None, b"http/1.1").await).await, 403);
    server.stop().await;
}

#[derive(Clone)]
struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        std::mem::forget(Env::system().spawn("client", future));
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_client_offers_it() {
    let cluster = Cluster::start().await;
    let server = listen(&cluster).await;
    let stream = connect(&cluster, &server, None, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(Spawn, TokioIo::new(stream)).await.unwrap();
    let _driver = Env::system().spawn("client", async move { drop(connection.await) });
    let request = Request::get("https://kubernetes/healthz").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let (cluster, other) = (Cluster::start().await, Cluster::start().await);
    let server = listen(&cluster).await;
    let forged = other.pki.client("root", "system:masters").unwrap();
    let mut stream = connect(&cluster, &server, Some(&forged), b"http/1.1").await;
    // In TLS 1.3 the client hears of it with its first read.
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(stream.read_u8().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_let_go() {
    let cluster = Cluster::start().await;
    let server = listen(&cluster).await;
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_server_that_stops_ends_its_watches_and_its_connections() {
    let cluster = Cluster::start().await;
    let server = listen(&cluster).await;
    let master = cluster.pki.client("root", "system:masters").unwrap();
    let stream = connect(&cluster, &server, Some(&master), b"http/1.1").await;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let _driver = Env::system().spawn("client", async move { drop(connection.await) });
    let request = Request::get("/api/v1/nodes?watch=1").header("host", "kubernetes");
    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let address = server.address();
    server.stop().await;
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_kubeconfig_names_server_authority_and_user() {
    let cluster = Cluster::start().await;
    let text = cluster.pki.admin_kubeconfig("https://127.0.0.1:6443").unwrap();
    for part in
        ["server: https://127.0.0.1:6443", "current-context: orchestrator", "client-key-data: "]
    {
        assert!(text.contains(part), "{text}");
    }
}
