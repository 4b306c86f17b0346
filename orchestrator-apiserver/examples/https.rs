//! The bare API server over HTTPS, on a store in memory: `cargo run --example https -- DIR [ADDRESS]`.
//!
//! Keys, certificates, `admin.token` and `admin.kubeconfig` are kept in `DIR`; no controllers run.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use orchestrator_apiserver::ApiServer;
use orchestrator_apiserver::authn::{
    Authenticators, BootstrapTokens, ClientCertificates, ServiceAccountTokens, StaticTokens,
};
use orchestrator_apiserver::http::{HttpService, serve};
use orchestrator_apiserver::tls::{Pki, server_config};
use orchestrator_core::Env;
use orchestrator_core::resource::Network;
use orchestrator_store::MemoryStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let directory = PathBuf::from(args.next().ok_or("usage: https DIR [ADDRESS]")?);
    let bind: SocketAddr = args.next().as_deref().unwrap_or("127.0.0.1:6443").parse()?;
    let env = Env::system();
    let pki = Pki::in_directory(&directory, &env)?;
    let keys = Arc::new(ServiceAccountTokens::new(pki.service_account_key(), env.clone())?);
    let (service_cidr, pod_cidr) = ("10.0.0.0/24".into(), "10.64.0.0/16".into());
    let network = Network { service_cidr, pod_cidr, ..Network::default() };
    let server = ApiServer::builder(Arc::new(MemoryStore::new(env.clone())), env)
        .tokens(Arc::clone(&keys) as _)
        .network(network)
        .build();
    server.start().await?;
    keys.check_against(server.objects().clone());
    let authenticators = Authenticators::new()
        .with(Arc::new(ClientCertificates))
        .with(Arc::new(BootstrapTokens::new(server.objects().clone(), server.env().clone())))
        .with(Arc::new(StaticTokens::new([(pki.admin_token().to_owned(), Pki::admin())])))
        .with(Arc::clone(&keys) as _);
    let tls = server_config(&pki, &[bind.ip().to_string()])?;
    let service = HttpService::with_keys(server, authenticators, Some(keys));
    let serving = serve(service, tls, bind).await?;
    pki.admin_kubeconfig(&serving.url())?;
    println!("ready {}", serving.url());
    std::future::pending::<()>().await;
    serving.stop().await;
    Ok(())
}
