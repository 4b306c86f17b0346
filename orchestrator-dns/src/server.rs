//! The server: questions by UDP and TCP, answers from a zone or from elsewhere.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, Message, Metadata, OpCode, Query, ResponseCode};
use hickory_server::proto::rr::{DNSClass, Record};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use orchestrator_core::Env;
use parking_lot::RwLock;
use tokio::net::{TcpListener, UdpSocket};
use tracing::{debug, warn};

use crate::upstream::Upstream;
use crate::zone::{Answer, Zone};

/// How long a client's TCP connection may be idle.
const IDLE: Duration = Duration::from_secs(10);
/// How many answers of one TCP connection may wait for the client to read them.
const WAITING: usize = 32;
/// How many aliases are followed.
const ALIASES: usize = 8;
/// The shortest and the longest datagrams that a client may ask for.
const DATAGRAM: std::ops::RangeInclusive<u16> = 512..=4096;

/// Where names are served, and who knows the others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DnsConfig {
    /// The domain of the cluster.
    pub domain: String,
    /// The addresses to serve at, by UDP and TCP; port 0 takes a free one.
    pub bind: Vec<SocketAddr>,
    /// The servers to ask for other names; those of the host where `None`.
    pub upstream: Option<Vec<SocketAddr>>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        let bind = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        Self { domain: "cluster.local".into(), bind, upstream: None }
    }
}

impl DnsConfig {
    /// Serves at these addresses.
    #[must_use]
    pub fn bind(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.bind = addresses.into_iter().collect();
        self
    }

    /// Names the cluster's domain.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = domain.into();
        self
    }

    /// Asks these servers for names that are not of the cluster.
    #[must_use]
    pub fn upstream(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.upstream = Some(servers.into_iter().collect());
        self
    }
}

/// Why names cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// The domain is no name.
    #[error("{0} is no domain")]
    Domain(String),
    /// The address cannot be served at.
    #[error("cannot serve names at {0}")]
    Bind(SocketAddr, #[source] io::Error),
}

/// A zone that is served; dropping it ends that.
pub struct Serving {
    addresses: Vec<SocketAddr>,
    _server: Server<Handler>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Serving {
    /// Serves `zone` as `config` says.
    ///
    /// # Errors
    /// An address cannot be served at.
    pub async fn start(
        env: &Env,
        zone: Arc<RwLock<Zone>>,
        config: &DnsConfig,
    ) -> Result<Self, DnsError> {
        let mut sockets = Vec::new();
        for address in &config.bind {
            let at = |error| DnsError::Bind(*address, error);
            let socket = UdpSocket::bind(address).await.map_err(at)?;
            let address = socket.local_addr().map_err(at)?;
            let listener = TcpListener::bind(address).await.map_err(at)?;
            sockets.push((address, socket, listener));
        }
        let addresses: Vec<SocketAddr> = sockets.iter().map(|(address, ..)| *address).collect();
        let upstream = config.upstream.clone().unwrap_or_else(host_servers);
        let upstream = upstream.into_iter().filter(|server| !addresses.contains(server)).collect();
        let upstream = Upstream::new(env.clone(), upstream);
        let mut server = Server::new(Handler { env: env.clone(), zone, upstream });
        for (_, socket, listener) in sockets {
            server.register_socket(socket);
            server.register_listener(listener, IDLE, WAITING);
        }
        Ok(Self { addresses, _server: server })
    }

    /// Where names are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// The servers that the host asks, but for those on the host itself: they may ask us.
fn host_servers() -> Vec<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = |line: &str| -> Option<SocketAddr> {
        let ip: IpAddr = line.trim().strip_prefix("nameserver")?.trim().parse().ok()?;
        (!ip.is_loopback()).then(|| SocketAddr::new(ip, 53))
    };
    text.lines().filter_map(server).collect()
}

/// Answers questions.
struct Handler {
    env: Env,
    zone: Arc<RwLock<Zone>>,
    upstream: Upstream,
}

/// An answer before it is sent.
#[derive(Debug, Default)]
struct Reply {
    code: ResponseCode,
    authoritative: bool,
    answers: Vec<Record>,
    authorities: Vec<Record>,
    additionals: Vec<Record>,
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let reply = self.reply(request).await;
        let edns = request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(asked.max_payload().clamp(*DATAGRAM.start(), *DATAGRAM.end()));
            edns
        });
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = reply.code;
        metadata.authoritative = reply.authoritative;
        metadata.recursion_available = true;
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let (answers, authorities) = (&reply.answers, &reply.authorities);
        let response = builder.build(metadata, answers, authorities, [], reply.additionals.iter());
        match handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                debug!(%error, "an answer could not be sent");
                failed(metadata)
            }
        }
    }
}

/// What the server's log says of an answer that did not go out.
fn failed(mut metadata: Metadata) -> ResponseInfo {
    use hickory_server::proto::op::{Header, HeaderCounts};
    metadata.response_code = ResponseCode::ServFail;
    Header { metadata, counts: HeaderCounts::default() }.into()
}

impl Handler {
    async fn reply(&self, request: &Request) -> Reply {
        if request.metadata.op_code != OpCode::Query {
            return Reply { code: ResponseCode::NotImp, ..Reply::default() };
        }
        let Ok(info) = request.request_info() else {
            return Reply { code: ResponseCode::FormErr, ..Reply::default() };
        };
        if info.query.query_class() != DNSClass::IN {
            return Reply { code: ResponseCode::Refused, ..Reply::default() };
        }
        let secure = request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        self.answer(info.query.original(), secure).await
    }

    /// Answers from the zone; follows aliases, and asks others where the zone knows nothing.
    async fn answer(&self, query: &Query, secure: bool) -> Reply {
        let mut reply = Reply { authoritative: true, ..Reply::default() };
        let mut query = query.clone();
        for _ in 0..ALIASES {
            let (answer, soa) = {
                let zone = self.zone.read();
                (zone.lookup(query.name(), query.query_type()), zone.soa())
            };
            match answer {
                Answer::Found { mut records, additionals } => {
                    if records.is_empty() {
                        reply.authorities.push(soa);
                    }
                    self.rotate(&mut records);
                    reply.answers.extend(records);
                    reply.additionals = additionals;
                    return reply;
                }
                Answer::Alias { record, target } => {
                    reply.answers.push(*record);
                    query.set_name(target);
                }
                Answer::NoName => {
                    reply.code = ResponseCode::NXDomain;
                    reply.authorities.push(soa);
                    return reply;
                }
                Answer::Elsewhere => {
                    reply.authoritative = !reply.answers.is_empty();
                    return self.elsewhere(reply, &query, secure).await;
                }
            }
        }
        warn!(name = %query.name(), "aliases lead in circles");
        Reply { code: ResponseCode::ServFail, ..reply }
    }

    async fn elsewhere(&self, mut reply: Reply, query: &Query, secure: bool) -> Reply {
        match self.upstream.ask(query, secure).await {
            Ok(Message { metadata, answers, authorities, additionals, .. }) => {
                reply.code = metadata.response_code;
                reply.answers.extend(answers);
                reply.authorities = authorities;
                reply.additionals = additionals;
            }
            Err(error) => {
                debug!(name = %query.name(), %error, "a name could not be asked for");
                reply.code = ResponseCode::ServFail;
            }
        }
        reply
    }

    /// Starts with another record each time: clients tend to take the first.
    fn rotate(&self, records: &mut [Record]) {
        if records.len() > 1 {
            let count = u64::try_from(records.len()).expect("a length fits");
            let by = usize::try_from(self.env.random_below(count)).expect("it is below a length");
            records.rotate_left(by);
        }
    }
}
