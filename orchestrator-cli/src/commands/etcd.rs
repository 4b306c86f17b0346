//! `orchestrator etcd`: any store as an etcd, without Kubernetes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use orchestrator::core::env::Task;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::face::{EtcdServer, Options};
use orchestrator::store::{Operator, compactor};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::termination;
use crate::UsageError;
use crate::args::Serve;
use crate::store;

pub async fn run(serve: Serve) -> Result<(), BoxError> {
    let env = Env::system();
    let mut end = std::pin::pin!(termination());
    let opening = store::engine(&serve.engine, &serve.data_dir, &env);
    let operator = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        opened = opening => opened?,
    };
    let _compactor = serve.auto_compaction.map(|minutes| {
        let interval = Duration::from_secs(u64::from(minutes.get()) * 60);
        compactor::run(Arc::clone(&operator) as _, env.clone(), interval)
    });
    let face = Face::start(serve.listen, operator, &env).await?;
    println!("ready http://{}", face.address());
    end.await;
    face.shutdown().await;
    Ok(())
}

/// A served etcd face; dropping it closes the socket and the connections.
pub struct Face {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: Task<()>,
}

impl Face {
    /// Serves `operator` at `listen`.
    pub async fn start(
        listen: SocketAddr,
        operator: Arc<dyn Operator>,
        env: &Env,
    ) -> Result<Self, BoxError> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|why| {
            UsageError(format!("cannot serve etcd's API on {listen}: {why}").into())
        })?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let server = EtcdServer::new(env.clone(), operator, Options::new());
        let serving = env.spawn("etcd face", async move {
            // The sender going away without a word is a stop too.
            let stopped = async move { drop(stopped.await) };
            if let Err(error) = server.serve(listener, stopped).await {
                tracing::error!(%error, "etcd face ended");
            }
        });
        Ok(Self { address, stop, serving })
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and lets running calls end for a moment.
    pub async fn shutdown(self) {
        let _ = self.stop.send(());
        self.serving.await;
    }
}
