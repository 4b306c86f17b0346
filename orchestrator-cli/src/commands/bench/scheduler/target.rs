//! Where a workload runs: a cluster in this process, or one elsewhere.

use std::path::Path;
use std::sync::Arc;

use orchestrator::apiserver::ApiServer;
use orchestrator::client::{Client, Informers};
use orchestrator::core::{BoxError, Env, UserInfo};
use orchestrator::sched::run::Attempts;
use orchestrator::sched::{Configuration, Running, SchedulerLoop};
use orchestrator::store::MemoryStore;

use crate::commands::parts::client;

/// The steps of admission that need controllers, which are not part of what is measured.
const WITHOUT: [&str; 2] = ["ServiceAccount", "TaintNodesByCondition"];

/// An API server with a scheduler.
pub struct Target {
    pub client: Client,
    /// Whether somebody else's objects may be there, and ours must not stay.
    pub is_shared: bool,
    /// How long attempts took, where the scheduler is ours.
    pub attempts: Option<Attempts>,
    _scheduler: Option<Running>,
}

impl Target {
    /// An API server and a scheduler in this process, with nothing in them.
    pub async fn in_process(configuration: Option<&Configuration>) -> Result<Self, BoxError> {
        let env = Env::system();
        let store = Arc::new(MemoryStore::new(env.clone()));
        let api = ApiServer::builder(store, env.clone());
        let api = WITHOUT.iter().fold(api, |api, step| api.without_admission(step)).build();
        api.start().await?;
        let client = Client::direct(api, UserInfo::system("admin"), env);
        let attempts = Attempts::default();
        let schedulers = SchedulerLoop::new(Informers::new(client.clone()));
        let schedulers = schedulers.timing(attempts.clone());
        let running = match configuration {
            Some(configuration) => schedulers.configured(configuration.clone()).start(),
            None => schedulers.with_default().start(),
        };
        running.ready().await;
        Ok(Self { client, is_shared: false, attempts: Some(attempts), _scheduler: Some(running) })
    }

    /// The API server that `kubeconfig` names, with the scheduler that it has.
    pub fn remote(kubeconfig: &Path) -> Result<Self, BoxError> {
        let client = client(kubeconfig)?;
        Ok(Self { client, is_shared: true, attempts: None, _scheduler: None })
    }
}
