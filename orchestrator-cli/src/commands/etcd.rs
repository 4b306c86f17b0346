//! `orchestrator etcd`: any store as an etcd, without Kubernetes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use orchestrator::core::env::Task;
use orchestrator::core::{BoxError, Env};
use orchestrator::store::face::{EtcdServer, Options, tls};
use orchestrator::store::{Operator, compactor};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::termination;
use crate::UsageError;
use crate::args::{FaceTls, Serve};
use crate::store;

pub async fn run(serve: Serve) -> Result<(), BoxError> {
    let env = Env::system();
    let options = options(&serve.tls)?;
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
    let face = Face::start(serve.listen, options, operator, &env).await?;
    println!("ready {}", face.url());
    end.await;
    face.shutdown().await;
    Ok(())
}

/// How the command line says to serve.
pub fn options(files: &FaceTls) -> Result<Options, BoxError> {
    let (Some(certificate), Some(key)) = (&files.etcd_tls_cert, &files.etcd_tls_key) else {
        return Ok(Options::new());
    };
    let (certificate, key) = (store::read(certificate)?, store::read(key)?);
    let authority = files.etcd_client_ca.as_deref().map(store::read).transpose()?;
    let config = tls::server_config(&certificate, &key, authority.as_deref());
    Ok(Options::new().tls(config.map_err(|why| UsageError(why.into()))?))
}

/// A served etcd face; dropping it closes the socket and the connections.
pub struct Face {
    url: String,
    stop: oneshot::Sender<()>,
    serving: Task<()>,
}

impl Face {
    /// Serves `operator` at `listen`.
    pub async fn start(
        listen: SocketAddr,
        options: Options,
        operator: Arc<dyn Operator>,
        env: &Env,
    ) -> Result<Self, BoxError> {
        let listener = TcpListener::bind(listen).await;
        let listener = listener.map_err(|why| {
            UsageError(format!("cannot serve etcd's API on {listen}: {why}").into())
        })?;
        let scheme = if options.is_tls() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let server = EtcdServer::new(env.clone(), operator, options);
        let serving = env.spawn("etcd face", async move {
            // The sender going away without a word is a stop too.
            let stopped = async move { drop(stopped.await) };
            if let Err(error) = server.serve(listener, stopped).await {
                tracing::error!(%error, "etcd face ended");
            }
        });
        Ok(Self { url, stop, serving })
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes no more connections, and lets running calls end for a moment.
    pub async fn shutdown(self) {
        let _ = self.stop.send(());
        self.serving.await;
    }
}
