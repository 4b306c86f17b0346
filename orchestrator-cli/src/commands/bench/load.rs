//! Many clients that put keys over gRPC, each one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::proto::etcd::PutRequest;
use tokio::time::Instant;

use super::latency::Latencies;
use super::wire::Connection;

/// How many connections the clients of one server share.
const CONNECTIONS: usize = 16;

/// How many different keys are written.
const KEYS: u64 = 100_000;

/// What is called.
const PUT: &str = "/etcdserverpb.KV/Put";

/// What is to be written, and where.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// How many clients there are, each with one put under way.
    pub clients: usize,
    /// How long values are.
    pub value_bytes: usize,
    /// The addresses of the servers, which clients are spread over.
    pub servers: &'a [String],
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
    let connections = CONNECTIONS.max(load.servers.len()).min(load.clients);
    let begun = env.instant();
    let mut tasks = Vec::new();
    for n in 0..connections {
        let server = &load.servers[n % load.servers.len()];
        let clients = Clients {
            env: env.clone(),
            connection: Connection::open(server, PUT).await?,
            waiting: (load.clients + n) / connections,
            value: value(n, load.value_bytes),
            end: begun + time,
        };
        tasks.push(env.spawn("clients", clients.run()));
    }
    let mut latencies = Latencies::default();
    for task in tasks {
        latencies.merge(task.await.ok_or("a client panicked")??);
    }
    Ok(Done { latencies, took: env.instant() - begun })
}

/// The clients of one connection.
struct Clients {
    env: Env,
    connection: Connection,
    /// How many of them have no put under way.
    waiting: usize,
    value: Bytes,
    end: Instant,
}

impl Clients {
    async fn run(mut self) -> Result<Latencies, BoxError> {
        let mut latencies = Latencies::default();
        let (mut under_way, mut ended) = (BTreeMap::new(), Vec::new());
        loop {
            let now = self.env.instant();
            for call in ended.drain(..) {
                let begun: Instant = under_way.remove(&call).ok_or("nobody asked for that")?;
                latencies.add(now - begun);
                self.waiting += 1;
            }
            if now >= self.end {
                return Ok(latencies);
            }
            while self.waiting > 0
                && let Some(call) = self.connection.begin(&self.put())
            {
                under_way.insert(call, now);
                self.waiting -= 1;
            }
            self.connection.exchange(&mut ended).await?;
        }
    }

    fn put(&self) -> PutRequest {
        let key = format!("/registry/pods/default/web-{:08}", self.env.random_below(KEYS));
        PutRequest { key: key.into(), value: self.value.clone(), ..PutRequest::default() }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orchestrator::store::MemoryStore;
    use orchestrator::store::face::{EtcdServer, Options};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn every_client_gets_its_answers() {
        let env = Env::system();
        let store = Arc::new(MemoryStore::new(env.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let servers = [listener.local_addr().unwrap().to_string()];
        let server = EtcdServer::new(env.clone(), Arc::clone(&store) as _, Options::new());
        let serving = async move { server.serve(listener, std::future::pending()).await.unwrap() };
        let _serving = env.spawn("server", serving);
        let load = Load { clients: 50, value_bytes: 100, servers: &servers };
        let done = puts(&load, Duration::from_millis(50)).await.unwrap();
        let status = orchestrator::core::Store::status(&*store).await.unwrap();
        // Those that were under way at the end were written too.
        let written = status.revision.get() - 1;
        assert!(done.latencies.len() >= 50 && written >= done.latencies.len() as u64);
    }
}
