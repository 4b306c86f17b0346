//! What happens in a cluster that may help a waiting pod.

use super::node::NodeInfo;
use super::pod::PodInfo;
use crate::ObjectKey;

/// A change that may make room for a pod.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ClusterEvent<'a> {
    /// A node came.
    NodeAdded {
        /// The node.
        node: &'a NodeInfo,
    },
    /// A node changed.
    NodeChanged {
        /// Before.
        old: &'a NodeInfo,
        /// After.
        new: &'a NodeInfo,
    },
    /// A pod was bound to a node.
    PodBound {
        /// The pod.
        pod: &'a PodInfo,
    },
    /// A bound pod changed.
    PodChanged {
        /// Before.
        old: &'a PodInfo,
        /// After.
        new: &'a PodInfo,
    },
    /// A bound pod ended, went away, or lost the place assumed for it.
    PodRemoved {
        /// The pod.
        pod: &'a PodInfo,
    },
    /// The waiting pod itself changed.
    Updated {
        /// Before.
        old: &'a PodInfo,
    },
    /// An object about volumes changed.
    Storage {
        /// The kind, as in `PersistentVolumeClaim`.
        kind: &'a str,
        /// Which.
        key: &'a ObjectKey,
    },
    /// An object of another kind changed.
    Other {
        /// The kind, as in `Namespace`.
        kind: &'a str,
    },
}
