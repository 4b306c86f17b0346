//! The sums that the scores of resources share.

use orchestrator_core::scheduler::{NodeInfo, PodInfo};

/// How much a resource counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceWeight {
    /// The resource.
    pub name: String,
    /// Its weight.
    pub weight: i64,
}

impl ResourceWeight {
    /// A resource and its weight.
    pub fn new(name: impl Into<String>, weight: i64) -> Self {
        Self { name: name.into(), weight }
    }

    /// CPU and memory, which count the same.
    pub(crate) fn defaults() -> Vec<Self> {
        vec![Self::new("cpu", 1), Self::new("memory", 1)]
    }

    /// Whether it is CPU or memory, which every node has.
    pub(crate) fn is_column(&self) -> bool {
        matches!(self.name.as_str(), "cpu" | "memory")
    }

    /// Whether the resource is one that only few nodes have.
    fn is_extended(&self) -> bool {
        !matches!(self.name.as_str(), "cpu" | "memory" | "ephemeral-storage")
    }
}

/// What a node has of a resource, and what its pods take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// What pods may take; more than zero.
    pub allocatable: i64,
    /// What the pods there take.
    pub taken: i64,
    /// What the new pod would take.
    pub asked: i64,
}

impl Share {
    /// What would be taken with the new pod.
    pub fn with_pod(self) -> i64 {
        self.taken.saturating_add(self.asked)
    }
}

/// The shares of a node in the order of `resources`; `None` for a resource that the node does not
/// have, or that only few nodes have and the pod does not ask for.
pub(super) fn shares<'a>(
    resources: &'a [ResourceWeight],
    pod: &'a PodInfo,
    node: &'a NodeInfo,
    exact: bool,
) -> impl Iterator<Item = (&'a ResourceWeight, Share)> {
    let (asked, taken) = match exact {
        true => (&pod.requests, &node.requested),
        false => (&pod.scoring_requests, &node.scoring_requested),
    };
    resources.iter().filter_map(move |resource| {
        let name = resource.name.as_str();
        let share = Share {
            allocatable: node.allocatable.get(name),
            taken: taken.get(name),
            asked: asked.get(name),
        };
        let counts = share.allocatable > 0 && !(share.asked == 0 && resource.is_extended());
        counts.then_some((resource, share))
    })
}
