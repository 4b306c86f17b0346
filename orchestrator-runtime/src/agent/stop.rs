//! The stop of a container: hook, signal, grace.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod};
use orchestrator_core::runtime::{ContainerId, ContainerOp, PodState, RuntimeError};

use super::context::Context;
use super::start::target;
use crate::plan::StopReason;
use crate::probe::{Handler, Outcome};

/// What the process gets at least once the hook is over: the kubelet's least grace.
const AFTER_HOOK: Duration = Duration::from_secs(2);

/// One container to be stopped.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) context: Arc<Context>,
    pub(super) pod: Arc<Pod>,
    pub(super) container: Arc<Container>,
    pub(super) id: ContainerId,
    pub(super) grace: Duration,
    pub(super) why: StopReason,
    pub(super) state: PodState,
    /// Whether a stop with a longer grace was begun before this one.
    pub(super) again: bool,
}

impl Stop {
    /// Stops it; returns once it has ended.
    pub(super) async fn run(self) -> Result<(), RuntimeError> {
        if !self.again {
            let message = self.message();
            self.context.normal(&self.pod, &self.container.name, "Killing", message);
        }
        let began = self.context.env.instant();
        let mut grace = self.grace;
        if self.hook().await {
            grace = grace.saturating_sub(self.context.env.instant() - began).max(AFTER_HOOK);
        }
        let op = ContainerOp::Stop { container: self.id.clone(), grace };
        self.context.runtime.container(op).await.map(drop)
    }

    fn message(&self) -> String {
        let name = &self.container.name;
        match self.why {
            StopReason::PodEnds => format!("Stopping container {name}"),
            StopReason::Liveness => {
                format!("Container {name} failed liveness probe, will be restarted")
            }
            StopReason::Startup => {
                format!("Container {name} failed startup probe, will be restarted")
            }
            StopReason::PostStart => format!("FailedPostStartHook: stopping container {name}"),
        }
    }

    /// Runs the pre-stop hook, within the grace; tells whether there was one.
    async fn hook(&self) -> bool {
        let lifecycle = self.container.lifecycle.as_ref();
        let hook = lifecycle.and_then(|lifecycle| lifecycle.pre_stop.as_ref());
        let Some(handler) = hook.and_then(Handler::of_hook) else { return false };
        let simulated = !self.context.is_real() && !matches!(handler, Handler::Sleep(_));
        if self.grace.is_zero() || self.again || simulated {
            return false;
        }
        let target = target(&self.context, &self.container, &self.id, &self.state);
        let Some(target) = target else { return false };
        if let Outcome::Failure(_) | Outcome::Unknown(_) = target.ask(&handler, self.grace).await {
            let name = &self.container.name;
            self.context.warning(&self.pod, name, "FailedPreStopHook", "PreStopHook failed".into());
        }
        true
    }
}
