//! The server's side of an upgrade: which protocol is spoken, and the session that follows.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use orchestrator_core::env::Tasks;
use orchestrator_core::node::{ExecOptions, ExecSession, PortForwarder};
use orchestrator_core::{Env, Status};
use parking_lot::Mutex;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{FORWARD, TUNNEL, V4, V5, channels, spdy};

/// The most sessions at a time: each holds a connection and some buffers.
const MAX_SESSIONS: usize = 1024;

/// The subprotocols that a token may hide in, for browsers.
const BEARER_PROTOCOL: &str = "base64url.bearer.authorization.k8s.io.";

/// Where SPDY clients say which protocols they speak, and servers which one they take.
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");

/// The sessions of a server that are open; they end with their owner.
#[derive(Debug)]
pub struct Sessions {
    env: Env,
    tasks: Mutex<Tasks>,
}

impl Sessions {
    /// No sessions yet; those to come run on `env`.
    pub fn new(env: Env) -> Self {
        Self { env, tasks: Mutex::default() }
    }

    /// Runs `session` until it ends, or its owner.
    ///
    /// # Errors
    /// 429 where too many sessions are open.
    pub fn run(&self, session: impl Future<Output = ()> + Send + 'static) -> Result<(), Status> {
        let mut tasks = self.tasks.lock();
        if tasks.running() >= MAX_SESSIONS {
            return Err(Status::too_many_requests("too many sessions are open", 1));
        }
        tasks.push(self.env.spawn("session", session));
        Ok(())
    }
}

/// What a client wants a session for.
#[derive(Clone, Debug)]
pub enum Purpose<'a> {
    /// A command, with the streams that these options name.
    Command(&'a ExecOptions),
    /// These ports; clients that speak SPDY name them later.
    Ports(Vec<u16>),
}

/// How a session will go, as far as the request tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    protocol: &'static str,
    carrier: Carrier,
    /// The streams that a SPDY client of a command will begin.
    streams: Vec<&'static str>,
    /// The ports that a WebSocket client names.
    ports: Vec<u16>,
}

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    WebSocket,
    Spdy,
}

/// A request to leave HTTP.
#[derive(Debug)]
pub struct Upgrade {
    carrier: Carrier,
    /// The answer to a WebSocket client's key.
    accept: String,
    offered: Vec<String>,
    connection: OnUpgrade,
}

impl Upgrade {
    /// Takes the upgrade out of a request; `None` where it asks for none, or where what carries
    /// it cannot be upgraded.
    pub fn take(parts: &mut Parts) -> Option<Self> {
        let headers = &parts.headers;
        let asked =
            list(headers, header::CONNECTION).any(|word| word.eq_ignore_ascii_case("upgrade"));
        let to = text(headers, header::UPGRADE);
        let (carrier, offers) = if to.eq_ignore_ascii_case("websocket") {
            (Carrier::WebSocket, header::SEC_WEBSOCKET_PROTOCOL)
        } else if to.eq_ignore_ascii_case("SPDY/3.1") {
            (Carrier::Spdy, STREAM_PROTOCOL)
        } else {
            return None;
        };
        let key = text(headers, header::SEC_WEBSOCKET_KEY);
        let well_formed = match carrier {
            Carrier::WebSocket => {
                parts.method == Method::GET
                    && !key.is_empty()
                    && text(headers, header::SEC_WEBSOCKET_VERSION) == "13"
            }
            Carrier::Spdy => true,
        };
        if !asked || !well_formed {
            return None;
        }
        let offered = list(headers, offers).map(str::to_owned).collect();
        let accept = derive_accept_key(key.as_bytes());
        let connection = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { carrier, accept, offered, connection })
    }

    /// Plans the session, in a protocol that both sides speak.
    ///
    /// # Errors
    /// 400 where there is none, or where a port is none.
    pub fn plan(&self, purpose: Purpose<'_>) -> Result<Plan, Status> {
        let carrier = self.carrier;
        let spoken: &[&'static str] = match (&purpose, carrier) {
            (Purpose::Ports(_), Carrier::WebSocket) => &[TUNNEL, V5, V4],
            (Purpose::Ports(_), Carrier::Spdy) => &[FORWARD],
            (Purpose::Command(_), Carrier::WebSocket) => &[V5, V4],
            (Purpose::Command(_), Carrier::Spdy) => &[V4],
        };
        let known = spoken.iter().find(|name| self.offered.iter().any(|offer| offer == *name));
        let Some(&protocol) = known else {
            return Err(Status::bad_request(format!(
                "unable to upgrade: the client offers {:?}, the server speaks {spoken:?}",
                self.offered
            )));
        };
        let (streams, ports) = match purpose {
            Purpose::Command(options) => (streams(options), Vec::new()),
            Purpose::Ports(ports) => (Vec::new(), ports),
        };
        Ok(Plan { protocol, carrier, streams, ports })
    }

    /// Upgrades to a running command.
    ///
    /// # Errors
    /// 429 where too many sessions are open.
    pub fn exec(
        self,
        plan: Plan,
        session: ExecSession,
        sessions: &Sessions,
    ) -> Result<Response<()>, Status> {
        let env = sessions.env.clone();
        self.open(plan.protocol, sessions, move |connection| async move {
            match (plan.carrier, plan.protocol) {
                (Carrier::Spdy, _) => spdy::exec(connection, session, plan.streams, &env).await,
                (Carrier::WebSocket, name) => {
                    channels::exec(connection, session, name == V5, &env).await;
                }
            }
        })
    }

    /// Upgrades to the ports of a pod.
    ///
    /// # Errors
    /// 429 where too many sessions are open.
    pub fn forward(
        self,
        plan: Plan,
        ports: Arc<dyn PortForwarder>,
        sessions: &Sessions,
    ) -> Result<Response<()>, Status> {
        self.open(plan.protocol, sessions, move |connection| async move {
            match (plan.carrier, plan.protocol) {
                (Carrier::Spdy, _) => spdy::forward(connection, ports).await,
                (Carrier::WebSocket, TUNNEL) => channels::tunnel(connection, ports).await,
                (Carrier::WebSocket, name) => {
                    channels::forward(connection, plan.ports, ports, name == V5).await;
                }
            }
        })
    }

    /// Answers with the upgrade, and runs `session` on the connection once it is free.
    fn open<F>(
        self,
        protocol: &'static str,
        sessions: &Sessions,
        session: impl FnOnce(Connection) -> F + Send + 'static,
    ) -> Result<Response<()>, Status>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let connection = self.connection;
        sessions.run(async move {
            match connection.await {
                Ok(upgraded) => session(TokioIo::new(upgraded)).await,
                Err(error) => tracing::debug!(%error, "connection was not upgraded"),
            }
        })?;
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        let name = HeaderValue::from_static(protocol);
        match self.carrier {
            Carrier::WebSocket => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
                if let Ok(accept) = HeaderValue::from_str(&self.accept) {
                    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
                }
            }
            Carrier::Spdy => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("SPDY/3.1"));
                headers.insert(STREAM_PROTOCOL, name);
            }
        }
        Ok(answer)
    }
}

/// The connection of a session.
pub type Connection = TokioIo<hyper::upgrade::Upgraded>;

/// The most ports of one session.
const MAX_PORTS: usize = 64;

/// The ports that the values of a query name, as in `80,443`.
///
/// # Errors
/// 400 where one is no port, or there are too many.
pub fn ports<'a>(values: impl Iterator<Item = &'a str>) -> Result<Vec<u16>, Status> {
    let names = values.flat_map(|ports| ports.split(','));
    let ports = names.filter(|name| !name.is_empty()).take(MAX_PORTS + 1).map(|name| {
        let port = name.trim().parse().ok().filter(|port| *port > 0);
        port.ok_or_else(|| Status::bad_request(format!("unable to parse {name:?} as a port")))
    });
    let ports: Vec<u16> = ports.collect::<Result<_, _>>()?;
    match ports.len() > MAX_PORTS {
        true => Err(Status::bad_request(format!("more than {MAX_PORTS} ports"))),
        false => Ok(ports),
    }
}

/// The streams that a client of a command begins.
fn streams(options: &ExecOptions) -> Vec<&'static str> {
    let ExecOptions { stdin, stdout, stderr, tty, .. } = options;
    let asked = [(stdin, "stdin"), (stdout, "stdout"), (stderr, "stderr"), (tty, "resize")];
    let asked = asked.into_iter().filter(|(asked, _)| **asked).map(|(_, stream)| stream);
    std::iter::once("error").chain(asked).collect()
}

/// A header as text; empty where it is missing or no ASCII.
fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The words of a header that is a list.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

/// The token that hides among a browser's subprotocols.
pub fn bearer_subprotocol(headers: &HeaderMap) -> Option<String> {
    let mut protocols = list(headers, header::SEC_WEBSOCKET_PROTOCOL);
    let token = protocols.find_map(|protocol| protocol.strip_prefix(BEARER_PROTOCOL))?;
    let token = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    // A broken token is one that nobody knows, not none.
    Some(token.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default())
}
