//! Planning many pods at once.
//!
//! A scheduler looks at one pod; a [`BatchPlanner`] sees all that wait, and may put a pod on its
//! second-best node so that another has room at all. Both are pure functions of pods and a
//! snapshot. [`OneByOne`] makes a planner of any scheduler; [`Solver`], behind the feature
//! `solver`, plans by integer programming. The [trace bench](crate::trace) compares planners with
//! schedulers and policies.

mod one_by_one;
#[cfg(feature = "solver")]
mod solver;
#[cfg(test)]
mod tests;

pub use one_by_one::{OneByOne, keep_feasible};
#[cfg(feature = "solver")]
pub use solver::Solver;

use std::fmt;
use std::sync::Arc;

use orchestrator_core::scheduler::{PodInfo, Snapshot};

/// Decides where many pods go, together.
///
/// # Contract
/// - **Pure.** [`plan`](Self::plan) reads its arguments only.
/// - **Whole.** The plan has an answer for each pod, in their order.
/// - **Feasible.** There is an order in which the pods can be put on their nodes so that each
///   node takes its pod when the pod's turn comes. [`keep_feasible`] makes a plan of wishes.
/// - **Total.** No pods and no snapshot make it panic, or take for ever.
pub trait BatchPlanner: fmt::Debug + Send + Sync + 'static {
    /// What people call it.
    fn name(&self) -> &str;

    /// Decides where `pods`, none of which is in the snapshot, go.
    fn plan(&self, pods: &[Arc<PodInfo>], snapshot: &Snapshot) -> BatchPlan;
}

/// Where many pods go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchPlan {
    /// The node of each pod, in the order of the pods; `None` for those that have to wait.
    pub nodes: Vec<Option<Arc<str>>>,
    /// Whether it is proven that no plan is better, by what the planner calls better.
    pub is_optimal: bool,
}

impl BatchPlan {
    /// A plan without proof.
    pub fn new(nodes: Vec<Option<Arc<str>>>) -> Self {
        Self { nodes, is_optimal: false }
    }

    /// How many pods have a node.
    pub fn placed(&self) -> usize {
        self.nodes.iter().flatten().count()
    }
}
