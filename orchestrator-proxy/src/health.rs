//! Health checks of services that keep outside traffic on the node where it arrives.
//!
//! A load balancer asks each node, at a port of the service's own, whether it has endpoints: 200 if
//! so, 503 if not, and how many in either case. The answer is that of the table applied last.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orchestrator_core::env::{Task, Tasks};
use orchestrator_core::proxy::HealthCheck;
use orchestrator_core::{Env, ObjectKey};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tracing::warn;

/// How many questions one service answers at a time; balancers ask a few times a second.
const AT_A_TIME: usize = 64;
/// How long to wait where a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers for all services of a table.
#[derive(Debug)]
pub(crate) struct HealthChecks {
    env: Env,
    checks: BTreeMap<ObjectKey, Check>,
}

#[derive(Debug)]
struct Check {
    port: u16,
    local: Arc<AtomicUsize>,
    _task: Task<()>,
}

impl HealthChecks {
    pub(crate) fn new(env: Env) -> Self {
        Self { env, checks: BTreeMap::new() }
    }

    /// Answers for these services, and no others, from now on.
    pub(crate) async fn set(&mut self, wanted: &BTreeMap<ObjectKey, HealthCheck>) {
        self.checks
            .retain(|key, check| wanted.get(key).is_some_and(|wanted| wanted.port == check.port));
        for (key, wanted) in wanted {
            if let Some(check) = self.checks.get(key) {
                check.local.store(wanted.local_endpoints, Ordering::Relaxed);
                continue;
            }
            match self.open(key, *wanted).await {
                Ok(check) => {
                    self.checks.insert(key.clone(), check);
                }
                Err(error) => warn!(service = %key, port = wanted.port, %error, "no health check"),
            }
        }
    }

    async fn open(&self, key: &ObjectKey, wanted: HealthCheck) -> std::io::Result<Check> {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, wanted.port));
        let listener = match TcpListener::bind(any).await {
            Ok(listener) => listener,
            // A host without IPv6.
            Err(_) => TcpListener::bind(("0.0.0.0", wanted.port)).await?,
        };
        let local = Arc::new(AtomicUsize::new(wanted.local_endpoints));
        let serve = serve(self.env.clone(), listener, key.clone(), Arc::clone(&local));
        Ok(Check { port: wanted.port, local, _task: self.env.spawn("health check", serve) })
    }
}

async fn serve(env: Env, listener: TcpListener, key: ObjectKey, local: Arc<AtomicUsize>) {
    let mut answering = Tasks::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely.
            env.sleep(PAUSE).await;
            continue;
        };
        if answering.running() >= AT_A_TIME {
            continue;
        }
        let answer = answer(env.clone(), stream, key.clone(), Arc::clone(&local));
        answering.push(env.spawn("health check", answer));
    }
}

async fn answer(env: Env, stream: TcpStream, key: ObjectKey, local: Arc<AtomicUsize>) {
    let respond = service_fn(move |_| {
        let response = response(&key, local.load(Ordering::Relaxed));
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    let connection = builder.keep_alive(false).serve_connection(TokioIo::new(stream), respond);
    tokio::select! {
        biased;
        // A balancer that hangs up early has its reasons.
        _ = connection => {}
        () = env.sleep(PATIENCE) => {}
    }
}

fn response(key: &ObjectKey, local: usize) -> Response<Full<Bytes>> {
    let status = match local {
        0 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let body = json!({
        "service": {"namespace": key.namespace, "name": key.name},
        "localEndpoints": local,
        "serviceProxyHealthy": true,
    });
    Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .header("X-Content-Type-Options", "nosniff")
        .header("X-Load-Balancing-Endpoint-Weight", local.to_string())
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("the parts are valid")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(port: u16) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text)
    }

    #[tokio::test]
    async fn balancers_hear_how_many_endpoints_are_here() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut checks = HealthChecks::new(Env::system());
        let table = |local_endpoints| {
            let check = HealthCheck { port, local_endpoints };
            BTreeMap::from([(ObjectKey::new("shop", "web"), check)])
        };
        checks.set(&table(2)).await;
        let text = ask(port).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(text.contains(r#""localEndpoints":2"#), "{text}");
        checks.set(&table(0)).await;
        assert!(ask(port).await.unwrap().starts_with("HTTP/1.1 503"));
        checks.set(&BTreeMap::new()).await;
        assert!(ask(port).await.is_none());
    }
}
