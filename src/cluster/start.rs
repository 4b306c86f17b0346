//! Bringing the parts up, each on what is there before it.

use std::sync::Arc;

use orchestrator_apiserver::ApiServer;
use orchestrator_apiserver::authn::ServiceAccountTokens;
use orchestrator_apiserver::http::HttpService;
use orchestrator_apiserver::tls::Pki;
use orchestrator_client::{Client, Informers};
use orchestrator_controllers::certificates::Authority;
use orchestrator_controllers::volume::DirectoryProvisioner;
use orchestrator_controllers::{
    ControllerDeps, Manager, Resources, RunningManager, ServedResource,
};
use orchestrator_core::{Store, UserInfo};
use orchestrator_runtime::agent::NodeTable;
use orchestrator_sched::{Running, SchedulerLoop};
use orchestrator_store::compactor;

use super::builder::{Builder, ControllerFactory};
use super::dial::Dialer;
use super::nodes::RunningNodes;
use super::{Cluster, Part, StartError};

/// What stands for the authority's certificate in a plane whose history depends on nothing but its
/// seed.
const SIMULATED_CA: &str = "# a plane in virtual time trusts itself\n";

pub(super) async fn start(mut builder: Builder) -> Result<Cluster, StartError> {
    let env = builder.env.clone();
    let opened = std::mem::take(&mut builder.engine).open(&env).await?;
    let store = opened.store;
    let pki = Arc::new(match &builder.data_dir {
        Some(directory) => Pki::in_directory(directory, &env)?,
        None => Pki::in_memory(&env)?,
    });
    let tokens = ServiceAccountTokens::new(pki.service_account_key(), env.clone());
    let tokens = Arc::new(tokens.expect("the key was made for this"));
    let table = Arc::new(NodeTable::default());
    let dialer = Dialer::new(
        Arc::clone(&table),
        Arc::clone(&pki),
        builder.kubelet_authority.take(),
        env.clone(),
    );
    let api = api(&mut builder, &store, &tokens, dialer)?;
    tokens.check_against(api.objects().clone());
    api.start().await.map_err(StartError::Bootstrap)?;

    let known = builder.access.authenticators(&api, &tokens, &pki).map_err(StartError::Access)?;
    let http = HttpService::with_keys(Arc::clone(&api), known, Some(tokens));
    let client = Client::direct(Arc::clone(&api) as _, UserInfo::system("admin"), env.clone());
    let informers = Informers::new(client);
    let has = |part| builder.parts.contains(&part);
    let factories = std::mem::take(&mut builder.controllers);
    let controllers = (has(Part::Controllers) || !factories.is_empty())
        .then(|| controllers(&builder, factories, &api, &informers, &pki));
    let with_scheduler = has(Part::Scheduler);
    let specs = if has(Part::Nodes) { std::mem::take(&mut builder.nodes) } else { Vec::new() };
    let scheduler = with_scheduler.then(|| scheduler(&mut builder, &informers));
    let interval = builder.compaction.or(opened.compaction);
    let compactor =
        interval.map(|interval| compactor::run(Arc::clone(&store), env.clone(), interval));
    let nodes = RunningNodes::start(specs, &informers, &table, &builder.network).await?;
    Ok(Cluster {
        data_dir: builder.data_dir,
        nodes,
        scheduler,
        controllers,
        informers,
        http,
        client_authorities: builder.access.authorities().to_owned(),
        api,
        pki,
        _compactor: compactor,
        store,
        memory: opened.memory,
        operator: opened.operator,
        closing: opened.closing,
        env,
        network: builder.network,
    })
}

fn api(
    builder: &mut Builder,
    store: &Arc<dyn Store>,
    tokens: &Arc<ServiceAccountTokens>,
    dialer: Dialer,
) -> Result<Arc<ApiServer>, StartError> {
    let mut api = ApiServer::builder(Arc::clone(store), builder.env.clone())
        .network(builder.network.clone())
        .tokens(Arc::clone(tokens) as _)
        .nodes(Arc::new(dialer));
    for def in builder.resources.drain(..) {
        api = api.resource(def);
    }
    for step in builder.admission.drain(..) {
        api = api.admission(step);
    }
    if let Some(authorizer) = builder.authorizer.take() {
        api = api.authorizer(authorizer);
    }
    if let Some(webhook) = builder.access.authorizer(&builder.env).map_err(StartError::Access)? {
        api = api.authorizer_too(Arc::new(webhook));
    }
    Ok(api.build())
}

fn controllers(
    builder: &Builder,
    factories: Vec<ControllerFactory>,
    api: &Arc<ApiServer>,
    informers: &Informers,
    pki: &Pki,
) -> RunningManager {
    let registry = api.registry().clone();
    let resources = Resources::new(move || {
        registry.defs().iter().map(|def| ServedResource::from(&**def)).collect()
    });
    let mut deps = ControllerDeps::new(informers.clone(), resources.clone());
    deps.config.root_ca = match builder.env.is_simulated() {
        // Keys are never the same twice, and what is stored must be.
        true => SIMULATED_CA.to_owned(),
        false => pki.ca_certificate().to_owned(),
    };
    deps.config.pod_cidr = builder.network.pod_cidr.clone();
    deps.config.authority = match Authority::new(pki.ca_certificate(), pki.ca_key()) {
        Ok(authority) => Some(Arc::new(authority)),
        Err(error) => {
            tracing::warn!(%error, "no certificates are signed on request");
            None
        }
    };
    deps.config.provisioners.clone_from(&builder.provisioners);
    let volumes = match &builder.data_dir {
        _ if builder.env.is_simulated() => Some(DirectoryProvisioner::simulated()),
        Some(directory) => Some(DirectoryProvisioner::new(directory.join("volumes"))),
        None => None,
    };
    deps.config.provisioners.extend(volumes.map(|volumes| Arc::new(volumes) as _));
    let mut manager = Manager::new(informers.clone(), builder.env.clone()).follow(resources);
    if builder.parts.contains(&Part::Controllers) {
        manager = manager.add_all(orchestrator_controllers::builtin(&deps));
    }
    manager.add_all(factories.into_iter().map(|make| make(&deps))).start()
}

fn scheduler(builder: &mut Builder, informers: &Informers) -> Running {
    let mut schedulers = SchedulerLoop::new(informers.clone());
    if builder.default_scheduler {
        schedulers = schedulers.with_default();
    }
    for framework in builder.schedulers.drain(..) {
        schedulers = schedulers.with_framework(framework);
    }
    schedulers.start()
}
