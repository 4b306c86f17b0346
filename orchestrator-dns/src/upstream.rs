//! Questions about names that are not of the cluster.
//!
//! They go to the node's own servers, one after the other, by datagram, and by TCP where the answer
//! is too long for one. Answers are passed on as they came, and remembered for a short while. So
//! many questions may be on their way at a time; further ones fail at once.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_server::proto::op::{Edns, Message, Query};
use hickory_server::proto::rr::{LowerName, RecordType};
use indexmap::IndexMap;
use orchestrator_core::Env;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long one server has for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many questions may be on their way; each has a socket and 4 KiB.
const IN_FLIGHT: usize = 512;
/// The longest datagram that is asked for; longer ones are cut into pieces on common links.
const DATAGRAM: u16 = 1232;
/// How many answers are remembered.
const REMEMBERED: usize = 4096;
/// How long an answer is remembered at most.
const FRESH: Duration = Duration::from_secs(30);

/// Why there is no answer from elsewhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// Too many questions are on their way.
    #[error("too many questions to other servers")]
    Busy,
    /// No server answered.
    #[error("no server answered")]
    Silent,
}

/// A name, a type of records, and whether signatures were asked for too.
type Asked = (LowerName, RecordType, bool);

/// Other servers.
#[derive(Debug)]
pub(crate) struct Upstream {
    env: Env,
    servers: Vec<SocketAddr>,
    in_flight: Semaphore,
    remembered: Mutex<IndexMap<Asked, (Instant, Message)>>,
}

impl Upstream {
    pub(crate) fn new(env: Env, servers: Vec<SocketAddr>) -> Self {
        let in_flight = Semaphore::new(IN_FLIGHT);
        Self { env, servers, in_flight, remembered: Mutex::default() }
    }

    /// The answer to `query`; `secure` asks for signatures too.
    pub(crate) async fn ask(&self, query: &Query, secure: bool) -> Result<Message, UpstreamError> {
        let key = (LowerName::from(query.name()), query.query_type(), secure);
        if let Some(message) = self.remembered(&key) {
            return Ok(message);
        }
        let _permit = self.in_flight.try_acquire().map_err(|_| UpstreamError::Busy)?;
        for server in &self.servers {
            if let Some(message) = self.ask_one(*server, query, secure).await {
                self.remember(key, &message);
                return Ok(message);
            }
        }
        Err(UpstreamError::Silent)
    }

    fn remembered(&self, key: &Asked) -> Option<Message> {
        let remembered = self.remembered.lock();
        let (until, message) = remembered.get(key)?;
        (*until > self.env.instant()).then(|| message.clone())
    }

    fn remember(&self, key: Asked, message: &Message) {
        let records = message.answers.iter().chain(&message.authorities);
        let Some(ttl) = records.map(|record| record.ttl).min() else { return };
        let until = self.env.instant() + FRESH.min(Duration::from_secs(ttl.into()));
        let mut remembered = self.remembered.lock();
        remembered.insert(key, (until, message.clone()));
        if remembered.len() > REMEMBERED {
            remembered.swap_remove_index(0);
        }
    }

    async fn ask_one(&self, server: SocketAddr, query: &Query, secure: bool) -> Option<Message> {
        let id = u16::try_from(self.env.random_below(1 << 16)).expect("it is below 2¹⁶");
        let bytes = question(id, query, secure)?;
        let exchange = async {
            let message = by_datagram(server, &bytes, id, query).await?;
            match message.metadata.truncation {
                true => by_stream(server, &bytes, id, query).await.or(Some(message)),
                false => Some(message),
            }
        };
        tokio::select! {
            biased;
            message = exchange => message,
            () = self.env.sleep(PATIENCE) => None,
        }
    }
}

fn question(id: u16, query: &Query, secure: bool) -> Option<Vec<u8>> {
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    message.add_query(query.clone());
    let mut edns = Edns::new();
    edns.set_max_payload(DATAGRAM);
    edns.set_dnssec_ok(secure);
    message.set_edns(edns);
    message.to_vec().ok()
}

/// The message, if it answers the question that was asked: anybody can send us datagrams.
fn answer(bytes: &[u8], id: u16, query: &Query) -> Option<Message> {
    let message = Message::from_vec(bytes).ok()?;
    let same =
        |asked: &Query| asked.name() == query.name() && asked.query_type() == query.query_type();
    let fits = message.metadata.id == id && message.queries.first().is_some_and(same);
    fits.then_some(message)
}

async fn by_datagram(server: SocketAddr, bytes: &[u8], id: u16, query: &Query) -> Option<Message> {
    let any: SocketAddr = match server.is_ipv4() {
        true => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        false => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await.ok()?;
    socket.connect(server).await.ok()?;
    socket.send(bytes).await.ok()?;
    let mut buffer = vec![0; 4096];
    loop {
        let len = socket.recv(&mut buffer).await.ok()?;
        if let Some(message) = answer(&buffer[..len], id, query) {
            return Some(message);
        }
    }
}

async fn by_stream(server: SocketAddr, bytes: &[u8], id: u16, query: &Query) -> Option<Message> {
    let mut stream = TcpStream::connect(server).await.ok()?;
    let len = u16::try_from(bytes.len()).ok()?;
    stream.write_all(&[&len.to_be_bytes()[..], bytes].concat()).await.ok()?;
    let len = stream.read_u16().await.ok()?;
    let mut buffer = vec![0; usize::from(len)];
    stream.read_exact(&mut buffer).await.ok()?;
    answer(&buffer, id, query)
}
