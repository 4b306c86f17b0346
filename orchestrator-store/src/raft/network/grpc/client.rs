//! Calls to other members, over one connection to each.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint};

use super::super::{Call, CallError, Refused};
use super::tls::PeerTls;
use super::{MAX_MESSAGE_BYTES, envelope};
use crate::proto::raft::peers_client::PeersClient;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// How often a connection is tried while calls wait, and how long its answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// How much may be on its way in a stream and in a connection: a piece of a snapshot and what
/// else there is.
const WINDOW_BYTES: u32 = 8 << 20;

type Client = PeersClient<Channel>;

/// The connections of a member.
#[derive(Debug, Default)]
pub(super) struct Clients {
    tls: Option<PeerTls>,
    open: Mutex<BTreeMap<String, (u64, Client)>>,
}

impl Clients {
    pub(super) fn with(tls: PeerTls) -> Self {
        Self { tls: Some(tls), open: Mutex::default() }
    }

    /// Calls whoever listens at `address`.
    pub(super) async fn call(&self, address: &str, call: Call) -> Result<Bytes, CallError> {
        let (number, mut client) = self.client(address).await?;
        match client.call(crate::proto::raft::Request::from(call)).await {
            Ok(answer) => envelope::answered(answer.into_inner()).map_err(|refused| {
                if refused == Refused::Stopped {
                    // Whoever listens there next does so on a new connection.
                    self.give_up(address, number);
                }
                CallError::Refused(refused)
            }),
            Err(status) => {
                self.give_up(address, number);
                Err(CallError::Lost(status.into()))
            }
        }
    }

    /// The connection to `address`, made where there is none; with a number that tells it from
    /// later ones.
    async fn client(&self, address: &str) -> Result<(u64, Client), CallError> {
        if let Some(open) = self.open.lock().get(address) {
            return Ok(open.clone());
        }
        let unreached = |error: tonic::transport::Error| CallError::Unreached(error.into());
        let channel = self.endpoint(address).map_err(unreached)?.connect().await;
        let client = PeersClient::new(channel.map_err(unreached)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let mut open = self.open.lock();
        // Several calls may have connected at a time; the last one's connection is kept.
        let number = open.get(address).map_or(0, |(number, _)| number + 1);
        open.insert(address.to_owned(), (number, client.clone()));
        Ok((number, client))
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES);
        match &self.tls {
            Some(tls) => endpoint.tls_config(tls.client()),
            None => Ok(endpoint),
        }
    }

    fn give_up(&self, address: &str, number: u64) {
        let mut open = self.open.lock();
        if open.get(address).is_some_and(|(open, _)| *open == number) {
            open.remove(address);
        }
    }
}
