//! GangScheduling: the pods of a group are bound when enough of them can be, or none is.
//!
//! A pod names its group in `spec.schedulingGroup.podGroupName`; the [`PodGroup`] says how many
//! must be placed together (`spec.schedulingPolicy.gang.minCount`). Three things make a gang:
//!
//! - **PreEnqueue** holds the pods back until the group and that many pods of it exist;
//! - the [engine](crate::engine) tries all pods of a gang in one go, with nothing between, and
//!   takes back what it has assumed where too few fit. So no gang ever holds room while it waits
//!   for more, and two gangs cannot block each other;
//! - **Permit** lets none be bound before enough have reserved what they need, and **Unreserve** of
//!   one sends those back that wait. A gang that waits for too long is sent back as well.
//!
//! Kubernetes 1.36 has the kind behind a feature gate, so it is served only where
//! [`definition`] is added to the API server's resources, and this plugin is in no default profile.

mod gangs;
mod pod_group;

pub use gangs::{Gangs, Wanted};
pub use pod_group::{GangPolicy, PodGroup, PodGroupSpec, SchedulingPolicy, definition};

use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::scheduler::PodInfo;

use crate::framework::{GatePlugin, Permit, PermitPlugin, Plugin, Points, Refusal, ReservePlugin};

/// How long pods wait for the rest of their gang to reserve what they need: upstream's.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The name, which rejections of whole gangs carry too.
pub const NAME: &str = "GangScheduling";

/// Binds enough pods of a group, or none.
#[derive(Clone, Debug)]
pub struct GangScheduling {
    gangs: Gangs,
    timeout: Duration,
}

impl Default for GangScheduling {
    fn default() -> Self {
        Self::with_timeout(TIMEOUT)
    }
}

impl GangScheduling {
    /// Pods wait this long for the rest of their gang, once all have a node.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self { gangs: Gangs::default(), timeout }
    }
}

impl Plugin for GangScheduling {
    fn name(&self) -> &'static str {
        NAME
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.gangs(self.gangs.clone());
        points.gate(self.clone()).reserve(self.clone()).permit(self);
    }
}

impl GatePlugin for GangScheduling {
    fn gate(&self, pod: &PodInfo) -> Option<String> {
        self.gangs.hold(pod)
    }
}

impl ReservePlugin for GangScheduling {
    fn reserve(&self, pod: &PodInfo, _node: &str) -> Result<(), Refusal> {
        self.gangs.reserve(pod);
        Ok(())
    }

    fn unreserve(&self, pod: &PodInfo, _node: &str) {
        self.gangs.unreserve(pod);
    }
}

impl PermitPlugin for GangScheduling {
    fn permit(&self, pod: &PodInfo, _node: &str) -> Permit {
        match self.gangs.wait(pod) {
            None => Permit::Allow,
            Some(answer) => Permit::Wait(answer, self.timeout),
        }
    }
}

#[cfg(test)]
mod tests;
