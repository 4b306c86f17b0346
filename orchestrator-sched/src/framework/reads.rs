//! What a plugin's answer depends on, as it declares itself.
//!
//! Pods that are alike in everything that plugins may read of them form a class, and what a
//! plugin said about a node is kept until something changes that it reads. Of the pod, a plugin
//! that declares anything may read: namespace, labels, priority, owner, what it asks for, ports,
//! images, node name and selector, affinity, tolerations, spread constraints, and the
//! annotations that [`Plugin::annotations`](super::Plugin::annotations) names.

use std::fmt;

use orchestrator_core::scheduler::{NodeInfo, PodInfo};

use crate::plugins::{
    InterPodAffinity, NodeResourcesBalancedAllocation, NodeResourcesFit, PodTopologySpread,
};

/// What an answer about a node depends on, beside the pod.
#[derive(Clone, Copy, Debug)]
pub struct Reads<'a>(pub(crate) What<'a>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'a> {
    Nothing,
    Anything,
    Node,
    NodeAndPods,
    Block(&'a dyn BlockScore),
    BuiltIn(BuiltIn<'a>),
}

/// The plugins that the fast core has an own implementation of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BuiltIn<'a> {
    Fit(&'a NodeResourcesFit),
    Balanced(&'a NodeResourcesBalancedAllocation),
    Spread(&'a PodTopologySpread),
    Near(&'a InterPodAffinity),
    /// How many nodes have the pod's images.
    Images,
    /// It reads the node's object, and of the pod no more than its spec without the requests.
    Object,
}

impl<'a> Reads<'a> {
    /// Anything: the plugin is asked afresh for every pod.
    pub fn anything() -> Self {
        Self(What::Anything)
    }

    /// Nothing: the plugin has nothing to say about this pod, whatever the cluster is like.
    pub fn nothing() -> Self {
        Self(What::Nothing)
    }

    /// The node's object: the plugin is asked again when that changes.
    pub fn node() -> Self {
        Self(What::Node)
    }

    /// The node's object and the pods on it, but nothing of other nodes.
    pub fn node_and_pods() -> Self {
        Self(What::NodeAndPods)
    }

    /// The amounts of the node, which are given for many nodes at a time.
    pub fn block(plugin: &'a dyn BlockScore) -> Self {
        Self(What::Block(plugin))
    }

    pub(crate) fn built_in(plugin: BuiltIn<'a>) -> Self {
        Self(What::BuiltIn(plugin))
    }
}

/// How a plugin at PostFilter comes to its remedy.
#[derive(Clone, Copy, Debug)]
pub struct Acts(pub(crate) How);

#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    Somehow,
    /// It has these words for every pod that was rejected node by node.
    Says(&'static str),
    /// Pods of lower priority leave.
    Preempts,
}

impl Acts {
    /// Nothing is known of it.
    pub fn somehow() -> Self {
        Self(How::Somehow)
    }
}

/// Some nodes: one entry per node in each of the slices, which are of equal length.
///
/// CPU is in thousandths, memory and storage are in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Block<'a> {
    /// CPU that pods may take in all.
    pub cpu_allocatable: &'a [i64],
    /// CPU that the pods ask for.
    pub cpu_requested: &'a [i64],
    /// Memory that pods may take in all.
    pub memory_allocatable: &'a [i64],
    /// Memory that the pods ask for.
    pub memory_requested: &'a [i64],
    /// Local storage that pods may take in all.
    pub storage_allocatable: &'a [i64],
    /// Local storage that the pods ask for.
    pub storage_requested: &'a [i64],
    /// How many pods the node takes.
    pub pods_allocatable: &'a [i64],
    /// How many pods there are.
    pub pods: &'a [i64],
}

impl Block<'_> {
    /// Calls `with` with the block of one node.
    pub fn with_node<T>(node: &NodeInfo, with: impl FnOnce(&Block<'_>) -> T) -> T {
        let (has, taken) = (&node.allocatable, &node.requested);
        with(&Block {
            cpu_allocatable: &[has.cpu_milli],
            cpu_requested: &[taken.cpu_milli],
            memory_allocatable: &[has.memory],
            memory_requested: &[taken.memory],
            storage_allocatable: &[has.ephemeral_storage],
            storage_requested: &[taken.ephemeral_storage],
            pods_allocatable: &[has.pods],
            pods: &[taken.pods],
        })
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.cpu_allocatable.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cpu_allocatable.is_empty()
    }
}

/// Scores many nodes at a time: a plain loop over slices, which the compiler turns into vectors,
/// within [`widest`](super::widest) into the widest of the processor.
pub trait BlockScore: fmt::Debug + Send + Sync {
    /// Writes a score within `0..=MAX_SCORE` for each node of the block.
    fn score_block(&self, pod: &PodInfo, nodes: &Block<'_>, scores: &mut [i64]);
}
