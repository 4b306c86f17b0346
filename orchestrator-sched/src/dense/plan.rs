//! Which of a framework's plugins say something about a pod, and what their answers depend on.

use std::collections::BTreeSet;

use orchestrator_core::scheduler::PodInfo;
use smallvec::SmallVec;

use crate::framework::{BuiltIn, Framework, MAX_SCORE, What};
use crate::plugins::{
    InterPodAffinity, NodeResourcesBalancedAllocation, NodeResourcesFit, PodTopologySpread,
};

/// Scores that add up to more than this have too many buckets.
const MAX_TOTAL: i64 = 8192;

/// What plugins say that they read: a number for each.
pub(super) type Pattern = SmallVec<[u8; 32]>;

/// A plugin with the weight of its score.
pub(super) type Weighted<T> = (T, i64);

/// The plugins that have a say about one pod, by what they read.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Filters that read nodes' objects.
    pub node_filters: BTreeSet<&'static str>,
    /// Filters that read a node's pods too.
    pub pods_filters: BTreeSet<&'static str>,
    /// The places of scores that read nodes' objects.
    pub node_scores: Vec<Weighted<usize>>,
    /// The places of scores that read a node's pods too.
    pub pods_scores: Vec<Weighted<usize>>,
    /// The places of scores that are given blocks of nodes.
    pub blocks: Vec<Weighted<usize>>,
    pub fit: Option<NodeResourcesFit>,
    pub fit_score: Option<Weighted<NodeResourcesFit>>,
    pub balanced: Option<Weighted<NodeResourcesBalancedAllocation>>,
    pub spread: Option<PodTopologySpread>,
    pub spread_score: Option<Weighted<PodTopologySpread>>,
    pub near: Option<InterPodAffinity>,
    pub near_score: Option<Weighted<InterPodAffinity>>,
    /// Filters that read nodes' objects and come after others of another sort.
    pub late: BTreeSet<&'static str>,
    /// Whether the filters are asked in the order in which the core asks them, so that the first
    /// refusal is the same; [`late`](Self::late) ones apart.
    pub in_order: bool,
    /// Whether a plugin that reads nodes' objects may read all of the pod.
    pub wide: bool,
    /// Whether a score counts how many nodes have the pod's images.
    pub images: bool,
}

impl Plan {
    /// Asks the plugins; `None` where one of them must be asked afresh for every pod.
    pub fn new(framework: &Framework, pod: &PodInfo) -> Option<Self> {
        let mut plan = Self::default();
        plan.put_in_order(framework, pod);
        for plugin in framework.filters() {
            match plugin.reads(pod).0 {
                What::Nothing => {}
                What::Node => {
                    plan.wide = true;
                    plan.node_filters.insert(plugin.name());
                }
                What::BuiltIn(BuiltIn::Object) => drop(plan.node_filters.insert(plugin.name())),
                What::NodeAndPods => drop(plan.pods_filters.insert(plugin.name())),
                What::BuiltIn(BuiltIn::Fit(fit)) => plan.fit = Some(fit.clone()),
                What::BuiltIn(BuiltIn::Spread(spread)) => plan.spread = Some(spread.clone()),
                What::BuiltIn(BuiltIn::Near(near)) => plan.near = Some(near.clone()),
                _ => return None,
            }
        }
        let mut total = 0;
        for (index, (plugin, weight)) in framework.scorers().enumerate() {
            total += MAX_SCORE.saturating_mul(weight);
            match plugin.reads(pod).0 {
                What::Nothing => {}
                What::Node => {
                    plan.wide = true;
                    plan.node_scores.push((index, weight));
                }
                What::BuiltIn(BuiltIn::Object) => plan.node_scores.push((index, weight)),
                What::NodeAndPods => plan.pods_scores.push((index, weight)),
                What::Block(_) => plan.blocks.push((index, weight)),
                What::BuiltIn(BuiltIn::Images) => {
                    plan.images = true;
                    plan.node_scores.push((index, weight));
                }
                What::BuiltIn(built_in) => plan.add_score(built_in, index, weight),
                What::Anything => return None,
            }
        }
        (total <= MAX_TOTAL).then_some(plan)
    }

    fn put_in_order(&mut self, framework: &Framework, pod: &PodInfo) {
        self.in_order = true;
        let mut stage = 0;
        for plugin in framework.filters() {
            let own = match plugin.reads(pod).0 {
                What::Nothing => continue,
                What::Node | What::BuiltIn(BuiltIn::Object) if stage > 0 => {
                    self.late.insert(plugin.name());
                    continue;
                }
                What::NodeAndPods => 1,
                What::BuiltIn(BuiltIn::Fit(_)) => 2,
                What::BuiltIn(BuiltIn::Spread(_)) => 3,
                What::BuiltIn(BuiltIn::Near(_)) => 4,
                _ => 0,
            };
            self.in_order &= own >= stage;
            stage = own;
        }
    }

    fn add_score(&mut self, built_in: BuiltIn<'_>, index: usize, weight: i64) {
        match built_in {
            BuiltIn::Fit(fit) if fit.resources().iter().all(|r| r.is_column()) => {
                self.fit_score = Some((fit.clone(), weight));
            }
            BuiltIn::Balanced(balanced) if balanced.resources().iter().all(|r| r.is_column()) => {
                self.balanced = Some((balanced.clone(), weight));
            }
            BuiltIn::Spread(spread) => self.spread_score = Some((spread.clone(), weight)),
            BuiltIn::Near(near) => self.near_score = Some((near.clone(), weight)),
            // Resources that have no column are looked up at the node.
            _ => self.pods_scores.push((index, weight)),
        }
    }

    /// What the plugins say that they read of a pod, one after the other.
    pub fn pattern(framework: &Framework, pod: &PodInfo) -> Pattern {
        let sort = |what| match what {
            What::Nothing => 0,
            What::Anything => 1,
            What::Node => 2,
            What::NodeAndPods => 3,
            What::Block(_) => 4,
            What::BuiltIn(_) => 5,
        };
        let filters = framework.filters().iter().map(|plugin| sort(plugin.reads(pod).0));
        let scores = framework.scorers().map(|(plugin, _)| sort(plugin.reads(pod).0));
        filters.chain(scores).collect()
    }

    /// Whether a plugin must be asked afresh about the pod.
    pub fn is_unknown(framework: &Framework, pod: &PodInfo) -> bool {
        let is_anything = |what| matches!(what, What::Anything);
        framework.filters().iter().any(|plugin| is_anything(plugin.reads(pod).0))
            || framework.scorers().any(|(plugin, _)| is_anything(plugin.reads(pod).0))
    }

    /// The most that the scores which a node has by itself add up to.
    pub fn highest(&self) -> i64 {
        let by_pods = self.pods_scores.iter().map(|(_, weight)| weight);
        let by_block = self.blocks.iter().map(|(_, weight)| weight);
        let fit = self.fit_score.iter().map(|(_, weight)| weight);
        let balanced = self.balanced.iter().map(|(_, weight)| weight);
        by_pods.chain(by_block).chain(fit).chain(balanced).sum::<i64>() * MAX_SCORE
    }
}
