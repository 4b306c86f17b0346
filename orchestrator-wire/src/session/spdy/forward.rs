//! Port-forward on streams: for each connection one for data and one for errors.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use orchestrator_core::node::PortForwarder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{READ_BYTES, Stream};

/// The most connections of which only one stream has come so far.
const MAX_HALVES: usize = 64;

/// Serves port-forward on a connection until the client is gone.
pub(in super::super) async fn forward<S>(connection: S, ports: Arc<dyn PortForwarder>)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let (driver, mut streams) = super::session(connection);
    let serving = pin!(async move {
        let mut halves = Halves::default();
        let mut links = FuturesUnordered::new();
        loop {
            let next = match links.is_empty() {
                true => streams.recv().await,
                false => match select(pin!(streams.recv()), links.next()).await {
                    Either::Left((stream, _)) => stream,
                    Either::Right(_) => continue,
                },
            };
            let Some(stream) = next else { return };
            if let Some(pair) = halves.join(stream).await {
                links.push(pair.run(Arc::clone(&ports)));
            }
        }
    });
    select(pin!(driver), serving).await;
}

/// Streams that wait for the other one of their connection, by request id.
#[derive(Default)]
struct Halves {
    waiting: BTreeMap<String, Stream>,
}

impl Halves {
    async fn join(&mut self, stream: Stream) -> Option<Pair> {
        let id = match stream.header("requestid") {
            // Old clients number nothing: error and data stream follow one another.
            "" => stream.header("port").to_owned(),
            id => id.to_owned(),
        };
        let Some(other) = self.waiting.remove(&id) else {
            if self.waiting.len() >= MAX_HALVES {
                stream.sender.refuse().await;
            } else {
                self.waiting.insert(id, stream);
            }
            return None;
        };
        match (other.header("streamtype"), stream.header("streamtype")) {
            ("error", "data") => Some(Pair { data: stream, error: other }),
            ("data", "error") => Some(Pair { data: other, error: stream }),
            _ => {
                other.sender.refuse().await;
                stream.sender.refuse().await;
                None
            }
        }
    }
}

/// The two streams of one connection.
struct Pair {
    data: Stream,
    error: Stream,
}

impl Pair {
    async fn run(self, ports: Arc<dyn PortForwarder>) {
        let Self { data, error } = self;
        if let Err(why) = link(data, ports).await {
            let _ = error.sender.send(Bytes::from(why)).await;
        }
        error.sender.finish().await;
    }
}

fn refusal(port: &str, why: &dyn std::fmt::Display) -> String {
    format!("an error occurred forwarding to port {port}: {why}")
}

/// Connects a stream with the port that it names; the error is what the client is told.
async fn link(mut stream: Stream, ports: Arc<dyn PortForwarder>) -> Result<(), String> {
    let name = &*stream.header("port").to_owned();
    let connection = match name.parse() {
        Ok(port) => ports.connect(port).await.map_err(|error| error.to_string()),
        Err(_) => Err(format!("{name:?} is no port")),
    };
    let connection = match connection {
        Ok(connection) => connection,
        Err(why) => {
            stream.sender.finish().await;
            return Err(refusal(name, &why));
        }
    };
    let (mut reader, mut writer) = tokio::io::split(connection);
    let Stream { data, sender, .. } = &mut stream;
    let upward = async {
        while let Some(bytes) = data.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    };
    let downward = async {
        let mut buffer = vec![0; READ_BYTES];
        let ended = loop {
            match reader.read(&mut buffer).await {
                Ok(0) => break Ok(()),
                Ok(read) => {
                    if sender.send(Bytes::copy_from_slice(&buffer[..read])).await.is_err() {
                        return Ok(());
                    }
                }
                // A port of another node says only now that nobody listens.
                Err(why) => break Err(refusal(name, &why)),
            }
        };
        sender.finish().await;
        ended
    };
    // What the port has still to say is sent even where the client has nothing more; what the
    // client has still to say goes nowhere once the port has closed.
    match select(pin!(downward), pin!(upward)).await {
        Either::Left((ended, _)) => ended,
        Either::Right((_, downward)) => downward.await,
    }
}
