//! A real kube-rs client over the API in this process.
//!
//! Plain requests are function calls. A request that asks for an upgrade (exec, attach,
//! port-forward) needs a connection to take over, so it goes through hyper over an in-memory pipe.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_util::rt::TokioIo;
use kube::client::Body;
use orchestrator_apiserver::http::HttpService;
use orchestrator_core::env::Tasks;
use orchestrator_core::{BoxError, Env, UserInfo};
use parking_lot::Mutex;
use tower::Service;

use super::Cluster;

/// How many bytes of an upgraded connection are on their way in each direction.
const PIPE_BYTES: usize = 64 * 1024;

type BoxBody = UnsyncBoxBody<bytes::Bytes, BoxError>;

impl Cluster {
    /// A kube-rs client in `system:masters`, with the default namespace `default`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn kube_client(&self) -> kube::Client {
        self.kube_client_as(UserInfo::system("admin"))
    }

    /// A kube-rs client that acts as `user`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn kube_client_as(&self, user: UserInfo) -> kube::Client {
        let http = self.http.on_behalf_of(user);
        let service = InProcess { http, env: self.env.clone(), connections: Arc::default() };
        kube::Client::new(service, "default")
    }
}

/// The API as the tower service that kube-rs wants.
#[derive(Clone)]
struct InProcess {
    http: HttpService,
    env: Env,
    /// Both ends of each upgraded connection.
    connections: Arc<Mutex<Tasks>>,
}

impl Service<Request<Body>> for InProcess {
    type Response = Response<BoxBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.headers().contains_key(header::UPGRADE) {
                return service.connect(request).await;
            }
            let response = service.http.answer(request).await;
            Ok(response.map(|body| BodyExt::boxed_unsync(body.map_err(never))))
        })
    }
}

fn never(error: Infallible) -> BoxError {
    match error {}
}

impl InProcess {
    /// Sends a request over a connection of its own, which an upgrade may take over.
    async fn connect(&self, mut request: Request<Body>) -> Result<Response<BoxBody>, BoxError> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        self.connections.lock().push(self.http.serve_duplex(theirs));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(ours)).await?;
        let driver = self.env.spawn("in-process connection, client", async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "connection ended");
            }
        });
        self.connections.lock().push(driver);
        let target =
            request.uri().path_and_query().map_or("/", |target| target.as_str()).parse()?;
        *request.uri_mut() = target;
        request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("localhost"));
        let response = sender.send_request(request).await?;
        Ok(response.map(|body| BodyExt::boxed_unsync(body.map_err(BoxError::from))))
    }
}
