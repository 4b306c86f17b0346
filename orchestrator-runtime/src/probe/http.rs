//! HTTP requests of probes and hooks: any answer from 200 to 399 is a success.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::HTTPGetAction;
use orchestrator_core::Env;
use orchestrator_core::node::Connection;
use tokio::net::TcpStream;

use super::{Outcome, tls};

/// How much of an answer is read for people: the kubelet's limit.
const BODY_BYTES: usize = 10 * 1024;

/// Sends the request and judges the answer.
pub(super) async fn get(env: &Env, action: &HTTPGetAction, host: String, port: u16) -> Outcome {
    let path = action.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    let scheme = action.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
    let url = format!("{scheme}://{host}:{port}{path}");
    match send(env, action, &host, port, path).await {
        Ok((status, _)) if (200..400).contains(&status) => Outcome::Success,
        Ok((status, _)) => Outcome::Failure(format!("HTTP probe failed with statuscode: {status}")),
        Err(error) => Outcome::Failure(format!("Get {url:?}: {error}")),
    }
}

async fn send(
    env: &Env,
    action: &HTTPGetAction,
    host: &str,
    port: u16,
    path: &str,
) -> Result<(u16, Bytes), orchestrator_core::BoxError> {
    let stream = TcpStream::connect((host, port)).await?;
    let stream: Box<dyn Connection> = match action.scheme.as_deref() {
        Some("HTTPS") => Box::new(tls::connect(host, stream).await?),
        _ => Box::new(stream),
    };
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _connection = env.spawn("probe connection", async move {
        // Its end is seen by the request.
        let _ = connection.await;
    });
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut request = Request::builder().uri(path).header("Connection", "close");
    let own = |name: &str| {
        let mut headers = action.http_headers.iter().flatten();
        headers.any(|header| header.name.eq_ignore_ascii_case(name))
    };
    if !own("Host") {
        request = request.header("Host", format!("{host}:{port}"));
    }
    if !own("User-Agent") {
        request = request.header("User-Agent", "kube-probe/1.36");
    }
    if !own("Accept") {
        request = request.header("Accept", "*/*");
    }
    for header in action.http_headers.iter().flatten() {
        request = request.header(header.name.as_str(), header.value.as_str());
    }
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let status = answer.status().as_u16();
    // A body that is too long is no reason to fail.
    let body = Limited::new(answer.into_body(), BODY_BYTES).collect().await;
    Ok((status, body.map(|body| body.to_bytes()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn any_certificate_is_taken() {
        let made = rcgen::generate_simple_self_signed(vec!["nobody.example".into()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let count = stream.read(&mut [0; 4096]).await.unwrap();
            assert!(count > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        };
        let action = HTTPGetAction { scheme: Some("HTTPS".into()), ..HTTPGetAction::default() };
        let env = Env::system();
        let ask = get(&env, &action, "127.0.0.1".into(), port);
        assert_eq!(futures::join!(server, ask).1, Outcome::Success);
    }

    #[tokio::test]
    async fn the_status_decides() {
        let env = Env::system();
        for (status, expected) in [
            ("200 OK", Outcome::Success),
            ("302 Found", Outcome::Success),
            ("503 Gone", Outcome::Failure("HTTP probe failed with statuscode: 503".into())),
        ] {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
                stream.write_all(answer.as_bytes()).await.unwrap();
                String::from_utf8_lossy(&request[..count]).into_owned()
            };
            let action = HTTPGetAction {
                path: Some("/ready?x=1".into()),
                port: IntOrString::Int(i32::from(port)),
                ..HTTPGetAction::default()
            };
            let ask = get(&env, &action, "127.0.0.1".into(), port);
            let (request, outcome) = futures::join!(server, ask);
            assert!(request.starts_with("GET /ready?x=1 HTTP/1.1\r\n"), "{request}");
            assert_eq!(outcome, expected);
        }
    }
}
