//! What is found out about a pod when it arrives, so that its decision need not.

use std::sync::Arc;

use orchestrator_core::scheduler::PodInfo;

use super::class::{Class, Epochs};
use super::exact::Exact;
use super::kept::Place;
use super::kinds::KnownKind;

/// What the core knows of a waiting pod; kept beside the pod as long as that is the same object.
///
/// A ticket is a hint. Whatever it points to may have been forgotten since, and is then found
/// again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticket(pub(super) Option<Admitted>);

/// A pod that has been looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted {
    /// The scheduler that has looked.
    pub profile: usize,
    pub way: Way,
    pub kind: Option<KnownKind>,
    /// Whether the pod is on its way out.
    pub leaves: bool,
}

/// How a pod is decided about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// By the framework.
    Unknown,
    /// It names its nodes, as those of a DaemonSet do, so it is like no other.
    Named,
    /// By what its plugins read.
    Usual(Usual),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    pub hash: u64,
    /// The place of its plan.
    pub plan: usize,
    /// Where the answers by nodes' objects are.
    pub statics: Place,
    /// Its sort; `None` for the first of its sort.
    pub sort: Option<Place>,
    /// Where the pod wants nothing of the pods around it, as of when, and its amounts say
    /// everything else.
    pub alone: Option<(Epochs, Exact)>,
}

/// Pods that are alike.
#[derive(Debug)]
pub(super) struct Sort {
    pub pod: Arc<PodInfo>,
    pub plan: usize,
    pub statics: Place,
    /// Made when the first of them is decided about.
    pub class: Option<Box<Class>>,
    pub kind: Option<KnownKind>,
}
