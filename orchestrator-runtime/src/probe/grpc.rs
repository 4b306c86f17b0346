//! The gRPC health check: `grpc.health.v1.Health/Check` over plain HTTP/2.
//!
//! The two messages are small enough to be written by hand: the request has one string (field
//! 1), the answer one number (field 1), of which 1 means that the service serves.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_util::rt::TokioIo;
use orchestrator_core::Env;
use orchestrator_core::env::Tasks;
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::Outcome;

/// The longest answer that is read; a right one has seven bytes.
const ANSWER_BYTES: usize = 1024;

/// The number that means that the service serves.
const SERVING: u64 = 1;

/// Asks whether `service` serves.
pub(super) async fn check(env: &Env, host: &str, port: u16, service: &str) -> Outcome {
    match call(env, host, port, service).await {
        Ok(SERVING) => Outcome::Success,
        Ok(other) => {
            let word = match other {
                2 => "NOT_SERVING".to_owned(),
                3 => "SERVICE_UNKNOWN".to_owned(),
                0 => "UNKNOWN".to_owned(),
                number => number.to_string(),
            };
            Outcome::Failure(format!("service unhealthy (responded with {word:?})"))
        }
        Err(error) => Outcome::Failure(format!(
            "timeout: failed to connect service \"{host}:{port}\" within the deadline: {error}"
        )),
    }
}

async fn call(
    env: &Env,
    host: &str,
    port: u16,
    service: &str,
) -> Result<u64, orchestrator_core::BoxError> {
    let stream = TcpStream::connect((host, port)).await?;
    let executor = Owned { env: env.clone(), tasks: Arc::default() };
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor.clone(), TokioIo::new(stream)).await?;
    let _connection = env.spawn("probe connection", async move {
        // Its end is seen by the request.
        let _ = connection.await;
    });
    let request = Request::post(format!("http://{host}:{port}/grpc.health.v1.Health/Check"))
        .header("Content-Type", "application/grpc")
        .header("TE", "trailers")
        .header("User-Agent", "kube-probe/1.36")
        .body(Full::new(request(service)))?;
    let answer = sender.send_request(request).await?;
    if let Some(status) = answer.headers().get("grpc-status")
        && status != "0"
    {
        return Err(format!("gRPC status {status:?}").into());
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await?;
    if let Some(status) = body.trailers().and_then(|trailers| trailers.get("grpc-status"))
        && status != "0"
    {
        return Err(format!("gRPC status {status:?}").into());
    }
    Ok(serving_status(&body.to_bytes()))
}

/// A message in its frame: one byte for compression, four for the length.
fn request(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(0x0a);
        put_varint(&mut message, service.len() as u64);
        message.put_slice(service.as_bytes());
    }
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a service name is short"));
    frame.put_slice(&message);
    frame.freeze()
}

fn put_varint(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

/// The number in the answer; 0 where there is none.
fn serving_status(frame: &[u8]) -> u64 {
    match frame.get(5..) {
        Some([0x08, number, ..]) => u64::from(*number),
        _ => 0,
    }
}

/// Runs hyper's own tasks as ours, so that they end with the call.
#[derive(Clone)]
struct Owned {
    env: Env,
    tasks: Arc<Mutex<Tasks>>,
}

impl<F> hyper::rt::Executor<F> for Owned
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let task = self.env.spawn("probe stream", async move {
            future.await;
        });
        self.tasks.lock().push(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_form_of_the_health_service() {
        assert_eq!(&request("")[..], [0, 0, 0, 0, 0]);
        assert_eq!(&request("ab")[..], [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = request(&"x".repeat(300));
        assert_eq!(&long[5..8], [0x0a, 0xac, 0x02]);
        assert_eq!(serving_status(&[0, 0, 0, 0, 2, 0x08, 1]), SERVING);
        assert_eq!(serving_status(&[0, 0, 0, 0, 2, 0x08, 2]), 2);
        assert_eq!(serving_status(&[0, 0, 0, 0, 0]), 0);
        assert_eq!(serving_status(&[]), 0);
    }

    #[tokio::test]
    async fn a_server_is_asked_over_http_2() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let env = Env::system();
        let executor = Owned { env: env.clone(), tasks: Arc::default() };
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let service =
                hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async {
                    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                    let body = request.into_body().collect().await?.to_bytes();
                    assert_eq!(&body[..], [0, 0, 0, 0, 3, 0x0a, 1, b's']);
                    let answer = Full::new(Bytes::from_static(&[0, 0, 0, 0, 2, 0x08, 1]));
                    let trailers = [("grpc-status".parse().unwrap(), "0".parse().unwrap())];
                    let trailers: http::HeaderMap = trailers.into_iter().collect();
                    let answer = answer.with_trailers(std::future::ready(Some(Ok(trailers))));
                    Ok::<_, hyper::Error>(hyper::Response::new(answer))
                });
            let io = TokioIo::new(stream);
            let _ = hyper::server::conn::http2::Builder::new(executor)
                .serve_connection(io, service)
                .await;
        };
        let ask = check(&env, "127.0.0.1", port, "s");
        tokio::select! {
            biased;
            outcome = ask => assert_eq!(outcome, Outcome::Success),
            () = server => panic!("the server ended first"),
        }
    }
}
