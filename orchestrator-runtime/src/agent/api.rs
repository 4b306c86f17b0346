//! What the API server asks of the node: logs, exec, attach, port-forward.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;
use orchestrator_core::node::{
    Connection, ExecOptions, ExecSession, LogOptions, NodeApi, PortForwarder,
};
use orchestrator_core::resource::GroupResource;
use orchestrator_core::runtime::{
    ContainerId, PodState, Runtime, RuntimeError, RuntimeExt, SandboxId,
};
use orchestrator_core::{ObjectKey, Status};

use super::context::Context;
use super::pods::Pods;
use crate::plan::{NodeFacts, members};

/// The node's API, which holds the node no longer than its agent does.
pub(super) fn node_api(pods: &Arc<Pods>) -> Arc<dyn NodeApi> {
    Arc::new(Api { name: pods.context().node.name.clone(), pods: Arc::downgrade(pods) })
}

struct Api {
    name: String,
    pods: Weak<Pods>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeApi").field("node", &self.name).finish_non_exhaustive()
    }
}

/// A pod that somebody asks about.
struct Found {
    context: Arc<Context>,
    pod: Arc<Pod>,
    state: PodState,
}

impl Api {
    async fn find(&self, key: &ObjectKey) -> Result<Found, Status> {
        let gone = || Status::unavailable(format!("node {:?} has stopped", self.name));
        let pods = self.pods.upgrade().ok_or_else(gone)?;
        let missing = || Status::not_found(&GroupResource::new("", "pods"), &key.name);
        let pod = pods.find(key).ok_or_else(missing)?;
        let context = Arc::clone(pods.context());
        let state = context.runtime.pod(pod.uid()).await.map_err(|e| failed(&e))?;
        Ok(Found { context, pod, state })
    }
}

impl Found {
    /// The container that is meant: the one named, or the only one.
    fn container(&self, named: &str) -> Result<String, Status> {
        let pod = self.pod.name();
        if named.is_empty() {
            let containers = self.pod.spec.as_ref().map(|spec| spec.containers.as_slice());
            return match containers.unwrap_or_default() {
                [only] => Ok(only.name.clone()),
                _ => Err(Status::bad_request(format!(
                    "a container name must be specified for pod {pod}"
                ))),
            };
        }
        if members(&self.pod).any(|member| member.name() == named) {
            return Ok(named.to_owned());
        }
        Err(Status::bad_request(format!("container {named} is not valid for pod {pod}")))
    }

    /// The run whose log is meant.
    fn logged(&self, name: &str, previous: bool) -> Result<ContainerId, Status> {
        let pod = self.pod.name();
        let newest = self.state.newest(name);
        if previous {
            let before = newest.and_then(|newest| self.state.before(name, newest.attempt));
            // The newest run is the previous one while the container waits for its next.
            let crashed = newest.filter(|newest| newest.exit().is_some() && self.waits(name));
            return crashed.or(before).map(|run| run.id.clone()).ok_or_else(|| {
                Status::bad_request(format!(
                    "previous terminated container {name:?} in pod {pod:?} not found"
                ))
            });
        }
        newest.map(|run| run.id.clone()).ok_or_else(|| {
            let why = self.waiting(name);
            let message = format!("container {name:?} in pod {pod:?} is waiting to start: {why}");
            Status::bad_request(message)
        })
    }

    fn reported_waiting(&self, name: &str) -> Option<String> {
        let status = self.pod.status.as_ref()?;
        let init = status.init_container_statuses.as_deref().unwrap_or_default();
        let app = status.container_statuses.as_deref().unwrap_or_default();
        let reported = init.iter().chain(app).find(|reported| reported.name == name)?;
        reported.state.as_ref()?.waiting.as_ref()?.reason.clone()
    }

    fn waits(&self, name: &str) -> bool {
        self.reported_waiting(name).is_some()
    }

    fn waiting(&self, name: &str) -> String {
        let facts: &NodeFacts = &self.context.facts;
        tracing::debug!(runtime = facts.runtime, container = name, "no log yet");
        self.reported_waiting(name).unwrap_or_else(|| "ContainerCreating".into())
    }

    /// The run that runs.
    fn running(&self, name: &str) -> Result<ContainerId, Status> {
        let newest = self.state.newest(name).filter(|run| run.is_running());
        newest.map(|run| run.id.clone()).ok_or_else(|| {
            Status::internal(format!(
                "unable to upgrade connection: container not found ({name:?})"
            ))
        })
    }
}

fn failed(error: &RuntimeError) -> Status {
    match error {
        RuntimeError::NotFound(what) => Status::new(404, "NotFound", format!("{what} not found")),
        RuntimeError::Unsupported(_) => Status::not_implemented(error),
        RuntimeError::Unavailable(_) => Status::unavailable(error.chain()),
        _ => Status::internal(error.chain()),
    }
}

#[async_trait]
impl NodeApi for Api {
    async fn logs(
        &self,
        pod: &ObjectKey,
        mut options: LogOptions,
    ) -> Result<BoxStream<'static, Bytes>, Status> {
        let found = self.find(pod).await?;
        let name = found.container(&options.container)?;
        let run = found.logged(&name, options.previous)?;
        if let Some(seconds) = options.since_seconds {
            let span = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
            options.since_time = found.context.env.now().checked_sub(span).ok();
        }
        found.context.runtime.logs(run, options).await.map_err(|error| failed(&error))
    }

    async fn exec(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status> {
        let found = self.find(pod).await?;
        let run = found.running(&found.container(&options.container)?)?;
        if options.command.is_empty() {
            return Err(Status::bad_request("you must specify at least 1 command"));
        }
        found.context.runtime.session(run, options).await.map_err(|error| failed(&error))
    }

    async fn attach(&self, pod: &ObjectKey, options: ExecOptions) -> Result<ExecSession, Status> {
        let found = self.find(pod).await?;
        let run = found.running(&found.container(&options.container)?)?;
        let options = ExecOptions { command: Vec::new(), ..options };
        found.context.runtime.session(run, options).await.map_err(|error| failed(&error))
    }

    async fn port_forward(&self, pod: &ObjectKey) -> Result<Arc<dyn PortForwarder>, Status> {
        let found = self.find(pod).await?;
        let sandbox = found.state.sandbox.filter(|sandbox| sandbox.ready);
        let sandbox = sandbox.ok_or_else(|| {
            Status::bad_request(format!("pod {:?} is not running", found.pod.name()))
        })?;
        let runtime = Arc::clone(&found.context.runtime);
        Ok(Arc::new(Ports { runtime, sandbox: sandbox.id }))
    }
}

/// The ports of one sandbox.
#[derive(Debug)]
struct Ports {
    runtime: Arc<dyn Runtime>,
    sandbox: SandboxId,
}

#[async_trait]
impl PortForwarder for Ports {
    async fn connect(&self, port: u16) -> std::io::Result<Box<dyn Connection>> {
        let connected = self.runtime.connect(self.sandbox.clone(), port).await;
        connected.map_err(|error| std::io::Error::other(error.chain()))
    }
}
