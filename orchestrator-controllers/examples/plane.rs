//! A control plane without scheduler and nodes over HTTPS: `cargo run --example plane -- DIR [ADDRESS]`.
//!
//! The API server and all built-in controllers in one process, on a store in memory. Keys,
//! certificates and `admin.token` are kept in `DIR`.

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
use orchestrator_client::{Client, Informers};
use orchestrator_controllers::certificates::Authority;
use orchestrator_controllers::{
    ControllerDeps, Manager, Resources, RunningManager, ServedResource, builtin,
};
use orchestrator_core::resource::Network;
use orchestrator_core::{Env, UserInfo};
use orchestrator_store::MemoryStore;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let directory = PathBuf::from(args.next().ok_or("usage: plane DIR [ADDRESS]")?);
    let bind: SocketAddr = args.next().as_deref().unwrap_or("127.0.0.1:6443").parse()?;
    let env = Env::system();
    let pki = Pki::in_directory(&directory, &env)?;
    let keys = Arc::new(ServiceAccountTokens::new(pki.service_account_key(), env.clone())?);
    let (service_cidr, pod_cidr) = ("10.0.0.0/24".into(), "10.64.0.0/16".into());
    let server = ApiServer::builder(Arc::new(MemoryStore::new(env.clone())), env.clone())
        .tokens(Arc::clone(&keys) as _)
        .network(Network { service_cidr, pod_cidr, ..Network::default() })
        .build();
    server.start().await?;
    keys.check_against(server.objects().clone());
    let _controllers = controllers(&server, &pki, &env)?;
    let authenticators = Authenticators::new()
        .with(Arc::new(ClientCertificates))
        .with(Arc::new(BootstrapTokens::new(server.objects().clone(), env)))
        .with(Arc::new(StaticTokens::new([(pki.admin_token().to_owned(), Pki::admin())])))
        .with(Arc::clone(&keys) as _);
    let tls = server_config(&pki, &[bind.ip().to_string()])?;
    let service = HttpService::with_keys(server, authenticators, Some(keys));
    let serving = serve(service, tls, bind).await?;
    println!("ready {}", serving.url());
    std::future::pending::<()>().await;
    serving.stop().await;
    Ok(())
}

/// All built-in controllers, calling the server directly.
fn controllers(
    server: &Arc<ApiServer>,
    pki: &Pki,
    env: &Env,
) -> Result<RunningManager, Box<dyn Error>> {
    let client = Client::direct(Arc::clone(server) as _, UserInfo::system("admin"), env.clone());
    let registry = server.registry().clone();
    let resources = Resources::new(move || {
        registry.defs().iter().map(|def| ServedResource::from(&**def)).collect()
    });
    let informers = Informers::new(client);
    let mut deps = ControllerDeps::new(informers.clone(), resources.clone());
    deps.config.root_ca = pki.ca_certificate().into();
    let authority = Authority::new(pki.ca_certificate(), pki.ca_key())?;
    deps.config.authority = Some(Arc::new(authority));
    let manager = Manager::new(informers, env.clone()).follow(resources);
    Ok(manager.add_all(builtin(&deps)).start())
}
