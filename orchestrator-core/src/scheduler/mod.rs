//! The scheduler: where a pod goes, as a pure function of the cluster's state.
//!
//! A [`Snapshot`] is the cluster as one decision sees it; a [`Decision`] names the best nodes or
//! says, node by node, why there is none. Whoever runs a [`Scheduler`] keeps the snapshot up to
//! date, picks one of the best nodes, assumes the pod there and binds it; the scheduler itself
//! holds no state and does no I/O, so it can be tried on a cluster that does not exist.

mod affinity;
mod decision;
mod event;
mod group;
mod node;
mod pod;
mod resources;
mod snapshot;
pub mod storage;

pub use affinity::{AffinityTerm, PodAffinity};
pub use decision::{Decision, Nomination, Placement, Rejection, Scores};
pub use event::ClusterEvent;
pub use group::PodGroup;
pub use node::NodeInfo;
pub use pod::{HostPort, PodId, PodInfo};
pub use resources::{Amounts, Resources};
pub use snapshot::Snapshot;
pub use storage::Storage;

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

/// Decides where pods go.
///
/// # Contract
/// - **Pure.** [`schedule`](Self::schedule) reads its arguments only: the same pod and snapshot
///   give the same decision, whatever was decided before.
/// - **Whole.** A decision to bind names every node that is as good as the best; the caller
///   takes any of them. The node of a decision is in the snapshot.
/// - **Explained.** A decision not to bind counts the nodes by reason.
/// - **Total.** No pod and no snapshot makes it panic; what it does not understand it rejects.
pub trait Scheduler: fmt::Debug + Send + Sync + 'static {
    /// The `spec.schedulerName` of the pods it decides on.
    fn name(&self) -> &str;

    /// Decides where `pod` goes.
    fn schedule(&self, pod: &PodInfo, snapshot: &Snapshot) -> Decision;

    /// Why `pod` may not be tried yet; `None` where it may.
    fn gate(&self, pod: &PodInfo) -> Option<String> {
        let _ = pod;
        None
    }

    /// Which of two waiting pods is tried first: [`Less`](Ordering::Less) for `a`.
    ///
    /// By priority, then by the time of queueing, unless overridden.
    fn order(&self, a: &Waiting<'_>, b: &Waiting<'_>) -> Ordering {
        b.pod.priority.cmp(&a.pod.priority).then(a.since.cmp(&b.since))
    }

    /// Whether `event` may make room for a pod that was rejected by the parts in `rejection`.
    ///
    /// A wrong yes costs an attempt; a wrong no leaves the pod waiting.
    fn helped_by(&self, pod: &PodInfo, rejection: &Rejection, event: &ClusterEvent<'_>) -> bool {
        let _ = (pod, rejection, event);
        true
    }
}

/// A pod that waits for its turn.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// The pod.
    pub pod: &'a PodInfo,
    /// When it came to wait, on the monotonic clock of whoever runs the scheduler.
    pub since: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn _dyn_compatible(_: &dyn Scheduler) {}
}
