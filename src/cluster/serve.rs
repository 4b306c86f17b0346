//! The API behind a socket, for `kubectl` and everybody else.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use orchestrator_apiserver::{http, tls};

use super::{Cluster, StartError};

/// Where to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The address; port 0 takes a free one.
    pub bind: SocketAddr,
}

/// A served API; dropping it closes the socket and the connections.
#[derive(Debug)]
pub struct Serving {
    listener: http::Serving,
    url: String,
    kubeconfig: String,
    file: Option<PathBuf>,
}

impl Serving {
    /// The address, as in `https://127.0.0.1:6443`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The text of the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// The file of the administrator's kubeconfig, where the cluster has a data directory.
    pub fn kubeconfig_file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Takes no more connections, and waits until the requests under way are answered.
    pub async fn shutdown(self) {
        self.listener.stop().await;
    }
}

impl Cluster {
    /// Serves the API over HTTPS and, where the cluster has a data directory, keeps `ca.crt`,
    /// `admin.kubeconfig` and `admin.token` there.
    ///
    /// # Errors
    /// [`StartError::Listen`]: the address is taken or not of this host.
    pub async fn serve(&self, options: ServeOptions) -> Result<Serving, StartError> {
        let bind = options.bind;
        let service = self.api.service_address().map(|address| address.to_string());
        let names: Vec<String> = service.into_iter().chain([bind.ip().to_string()]).collect();
        let tls = tls::server_config_with(&self.pki, &names, &self.client_authorities)?;
        let listener = http::serve(self.http.clone(), tls, bind)
            .await
            .map_err(|source| StartError::Listen { address: bind, source })?;
        self.api.advertise(listener.address()).await.map_err(StartError::Bootstrap)?;
        let url = listener.url();
        let kubeconfig = self.pki.admin_kubeconfig(&url)?;
        let file = self.data_dir.as_ref().map(|directory| directory.join("admin.kubeconfig"));
        Ok(Serving { listener, url, kubeconfig, file })
    }
}
