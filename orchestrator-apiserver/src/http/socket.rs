//! The service behind sockets, and behind any connection of the same process.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use orchestrator_core::env::Task;
use orchestrator_core::{Env, UserInfo};
use orchestrator_wire::listener::{self, Face, Serving};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};

use super::HttpService;
use super::caller::PeerUser;
use crate::encode::Payload;

/// Listens on `bind` and serves over TLS.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(
    service: HttpService,
    tls: ServerConfig,
    bind: SocketAddr,
) -> std::io::Result<Serving> {
    listener::serve(service, tls, bind).await
}

impl HttpService {
    /// Serves one connection of the same process, such as one end of a
    /// [`tokio::io::duplex`], in HTTP/1.1 or HTTP/2; here requests can be upgraded.
    pub fn serve_duplex<S>(&self, stream: S) -> Task<()>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        listener::serve_duplex(self.clone(), stream)
    }
}

impl Face for HttpService {
    type Body = Payload;

    fn env(&self) -> &Env {
        self.shared.server.env()
    }

    async fn answer(
        &self,
        mut request: Request<Incoming>,
        peer: Option<Arc<UserInfo>>,
    ) -> Response<Payload> {
        if let Some(user) = peer {
            request.extensions_mut().insert(PeerUser(user));
        }
        Self::answer(self, request).await
    }

    fn stopping(&self) {
        self.shared.health.stop();
    }
}
