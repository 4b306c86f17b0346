//! Actions: what a plan wants done, as futures that a worker drives and may drop.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::{DeleteOptions, KindExt};
use orchestrator_core::Status;
use orchestrator_core::runtime::{
    ContainerId, ContainerOp, PodState, RuntimeError, RuntimeExt, SandboxConfig, SandboxId,
    SandboxOp,
};

use super::context::Context;
use super::sources::{self, Tokens};
use super::start::{StartError, Started};
use crate::isolation;
use crate::volume::VolumeError;

/// What became of an action.
#[derive(Debug)]
pub(super) enum Done {
    Volumes { tokens: Tokens, result: Result<(), String> },
    Sandbox(Result<SandboxId, RuntimeError>),
    Started { name: String, result: Result<Started, StartError> },
    Stopped { name: String, result: Result<(), RuntimeError> },
    Removed,
    SandboxStopped(Result<(), RuntimeError>),
    DeletionFinished(Result<(), Status>),
    Forgotten(Result<(), String>),
    GivenUp,
}

/// An action under way.
pub(super) type Job = BoxFuture<'static, Done>;

/// Makes the pod's volumes, or brings them up to date.
pub(super) fn volumes(context: Arc<Context>, pod: Arc<Pod>, tokens: Tokens) -> Job {
    async move {
        let mut tokens = tokens;
        let result = set_up(&context, &pod, &mut tokens).await;
        if let Err(why) = &result {
            context.warning(&pod, "", "FailedMount", why.clone());
        }
        Done::Volumes { tokens, result }
    }
    .boxed()
}

async fn set_up(context: &Context, pod: &Pod, tokens: &mut Tokens) -> Result<(), String> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    if volumes.is_empty() || !context.is_real() {
        return Ok(());
    }
    let material = sources::material(context, pod, tokens).await.map_err(|s| s.message)?;
    let directories = context.volumes(pod.uid());
    for volume in volumes {
        directories.set_up(pod, volume, &material).map_err(|error| {
            let cause = match &error {
                VolumeError::Io(source) => format!("{error}: {source}"),
                _ => error.to_string(),
            };
            format!("MountVolume.SetUp failed for volume {:?} : {cause}", volume.name)
        })?;
    }
    Ok(())
}

/// Runs the pod's sandbox.
pub(super) fn run_sandbox(context: Arc<Context>, pod: Arc<Pod>, attempt: u32) -> Job {
    async move {
        let spec = pod.spec.clone().unwrap_or_default();
        let mut config = SandboxConfig {
            uid: pod.uid().to_owned(),
            namespace: pod.namespace().to_owned(),
            name: pod.name().to_owned(),
            attempt,
            hostname: spec.hostname.unwrap_or_else(|| pod.name().to_owned()),
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            annotations: pod.metadata.annotations.clone().unwrap_or_default(),
            host_network: spec.host_network == Some(true),
            ..SandboxConfig::default()
        };
        if context.runtime.info().isolated {
            isolation::sandbox(&pod, &context.node, &mut config);
        }
        let made = context.runtime.run_sandbox(config).await;
        if let Err(error) = &made {
            let message = format!("Failed to create pod sandbox: {}", error.chain());
            context.warning(&pod, "", "FailedCreatePodSandBox", message);
        }
        Done::Sandbox(made)
    }
    .boxed()
}

/// Stops the pod's sandbox.
pub(super) fn stop_sandbox(context: Arc<Context>, id: SandboxId) -> Job {
    async move {
        Done::SandboxStopped(context.runtime.sandbox(SandboxOp::Stop(id)).await.map(drop))
    }
    .boxed()
}

/// Forgets one run of a container; if that fails, a later plan asks again.
pub(super) fn remove_container(context: Arc<Context>, id: ContainerId) -> Job {
    async move {
        let removed = context.runtime.container(ContainerOp::Remove(id.clone())).await;
        if let Err(error) = removed {
            tracing::warn!(container = %id, error = %error.chain(), "container not removed");
        }
        Done::Removed
    }
    .boxed()
}

/// Ends the API's deletion of the pod, which waited for its containers.
pub(super) fn finish_deletion(context: Arc<Context>, pod: Arc<Pod>) -> Job {
    async move {
        let options = DeleteOptions::uid(pod.uid()).grace(0);
        let deleted = context.pods().delete(&pod.key(), &options).await;
        Done::DeletionFinished(match deleted {
            // It is gone, or another one has its name: in both cases there is nothing to delete.
            Err(status) if status.is_not_found() || status.is_conflict() => Ok(()),
            other => other,
        })
    }
    .boxed()
}

/// Forgets all that the node has of the pod.
pub(super) fn forget(context: Arc<Context>, pod: Arc<Pod>, state: PodState) -> Job {
    async move {
        let removed = match state.sandbox {
            Some(sandbox) => {
                let removed = context.runtime.sandbox(SandboxOp::Remove(sandbox.id)).await;
                removed.map(drop).map_err(|error| error.chain())
            }
            None => Ok(()),
        };
        let volumes = || match context.is_real() {
            true => context.volumes(pod.uid()).remove().map_err(|error| error.to_string()),
            false => Ok(()),
        };
        Done::Forgotten(removed.and_then(|()| volumes()))
    }
    .boxed()
}

/// The pause before an action of the whole pod is tried again: it doubles with each failure.
pub(super) fn pause(failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(120);
    FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST)
}
