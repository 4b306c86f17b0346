//! `orchestrator scheduler`: schedulers against any API server, and against recordings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orchestrator::client::Informers;
use orchestrator::core::BoxError;
use orchestrator::sched::config::Registry;
use orchestrator::sched::recorded::Recordings;
use orchestrator::sched::{Configuration, SchedulerLoop};

use super::parts::client;
use super::termination;
use crate::UsageError;
use crate::args::{Scheduler, SchedulerCommand};

/// The configuration that recordings have beside them.
const BESIDE: &str = "scheduler-config.json";

/// The smallest configuration: the default scheduler.
const DEFAULT: &str =
    "{apiVersion: kubescheduler.config.k8s.io/v1, kind: KubeSchedulerConfiguration}";

pub async fn run(scheduler: Scheduler) -> Result<(), BoxError> {
    match (scheduler.command, scheduler.kubeconfig) {
        (Some(SchedulerCommand::Check { files, config }), _) => check(&files, config.as_deref()),
        (None, Some(kubeconfig)) => serve(&kubeconfig, scheduler.config.as_deref()).await,
        (None, None) => Err(UsageError("--kubeconfig is missing".into()).into()),
    }
}

async fn serve(kubeconfig: &Path, config: Option<&Path>) -> Result<(), BoxError> {
    let configuration = read(config)?;
    let client = client(kubeconfig)?.with_agent("kube-scheduler");
    let informers = Informers::new(client);
    let schedulers = SchedulerLoop::new(informers.clone()).configured(configuration);
    let running = schedulers.start();
    informers.synced().await;
    println!("ready scheduler");
    termination().await;
    drop(running);
    Ok(())
}

/// Compares, tells each difference, and ends with the line that counts them.
fn check(files: &[PathBuf], config: Option<&Path>) -> Result<(), BoxError> {
    let given = config.map(|path| read(Some(path))).transpose()?;
    let mut configurations: BTreeMap<PathBuf, Recordings> = BTreeMap::new();
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let beside = file.with_file_name(BESIDE);
        let recordings = match configurations.get(&beside) {
            Some(recordings) => recordings,
            None => {
                let configuration = match &given {
                    Some(given) => given.clone(),
                    None => read(beside.exists().then_some(&*beside))?,
                };
                configurations.entry(beside).or_insert(Recordings::new(&configuration))
            }
        };
        let report = recordings
            .check(file)
            .map_err(|why| UsageError(format!("{}: {why}", file.display()).into()))?;
        for failure in &report.failures {
            println!("{}:{} {}: {}", file.display(), failure.line, failure.id, failure.why);
        }
        passed += report.passed;
        failed += report.failures.len();
    }
    println!("{passed} passed, {failed} failed");
    match failed {
        0 => Ok(()),
        _ => Err("some recordings do not agree".into()),
    }
}

/// The configuration in a file, or the default one.
pub fn read(config: Option<&Path>) -> Result<Configuration, BoxError> {
    let configuration = match config {
        Some(path) => Configuration::read(path),
        None => Configuration::parse(DEFAULT, &Registry::default()),
    };
    configuration.map_err(|why| {
        let at = config.map_or_else(String::new, |path| format!("{}: ", path.display()));
        let source = std::error::Error::source(&why).map(|s| format!(": {s}")).unwrap_or_default();
        UsageError(format!("{at}{why}{source}").into()).into()
    })
}
