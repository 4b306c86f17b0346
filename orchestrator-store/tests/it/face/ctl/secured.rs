//! The face over TLS, with client certificates.

use std::net::Ipv4Addr;
use std::sync::Arc;

use orchestrator_core::Env;
use orchestrator_store::MemoryStore;
use orchestrator_store::face::{Options, tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::runner::Ctl;
use crate::face::served::Served;

#[tokio::test]
async fn only_a_client_with_a_certificate_is_served() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let (key, server) = (KeyPair::generate().unwrap(), vec!["127.0.0.1".to_owned()]);
    let chain = CertificateParams::new(server).unwrap().signed_by(&key, &authority).unwrap();
    let ca = authority.pem();
    for (name, text) in [("ca", &ca), ("cert", &chain.pem()), ("key", &key.serialize_pem())] {
        std::fs::write(path(name), text).unwrap();
    }
    let config = tls::server_config(
        chain.pem().as_bytes(),
        key.serialize_pem().as_bytes(),
        Some(ca.as_bytes()),
    );
    let env = Env::system();
    let store = Arc::new(MemoryStore::new(env.clone()));
    let served = Served::start(&env, store, Options::new().tls(config.unwrap())).await;
    let endpoint = format!("https://{}:{}", Ipv4Addr::LOCALHOST, served.address.port());
    let flags = ["--endpoints", &endpoint, "--cacert", &path("ca"), "--command-timeout", "1s"];
    let with = ["--cert", &path("cert"), "--key", &path("key")];
    let all = flags.iter().chain(&with).map(|flag| (*flag).to_owned()).collect();
    let Some(mut ctl) = Ctl::with(served, all) else { return };
    assert_eq!(ctl.ok("put a 1").await, "OK\n");
    assert!(ctl.ok("endpoint status").await.starts_with(&endpoint));
    ctl = Ctl::with(ctl.served, flags.map(str::to_owned).to_vec()).unwrap();
    ctl.fails("get a").await;
}
