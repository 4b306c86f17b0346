//! Small programs for manifests that shall run anywhere.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orchestrator::core::BoxError;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How many connections are served at a time.
const MAX_CONNECTIONS: usize = 1024;

/// How long an answer of the upstream may take, and how long it may be.
const UPSTREAM_TIMEOUT: Duration = Duration::from_secs(5);
const UPSTREAM_BYTES: usize = 64 * 1024;

/// What the web server says.
#[derive(Debug)]
pub struct Page {
    /// The text.
    pub text: String,
    /// Whose answer is shown below the text.
    pub upstream: Option<String>,
}

/// Serves `page` until the process is told to end.
pub async fn http(listen: SocketAddr, page: Page) -> Result<(), BoxError> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    let page = Arc::new(page);
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    let mut end = std::pin::pin!(super::termination());
    loop {
        tokio::select! {
            biased;
            () = &mut end => return Ok(()),
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
                let (page, local) = (Arc::clone(&page), stream.local_addr()?);
                connections.spawn(async move {
                    let _place = place;
                    serve(stream, page, local).await;
                });
                while connections.try_join_next().is_some() {}
            }
        }
    }
}

async fn serve(stream: TcpStream, page: Arc<Page>, local: SocketAddr) {
    let service = service_fn(move |request: Request<Incoming>| {
        let page = Arc::clone(&page);
        async move { Ok::<_, Infallible>(answer(&page, local, request.uri().path()).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new();
    // A client that goes away in the middle of a request is nothing to report.
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(page: &Page, local: SocketAddr, path: &str) -> Response<Full<Bytes>> {
    let mut text = format!("{}\nfrom {local}\n", page.text);
    let mut code = StatusCode::OK;
    if path == "/healthz" {
        text = "ok\n".into();
    } else if let Some(upstream) = &page.upstream {
        match tokio::time::timeout(UPSTREAM_TIMEOUT, fetch(upstream)).await {
            Ok(Ok(theirs)) => text.push_str(&format!("{upstream} says: {theirs}")),
            Ok(Err(why)) => {
                code = StatusCode::BAD_GATEWAY;
                text.push_str(&format!("{upstream} cannot be reached: {why}\n"));
            }
            Err(_) => {
                code = StatusCode::GATEWAY_TIMEOUT;
                text.push_str(&format!("{upstream} does not answer\n"));
            }
        }
    }
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = code;
    response
}

async fn fetch(upstream: &str) -> Result<String, BoxError> {
    let stream = TcpStream::connect(upstream).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await?;
    let request = Request::get("/").header("host", upstream).body(Full::default())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let body = Limited::new(response.into_body(), UPSTREAM_BYTES).collect().await?;
        Ok::<_, BoxError>(String::from_utf8_lossy(&body.to_bytes()).into_owned())
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        ended = connection => {
            ended?;
            exchange.await
        }
    }
}
