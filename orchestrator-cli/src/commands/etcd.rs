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
use crate::args::{FaceTls, Raft, Serve};
use crate::store;

pub async fn run(mut serve: Serve) -> Result<(), BoxError> {
    let env = Env::system();
    let options = options(&serve.tls)?;
    announce(&mut serve.engine.raft, serve.listen, &options);
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

/// Has a member tell the others where its clients reach it, unless the command line says so: where
/// it serves them, if that is one address that is known now.
pub fn announce(raft: &mut Raft, listen: SocketAddr, options: &Options) {
    if raft.client_url.is_none() && listen.port() != 0 && !listen.ip().is_unspecified() {
        raft.client_url = Some(format!("{}://{listen}", scheme(options)));
    }
}

fn scheme(options: &Options) -> &'static str {
    if options.is_tls() { "https" } else { "http" }
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
        let url = format!("{}://{}", scheme(&options), listener.local_addr()?);
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn a_member_tells_where_it_serves_unless_nobody_can_know_or_it_is_told() {
        for (more, told) in [
            (&["--listen=10.0.0.1:2379"][..], Some("http://10.0.0.1:2379")),
            (&["--listen=10.0.0.1:2379", "--client-url=http://db"], Some("http://db")),
            (&["--listen=0.0.0.0:2379"], None),
            (&["--listen=127.0.0.1:0"], None),
        ] {
            let words = ["orchestrator", "etcd", "--store", "raft"];
            let cli = Cli::try_parse_from(words.iter().chain(more)).unwrap();
            let Command::Etcd(mut serve) = cli.command else { panic!("etcd") };
            announce(&mut serve.engine.raft, serve.listen, &Options::new());
            assert_eq!(serve.engine.raft.client_url.as_deref(), told);
        }
    }
}
