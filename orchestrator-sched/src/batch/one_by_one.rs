//! The plan of a scheduler that takes one pod after the other.

use std::sync::Arc;

use orchestrator_core::scheduler::{Decision, PodInfo, Scheduler, Snapshot};

use super::{BatchPlan, BatchPlanner};

/// Plans by a scheduler: the most important pods first, each on the first of its best nodes.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use orchestrator_core::scheduler::{PodInfo, Snapshot};
/// use orchestrator_sched::batch::{BatchPlanner, OneByOne};
/// use orchestrator_sched::plugins;
/// let planner = OneByOne::new(Arc::new(plugins::defaults("my-scheduler").build()?));
/// let pod = Arc::new(PodInfo::new(Arc::default()));
/// assert_eq!(planner.plan(&[pod], &Snapshot::default()).placed(), 0);
/// # Ok::<(), orchestrator_sched::framework::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct OneByOne {
    scheduler: Arc<dyn Scheduler>,
}

impl OneByOne {
    /// The decisions are those of `scheduler`.
    pub fn new(scheduler: Arc<dyn Scheduler>) -> Self {
        Self { scheduler }
    }
}

impl BatchPlanner for OneByOne {
    fn name(&self) -> &str {
        self.scheduler.name()
    }

    fn plan(&self, pods: &[Arc<PodInfo>], snapshot: &Snapshot) -> BatchPlan {
        let wishes = vec![None; pods.len()];
        BatchPlan::new(keep_feasible(&*self.scheduler, pods, &wishes, snapshot))
    }
}

/// Makes a plan of wishes: each pod gets the node that is wished for it where `scheduler` allows
/// that once the pods before it are in place; then those that got none get the first of the
/// best nodes that are left to them. The most important pods come first, those that are as
/// important in their order.
pub fn keep_feasible(
    scheduler: &dyn Scheduler,
    pods: &[Arc<PodInfo>],
    wishes: &[Option<Arc<str>>],
    snapshot: &Snapshot,
) -> Vec<Option<Arc<str>>> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(pods[*index].priority));
    let mut snapshot = snapshot.clone();
    let mut nodes = vec![None; pods.len()];
    for index in order.iter().copied() {
        let Some(wish) = wishes.get(index).and_then(Option::as_ref) else { continue };
        if let Decision::Bind(placement) = scheduler.schedule(&pods[index], &snapshot)
            && placement.feasible.contains(wish)
        {
            snapshot.assume(Arc::clone(&pods[index]), wish);
            nodes[index] = Some(Arc::clone(wish));
        }
    }
    for index in order {
        if nodes[index].is_none()
            && let Decision::Bind(placement) = scheduler.schedule(&pods[index], &snapshot)
            && let Some(node) = placement.best.first()
        {
            snapshot.assume(Arc::clone(&pods[index]), node);
            nodes[index] = Some(Arc::clone(node));
        }
    }
    nodes
}
