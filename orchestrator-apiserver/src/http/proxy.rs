//! Requests that go on to a pod or a node: taken over as they are, but for what is between two
//! neighbours.
//!
//! The body that goes out is read first, within the limit of all bodies; the one that comes back
//! is passed on as it comes. A request to leave HTTP (a WebSocket, SPDY) goes on too, and where
//! the other side agrees, the bytes of both are passed on until one of them ends. The certificate
//! of a pod is not asked for, as upstream: it is one for the names of its service, and the
//! address is what is known.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use orchestrator_core::env::Task;
use orchestrator_core::service::ProxyTarget;
use orchestrator_core::{BoxError, Env, Status};
use orchestrator_wire::certificate::AnyServer;
use orchestrator_wire::session::Sessions;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::answer::Answer;
use super::path::ResourcePath;
use crate::encode::Payload;

/// What concerns one connection only, besides what `Connection` names.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request that goes on.
pub(super) struct Onward<'a> {
    pub(super) target: ProxyTarget,
    pub(super) path: &'a ResourcePath,
    pub(super) parts: &'a Parts,
    pub(super) body: Bytes,
    /// The client's side of the connection, where it wants to leave HTTP.
    pub(super) upgrade: Option<OnUpgrade>,
}

/// Takes the wish to leave HTTP out of a request.
pub(super) fn upgrade(parts: &mut Parts) -> Option<OnUpgrade> {
    let words = parts.headers.get_all(header::CONNECTION).into_iter();
    let mut words = words.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    let asked = words.any(|word| word.trim().eq_ignore_ascii_case("upgrade"));
    (asked && parts.headers.contains_key(header::UPGRADE))
        .then(|| parts.extensions.remove::<OnUpgrade>())?
}

impl Onward<'_> {
    /// Sends the request on, and answers with what comes back.
    ///
    /// # Errors
    /// 503 where nobody answers.
    pub(super) async fn send(self, env: &Env, sessions: &Sessions) -> Result<Answer, Status> {
        let host = match &self.target {
            ProxyTarget::Address { address, .. } => address.to_string(),
            ProxyTarget::Connection { host, .. } => host.clone(),
        };
        let (own, tail) = split(self.parts.uri.path(), self.path);
        let own = own.to_owned();
        let request = self.request(tail, &host);
        let request = request.map_err(|why| Status::bad_request(why.to_string()))?;
        let (answer, connection) = exchange(self.target, request, env).await.map_err(|error| {
            let why =
                std::iter::successors(Some(&*error as &dyn std::error::Error), |e| e.source());
            let why: Vec<String> = why.map(ToString::to_string).collect();
            Status::unavailable(format!(
                "error trying to reach service: {host}: {}",
                why.join(": ")
            ))
        })?;
        match self.upgrade {
            Some(client) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                joined(answer, connection, client, sessions)
            }
            _ => Ok(relayed(answer, connection, &own)),
        }
    }

    fn request(&self, tail: &str, host: &str) -> Result<Request<Full<Bytes>>, BoxError> {
        let Parts { uri, method, headers, .. } = self.parts;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let tail = if tail.is_empty() { "/" } else { tail };
        let mut request = Request::builder().method(method.clone()).uri(format!("{tail}{query}"));
        if let Some(taken) = request.headers_mut() {
            *taken = headers.clone();
            strip(taken);
            if self.upgrade.is_some() {
                keep_upgrade(headers, taken);
            }
            // The credentials are for this server, not for whoever runs in the pod.
            taken.remove(header::AUTHORIZATION);
            taken.remove(header::CONTENT_LENGTH);
            let forwarded = [("x-forwarded-uri", uri.path()), ("x-forwarded-proto", "https")];
            for (name, value) in forwarded {
                taken.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
            }
            if let Some(host) = headers.get(header::HOST) {
                taken.insert(HeaderName::from_static("x-forwarded-host"), host.clone());
            }
            taken.insert(header::HOST, HeaderValue::from_str(host)?);
        }
        Ok(request.body(Full::new(self.body.clone()))?)
    }
}

/// The path up to and with `proxy`, and what is behind it, both as they were sent.
fn split<'p>(raw: &'p str, path: &ResourcePath) -> (&'p str, &'p str) {
    let group = if path.resource.group.is_empty() { 2 } else { 3 };
    let namespace = if path.namespace.is_empty() { 0 } else { 2 };
    // Resource, name, `proxy`.
    let own = group + namespace + 3;
    let begin = raw.len() - raw.trim_start_matches('/').len();
    let mut ends = raw[begin..].match_indices('/').map(|(at, _)| begin + at);
    raw.split_at(ends.nth(own - 1).unwrap_or(raw.len()))
}

/// Puts back what asks for another protocol, or agrees to it.
fn keep_upgrade(from: &HeaderMap, to: &mut HeaderMap) {
    to.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Some(protocol) = from.get(header::UPGRADE) {
        to.insert(header::UPGRADE, protocol.clone());
    }
}

/// Takes out what concerns one connection only.
fn strip(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).into_iter();
    let named: Vec<HeaderName> = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

async fn exchange(
    target: ProxyTarget,
    request: Request<Full<Bytes>>,
    env: &Env,
) -> Result<(Response<Incoming>, Task<()>), BoxError> {
    let (secure, address) = match target {
        ProxyTarget::Address { secure, address } => (secure, address),
        ProxyTarget::Connection { connection, .. } => return speak(connection, request, env).await,
    };
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    if !secure {
        return speak(stream, request, env).await;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer::new(provider)))
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    speak(stream, request, env).await
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
    env: &Env,
) -> Result<(Response<Incoming>, Task<()>), BoxError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = env.spawn("proxied connection", async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "proxied connection broke off");
        }
    });
    Ok((sender.send_request(request).await?, connection))
}

/// The answer to a client that leaves HTTP; from then on the two sides talk to each other.
fn joined(
    answer: Response<Incoming>,
    connection: Task<()>,
    client: OnUpgrade,
    sessions: &Sessions,
) -> Result<Answer, Status> {
    let mut agreed = Response::new(Payload::empty());
    *agreed.status_mut() = answer.status();
    *agreed.headers_mut() = answer.headers().clone();
    strip(agreed.headers_mut());
    keep_upgrade(answer.headers(), agreed.headers_mut());
    let server = hyper::upgrade::on(answer);
    sessions.run(async move {
        let _driver = connection;
        match futures::future::try_join(client, server).await {
            Ok((client, server)) => {
                let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
                let ended = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                tracing::debug!(?ended, "proxied session ended");
            }
            Err(error) => tracing::debug!(%error, "proxied connection was not upgraded"),
        }
    })?;
    Ok(agreed)
}

/// The answer as it goes back; its body owns the connection that it comes over.
fn relayed(answer: Response<Incoming>, connection: Task<()>, own: &str) -> Answer {
    let (mut parts, body) = answer.into_parts();
    strip(&mut parts.headers);
    // A place on the pod is a place behind the proxy.
    if let Some(place) = parts.headers.get(header::LOCATION).and_then(|v| v.to_str().ok())
        && place.starts_with('/')
        && let Ok(place) = HeaderValue::from_str(&format!("{own}{place}"))
    {
        parts.headers.insert(header::LOCATION, place);
    }
    let chunks = body.into_data_stream();
    let chunks = chunks.scan(connection, |_open, chunk| std::future::ready(chunk.ok()));
    let mut relayed = Response::new(Payload::Stream(chunks.boxed()));
    *relayed.status_mut() = parts.status;
    *relayed.headers_mut() = parts.headers;
    relayed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::path::Route;

    #[test]
    fn what_is_behind_the_proxy_goes_on_as_it_was_sent() {
        let check = |raw: &str, tail: &str| {
            let Ok(Route::Resource(path)) = Route::parse(raw) else { panic!("{raw}") };
            assert_eq!(path.subresource, "proxy");
            let (own, rest) = split(raw, &path);
            assert_eq!((rest, format!("{own}{rest}").as_str()), (tail, raw));
        };
        check("/api/v1/namespaces/a/pods/b/proxy", "");
        check("/api/v1/namespaces/a/pods/b/proxy/", "/");
        check("/api/v1/namespaces/a/services/https:b:443/proxy/x/y%2Fz//", "/x/y%2Fz//");
        check("/api/v1/nodes/n/proxy/pods", "/pods");
    }

    #[test]
    fn headers_between_neighbours_stay_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "x-own, close"), ("x-own", "1"), ("te", "gzip")] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.insert("accept", HeaderValue::from_static("*/*"));
        strip(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    }
}
