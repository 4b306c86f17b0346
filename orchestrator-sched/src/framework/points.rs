//! The extension points: one trait each.
//!
//! A plugin that looks at nodes is asked once per pod and answers with a closure that is called
//! per node. What upstream keeps in a shared cycle state is here what the closure has captured,
//! so it has a type and costs nothing to read. Plugins hold no state that changes.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use orchestrator_client::Client;
use orchestrator_core::scheduler::{
    ClusterEvent, NodeInfo, Nomination, PodInfo, Rejection, Snapshot, Waiting,
};

use super::{Acts, Block, BlockScore, Framework, Points, Reads};

/// A named set of extensions.
///
/// It implements the traits of the points where it wants a say, and puts itself there in
/// [`extend`](Self::extend).
pub trait Plugin: fmt::Debug + Send + Sync + 'static {
    /// The name, unique within a framework.
    fn name(&self) -> &'static str;

    /// Puts the plugin at the extension points that it implements.
    fn extend(self: Arc<Self>, points: &mut Points);

    /// The annotations of pods that the plugin reads: pods are alike only if these are.
    fn annotations(&self) -> &[&'static str] {
        &[]
    }
}

/// What a plugin sees of one attempt to place a pod.
#[derive(Clone, Copy, Debug)]
pub struct Cycle<'a> {
    /// The pod.
    pub pod: &'a PodInfo,
    /// The cluster.
    pub snapshot: &'a Snapshot,
}

/// Whether a pod may be tried at all.
pub trait GatePlugin: Plugin {
    /// Why `pod` may not be tried yet; `None` where it may.
    fn gate(&self, pod: &PodInfo) -> Option<String>;
}

/// The order of the queue. A framework has one.
pub trait QueueSortPlugin: Plugin {
    /// Which of two waiting pods is tried first: `Less` for `a`.
    fn order(&self, a: &Waiting<'_>, b: &Waiting<'_>) -> Ordering;
}

/// Which nodes can take a pod: upstream's PreFilter and Filter.
pub trait FilterPlugin: Plugin {
    /// Looks at the pod and the cluster once and says how nodes are judged.
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a>;

    /// What the verdict on a node depends on; whoever declares it is asked less often.
    fn reads(&self, pod: &PodInfo) -> Reads<'_> {
        let _ = pod;
        Reads::anything()
    }

    /// Whether `event` may change this plugin's mind about `pod`.
    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        let _ = (pod, event);
        true
    }
}

/// How nodes are judged for one pod.
pub enum Filter<'a> {
    /// All nodes pass.
    Skip,
    /// No node will do, for this reason.
    Reject(Refusal),
    /// Each node is judged by itself.
    Each(NodeFilter<'a>),
    /// Only these nodes are judged, the others do not pass.
    Among(BTreeSet<String>, NodeFilter<'a>),
}

/// Judges one node.
pub type NodeFilter<'a> = Box<dyn Fn(&NodeInfo) -> Result<(), Refusal> + 'a>;

impl<'a> Filter<'a> {
    /// Each node is judged by `filter`.
    pub fn each(filter: impl Fn(&NodeInfo) -> Result<(), Refusal> + 'a) -> Self {
        Self::Each(Box::new(filter))
    }
}

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skip => f.write_str("Skip"),
            Self::Reject(refusal) => f.debug_tuple("Reject").field(refusal).finish(),
            Self::Each(_) => f.write_str("Each"),
            Self::Among(names, _) => f.debug_tuple("Among").field(names).finish(),
        }
    }
}

/// Why a node, or every node, cannot take a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reasons, in the words that the pod's condition repeats.
    pub reasons: Vec<String>,
    /// Whether the node could take the pod if other pods left it.
    pub resolvable: bool,
}

impl Refusal {
    /// The node could take the pod if other pods left it.
    pub fn resolvable(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: true }
    }

    /// The node cannot take the pod, whichever pods left it.
    pub fn unresolvable(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: false }
    }
}

/// What is done for a pod that no node can take: upstream's PostFilter.
pub trait PostFilterPlugin: Plugin {
    /// Tries to make room.
    fn post_filter(&self, attempt: &FailedAttempt<'_>) -> Remedy;

    /// How the plugin comes to its remedy; only that of built-in ones is known.
    fn acts(&self) -> Acts {
        Acts::somehow()
    }
}

/// An attempt in which no node passed.
#[derive(Clone, Copy, Debug)]
pub struct FailedAttempt<'a> {
    /// The pod and the cluster.
    pub cycle: Cycle<'a>,
    pub(super) framework: &'a Framework,
    /// The filters that had something to say about the pod.
    pub(super) asked: &'a BTreeSet<&'static str>,
    /// Why each node was refused, in the snapshot's order; empty where the pod was rejected as
    /// a whole.
    pub refusals: &'a [Refusal],
}

impl FailedAttempt<'_> {
    /// Whether `node` would take the pod if the cluster were as in `snapshot`.
    ///
    /// Filters that had nothing to say about the pod are not asked again.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn judge(&self, snapshot: &Snapshot, node: &NodeInfo) -> Result<(), Refusal> {
        let cycle = Cycle { pod: self.cycle.pod, snapshot };
        self.framework.judge(cycle, self.asked, node)
    }
}

/// What a [`PostFilterPlugin`] found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Remedy {
    /// Nothing for now; in words.
    None(String),
    /// Nothing, and what was promised to the pod earlier is lost; in words.
    Lost(String),
    /// Nothing, and those after it are not asked; in words.
    Stop(String),
    /// Room on a node, once some pods have left it.
    Nominate(Nomination),
}

/// How good a node is: upstream's PreScore, Score and NormalizeScore.
pub trait ScorePlugin: Plugin {
    /// Looks at the pod and the nodes that passed the filters once and says how they are scored.
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, feasible: &[&'a NodeInfo]) -> Score<'a>;

    /// What a node's score depends on; whoever declares it is asked less often.
    ///
    /// A normalisation must then depend on the lowest and the highest score only.
    fn reads(&self, pod: &PodInfo) -> Reads<'_> {
        let _ = pod;
        Reads::anything()
    }
}

/// The best score after normalisation; the worst is 0.
pub const MAX_SCORE: i64 = 100;

/// How nodes are scored for one pod.
pub struct Score<'a>(Option<Scoring<'a>>);

struct Scoring<'a> {
    score: Box<dyn Fn(&NodeInfo) -> i64 + 'a>,
    normalize: Option<Normalize<'a>>,
}

/// Brings the scores of all feasible nodes within bounds.
type Normalize<'a> = Box<dyn Fn(&mut [i64]) + 'a>;

impl<'a> Score<'a> {
    /// The plugin has nothing to say about the pod.
    pub fn skip() -> Self {
        Self(None)
    }

    /// Each node is scored by `score`, within `0..=MAX_SCORE` unless normalised.
    pub fn each(score: impl Fn(&NodeInfo) -> i64 + 'a) -> Self {
        Self(Some(Scoring { score: Box::new(score), normalize: None }))
    }

    /// Each node is scored as a block of one; what a plugin answers that is given blocks.
    pub fn block(plugin: &'a dyn BlockScore, pod: &'a PodInfo) -> Self {
        Self::each(move |node| {
            let mut score = [0];
            Block::with_node(node, |block| plugin.score_block(pod, block, &mut score));
            score[0]
        })
    }

    /// The scores, one per feasible node, are brought within `0..=MAX_SCORE` by `normalize`.
    #[must_use]
    pub fn normalized(mut self, normalize: impl Fn(&mut [i64]) + 'a) -> Self {
        if let Some(scoring) = &mut self.0 {
            scoring.normalize = Some(Box::new(normalize));
        }
        self
    }

    /// The scores of `nodes`; `None` where the plugin has nothing to say.
    pub fn of(&self, nodes: &[&NodeInfo]) -> Option<Vec<i64>> {
        let scoring = self.0.as_ref()?;
        let mut scores: Vec<_> = nodes.iter().map(|node| (scoring.score)(node)).collect();
        if let Some(normalize) = &scoring.normalize {
            normalize(&mut scores);
        }
        Some(scores)
    }

    /// The score of `node` before it is normalised; `None` where the plugin has nothing to say.
    pub(crate) fn raw(&self, node: &NodeInfo) -> Option<i64> {
        self.0.as_ref().map(|scoring| (scoring.score)(node))
    }

    /// Whether scores are brought within bounds.
    pub(crate) fn is_normalized(&self) -> bool {
        self.0.as_ref().is_some_and(|scoring| scoring.normalize.is_some())
    }

    /// Brings scores within bounds.
    pub(crate) fn normalize(&self, scores: &mut [i64]) {
        if let Some(normalize) = self.0.as_ref().and_then(|scoring| scoring.normalize.as_ref()) {
            normalize(scores);
        }
    }
}

impl fmt::Debug for Score<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Each" } else { "Skip" })
    }
}

/// Stretches scores so that the highest becomes [`MAX_SCORE`]; with `reverse`, the highest
/// becomes 0 and 0 becomes [`MAX_SCORE`].
pub fn stretch(scores: &mut [i64], reverse: bool) {
    let highest = scores.iter().copied().max().unwrap_or_default();
    for score in scores {
        let stretched = if highest == 0 { 0 } else { MAX_SCORE * *score / highest };
        *score = if reverse { MAX_SCORE - stretched } else { stretched };
    }
}

/// Sets something aside for a pod whose node is chosen.
pub trait ReservePlugin: Plugin {
    /// Sets it aside.
    ///
    /// # Errors
    /// It cannot be had any more; the pod is tried again later.
    fn reserve(&self, pod: &PodInfo, node: &str) -> Result<(), Refusal>;

    /// Gives it back, after any later step has failed; also where `reserve` itself failed.
    fn unreserve(&self, pod: &PodInfo, node: &str);
}

/// Whether a pod whose node is chosen may be bound now.
pub trait PermitPlugin: Plugin {
    /// Allows, refuses or delays the binding.
    fn permit(&self, pod: &PodInfo, node: &str) -> Permit;
}

/// What a [`PermitPlugin`] says.
pub enum Permit {
    /// The pod may be bound.
    Allow,
    /// The pod may not be bound to this node.
    Deny(Refusal),
    /// The answer comes later; no answer within the time means no.
    Wait(BoxFuture<'static, Result<(), Refusal>>, Duration),
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("Allow"),
            Self::Deny(refusal) => f.debug_tuple("Deny").field(refusal).finish(),
            Self::Wait(_, limit) => f.debug_tuple("Wait").field(limit).finish(),
        }
    }
}

/// What must be done before a pod is bound.
#[async_trait]
pub trait PreBindPlugin: Plugin {
    /// Does it.
    ///
    /// # Errors
    /// It failed; the pod is tried again later.
    async fn pre_bind(&self, client: &Client, pod: &PodInfo, node: &str) -> Result<(), Refusal>;
}

/// Binds a pod to its node.
#[async_trait]
pub trait BindPlugin: Plugin {
    /// Binds it, or leaves it to the next plugin.
    ///
    /// # Errors
    /// It failed; the pod is tried again later.
    async fn bind(&self, client: &Client, pod: &PodInfo, node: &str) -> Result<Bound, Refusal>;
}

/// Is told of pods that were bound.
pub trait PostBindPlugin: Plugin {
    /// Takes note.
    fn post_bind(&self, pod: &PodInfo, node: &str);
}

/// What a [`BindPlugin`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It has bound the pod.
    Done,
    /// It leaves the pod to the next plugin.
    Skip,
}

/// Whether any of the plugins that rejected a pod thinks that `event` helps it.
pub(super) fn helped_by(
    filters: &[Arc<dyn FilterPlugin>],
    pod: &PodInfo,
    rejection: &Rejection,
    event: &ClusterEvent<'_>,
) -> bool {
    let rejecting = filters.iter().filter(|plugin| rejection.rejected_by.contains(plugin.name()));
    rejection.rejected_by.is_empty()
        || rejecting.into_iter().any(|plugin| plugin.helped_by(pod, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretching_makes_the_highest_the_best_or_the_worst() {
        for (scores, reverse, expected) in [
            (vec![0, 5, 10], false, vec![0, 50, 100]),
            (vec![0, 1, 3], true, vec![100, 67, 0]),
            (vec![0, 0], false, vec![0, 0]),
            (vec![0, 0], true, vec![100, 100]),
        ] {
            let mut got = scores.clone();
            stretch(&mut got, reverse);
            assert_eq!(got, expected, "{scores:?}");
        }
    }
}
