//! The server: a face, with or without sockets.

use std::io;
use std::sync::Arc;

use orchestrator_core::Env;
use tokio::net::TcpListener;

use super::route::EtcdService;
use super::{Face, Options, listen};
use crate::Operator;

/// Serves etcd's client API over an engine.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use orchestrator_core::Env;
/// use orchestrator_store::face::{EtcdServer, Options};
/// use orchestrator_store::Operator;
/// use tokio::net::TcpListener;
///
/// # async fn example(engine: Arc<dyn Operator>) -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:2379").await?;
/// let server = EtcdServer::new(Env::system(), engine, Options::new());
/// server.serve(listener, std::future::pending()).await
/// # }
/// ```
#[derive(Debug)]
pub struct EtcdServer {
    face: Arc<Face>,
}

impl EtcdServer {
    /// A server over `engine`.
    pub fn new(env: Env, engine: Arc<dyn Operator>, options: Options) -> Self {
        Self { face: Arc::new(Face::new(env, engine, options)) }
    }

    /// The services as a tower service, for a caller without sockets; cheap to clone.
    pub fn service(&self) -> EtcdService {
        EtcdService::new(Arc::clone(&self.face))
    }

    /// Accepts connections until `shutdown` resolves, then lets running calls end for a moment.
    ///
    /// # Cancellation
    /// Dropping the future closes the socket and all connections.
    ///
    /// # Errors
    /// The TLS configuration is not usable.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        listen::serve(self.face, listener, shutdown).await
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::{StreamExt, stream};

    use super::*;
    use crate::MemoryStore;
    use crate::proto::etcd as pb;
    use pb::watch_request::RequestUnion;

    #[tokio::test(start_paused = true)]
    async fn clients_without_a_socket_write_and_watch() {
        let env = Env::simulated(1);
        let store = Arc::new(MemoryStore::new(env.clone()));
        let service = EtcdServer::new(env, store, Options::new()).service();
        let mut kv = pb::kv_client::KvClient::new(service.clone());
        let mut watch = pb::watch_client::WatchClient::new(service);
        let all = pb::WatchCreateRequest {
            key: "\0".into(),
            range_end: "\0".into(),
            ..Default::default()
        };
        let request_union = Some(RequestUnion::CreateRequest(all));
        let requests = stream::iter([pb::WatchRequest { request_union }]);
        let mut answers = pin!(watch.watch(requests).await.unwrap().into_inner());
        assert!(answers.next().await.unwrap().unwrap().created);
        let put = pb::PutRequest { key: "a".into(), value: "1".into(), ..Default::default() };
        assert_eq!(kv.put(put).await.unwrap().into_inner().header.unwrap().revision, 2);
        let told = answers.next().await.unwrap().unwrap();
        assert_eq!((told.events.len(), told.header.unwrap().revision), (1, 2));
    }
}
