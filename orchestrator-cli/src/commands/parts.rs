//! `orchestrator controllers`: the controllers against any API server.

use std::path::Path;

use orchestrator::client::remote::{DiscoveryError, discover};
use orchestrator::client::{Client, Informers, RemoteConfig};
use orchestrator::controllers::leader::{Elector, Timing};
use orchestrator::controllers::{ControllerDeps, Manager, Resources, ServedResource};
use orchestrator::core::{BoxError, Env, ObjectKey, Status};
use orchestrator::runtime::agent::host_name;

use super::termination;
use crate::UsageError;
use crate::args::Remote;

/// A client of the server that `kubeconfig` names.
pub fn client(kubeconfig: &Path) -> Result<Client, BoxError> {
    let config = RemoteConfig::from_kubeconfig(kubeconfig).map_err(|e| UsageError(e.into()))?;
    Ok(Client::remote(config, Env::system()).map_err(|e| UsageError(e.into()))?)
}

/// What the server serves now.
async fn served(config: RemoteConfig) -> Result<Vec<ServedResource>, DiscoveryError> {
    let found = discover(config, Env::system()).await?;
    let served = found.into_iter().map(|found| ServedResource {
        gvr: found.gvr,
        kind: found.kind,
        namespaced: found.namespaced,
        verbs: found.verbs,
    });
    Ok(served.collect())
}

pub async fn controllers(remote: Remote) -> Result<(), BoxError> {
    let client = client(&remote.kubeconfig)?.with_agent("kube-controller-manager");
    let config = RemoteConfig::from_kubeconfig(&remote.kubeconfig)?;
    let root_ca = config.ca_pem.clone().unwrap_or_default();
    let resources = Resources::discovered(served(config.clone()).await?, move || {
        let config = config.clone();
        async move { served(config).await.map_err(Status::internal) }
    });
    let informers = Informers::new(client.clone());
    let mut deps = ControllerDeps::new(informers.clone(), resources.clone());
    deps.config.root_ca = String::from_utf8(root_ca)?;
    let identity = format!("{}_{}", host_name(), client.env().uid());
    let lease = ObjectKey::new("kube-system", "kube-controller-manager");
    let running = Manager::new(informers.clone(), client.env().clone())
        .follow(resources)
        .add_all(orchestrator::controllers::builtin(&deps))
        .leader_election(Elector::new(&client, lease, identity, Timing::default()))
        .start();
    println!("ready controllers");
    termination().await;
    running.stop().await;
    Ok(())
}
