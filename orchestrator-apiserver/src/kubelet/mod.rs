//! Nodes in other processes: their HTTPS faces as [`NodeApi`]s.
//!
//! [`KubeletDialer`] reads address and port from the Node object and connects anew for each call,
//! with a client certificate of the cluster's authority. A session is a WebSocket with channels
//! (`v5.channel.k8s.io`), which any current kubelet speaks.
//!
//! Whether the node is who it says is not verified unless [`KubeletDialer::verifying`] names an
//! authority, as upstream: nodes by default sign their own certificates.

mod connect;
mod error;
mod node;
mod target;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Node, NodeAddress};
use orchestrator_core::node::{Connection, NodeApi, NodeDialer};
use orchestrator_core::{Env, Status};
use orchestrator_wire::certificate::AnyServer;
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::tls::{Signed, TlsError};
use connect::Endpoint;
use node::RemoteNode;

/// The user that an API server is to its nodes.
pub const CLIENT_NAME: &str = "kube-apiserver-kubelet-client";

/// Which of a node's addresses is taken, the best first.
const PREFERRED: [&str; 5] = ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "Hostname"];

/// Reaches nodes through their HTTPS faces.
#[derive(Clone)]
pub struct KubeletDialer {
    tls: TlsConnector,
    env: Env,
}

impl std::fmt::Debug for KubeletDialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeletDialer").finish_non_exhaustive()
    }
}

impl KubeletDialer {
    /// A dialer that shows `identity` to nodes, and takes any certificate of theirs.
    ///
    /// # Errors
    /// The certificate or its key cannot be used.
    pub fn new(identity: &Signed, env: &Env) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer::new(provider)));
        Self::with(builder, identity, env)
    }

    /// A dialer that talks only to nodes whose certificates `authority`, in PEM form, has signed.
    ///
    /// # Errors
    /// The certificate, its key or the authority cannot be used.
    pub fn verifying(identity: &Signed, authority: &str, env: &Env) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate?)?;
        }
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        Self::with(builder, identity, env)
    }

    fn with(
        builder: ConfigBuilder<ClientConfig, WantsClientCert>,
        identity: &Signed,
        env: &Env,
    ) -> Result<Self, TlsError> {
        let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
        let mut config = builder.with_client_auth_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), env: env.clone() })
    }
}

#[async_trait]
impl NodeDialer for KubeletDialer {
    async fn dial(&self, node: &Node) -> Result<Arc<dyn NodeApi>, Status> {
        Ok(Arc::new(RemoteNode(self.endpoint(node)?)))
    }

    async fn connect(&self, node: &Node) -> Result<(Box<dyn Connection>, String), Status> {
        let endpoint = self.endpoint(node)?;
        let host = endpoint.authority();
        Ok((Box::new(endpoint.open().await?), host))
    }
}

impl KubeletDialer {
    fn endpoint(&self, node: &Node) -> Result<Endpoint, Status> {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let Some((host, port)) = address(node) else {
            let why = format!("node {name:?} cannot be reached: it serves no logs and no exec");
            return Err(Status::unavailable(why));
        };
        Ok(Endpoint { host, port, tls: self.tls.clone(), env: self.env.clone() })
    }
}

/// Where a node serves; `None` where it does not.
fn address(node: &Node) -> Option<(String, u16)> {
    let status = node.status.as_ref()?;
    let endpoint = status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref()?;
    let port = u16::try_from(endpoint.port).ok().filter(|port| *port > 0)?;
    let addresses: &[NodeAddress] = status.addresses.as_deref().unwrap_or_default();
    let of_type = |wanted: &str| addresses.iter().find(|address| address.type_ == wanted);
    let best = PREFERRED.iter().find_map(|wanted| of_type(wanted))?;
    Some((best.address.clone(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_best_address_of_a_node_that_serves_is_taken() {
        let check = |port: i32, addresses: &[(&str, &str)], wanted: Option<(&str, u16)>| {
            let list: Vec<_> =
                addresses.iter().map(|(t, a)| json!({"type": t, "address": a})).collect();
            let node: Node = serde_json::from_value(json!({"status": {"addresses": list,
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}))
            .unwrap();
            assert_eq!(address(&node), wanted.map(|(host, port)| (host.to_owned(), port)));
        };
        let both = [("Hostname", "n"), ("InternalIP", "10.0.0.1")];
        check(10250, &both, Some(("10.0.0.1", 10250)));
        check(10250, &both[..1], Some(("n", 10250)));
        check(0, &both, None);
        check(10250, &[("Other", "x")], None);
        assert_eq!(address(&Node::default()), None);
    }
}
