//! Many clients that put keys over gRPC, each one after the other.

use std::time::Duration;

use bytes::Bytes;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::proto::etcd::PutRequest;
use orchestrator::store::proto::etcd::kv_client::KvClient;
use tonic::transport::{Channel, Endpoint};

use super::latency::Latencies;

/// How many connections the clients of one server share.
const CONNECTIONS: usize = 16;

/// How many different keys are written.
const KEYS: u64 = 100_000;

/// What is to be written, and where.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// How many clients there are, each with one put under way.
    pub clients: usize,
    /// How long values are.
    pub value_bytes: usize,
    /// The servers, which clients are spread over.
    pub urls: &'a [String],
}

/// What was done.
pub struct Done {
    pub latencies: Latencies,
    pub took: Duration,
}

/// Puts keys for `time`.
///
/// # Errors
/// A put fails.
pub async fn puts(load: &Load<'_>, time: Duration) -> Result<Done, BoxError> {
    let env = Env::system();
    let mut channels = Vec::new();
    for n in 0..CONNECTIONS.max(load.urls.len()) {
        let endpoint = Endpoint::from_shared(load.urls[n % load.urls.len()].clone())?;
        channels.push(endpoint.tcp_nodelay(true).connect().await?);
    }
    let begun = env.instant();
    let clients: Vec<_> = (0..load.clients)
        .map(|n| {
            let channel = channels[n % channels.len()].clone();
            let value = value(n, load.value_bytes);
            env.spawn("client", client(env.clone(), channel, value, time))
        })
        .collect();
    let mut latencies = Latencies::default();
    for client in clients {
        latencies.merge(client.await.ok_or("a client panicked")??);
    }
    Ok(Done { latencies, took: env.instant() - begun })
}

async fn client(
    env: Env,
    channel: Channel,
    value: Bytes,
    time: Duration,
) -> Result<Latencies, BoxError> {
    let mut kv = KvClient::new(channel);
    let mut latencies = Latencies::default();
    let end = env.instant() + time;
    loop {
        let begun = env.instant();
        if begun >= end {
            return Ok(latencies);
        }
        let key = format!("/registry/pods/default/web-{:08}", env.random_below(KEYS));
        let request = PutRequest { key: key.into(), value: value.clone(), ..PutRequest::default() };
        kv.put(request).await?;
        latencies.add(env.instant() - begun);
    }
}

/// Bytes that do not compress to nothing.
fn value(client: usize, bytes: usize) -> Bytes {
    let mut random = client as u64;
    (0..bytes)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 56) as u8
        })
        .collect()
}
