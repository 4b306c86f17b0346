//! Which of a framework's plugins say something about a pod, and what their answers depend on.

use std::collections::BTreeSet;

use orchestrator_core::scheduler::PodInfo;

use crate::framework::{BlockScore, BuiltIn, Framework, MAX_SCORE, What};
use crate::plugins::{
    InterPodAffinity, NodeResourcesBalancedAllocation, NodeResourcesFit, PodTopologySpread,
};

/// Scores that add up to more than this have too many buckets.
const MAX_TOTAL: i64 = 8192;

/// A plugin with the weight of its score.
pub(super) type Weighted<T> = (T, i64);

/// The plugins that have a say about one pod, by what they read.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// Filters that read nodes' objects.
    pub node_filters: BTreeSet<&'static str>,
    /// Filters that read a node's pods too.
    pub pods_filters: BTreeSet<&'static str>,
    /// The places of scores that read nodes' objects.
    pub node_scores: Vec<Weighted<usize>>,
    /// The places of scores that read a node's pods too.
    pub pods_scores: Vec<Weighted<usize>>,
    pub blocks: Vec<Weighted<&'a dyn BlockScore>>,
    pub fit: Option<&'a NodeResourcesFit>,
    pub fit_score: Option<Weighted<&'a NodeResourcesFit>>,
    pub balanced: Option<Weighted<&'a NodeResourcesBalancedAllocation>>,
    pub spread: Option<&'a PodTopologySpread>,
    pub spread_score: Option<Weighted<&'a PodTopologySpread>>,
    pub near: Option<&'a InterPodAffinity>,
    pub near_score: Option<Weighted<&'a InterPodAffinity>>,
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

impl<'a> Plan<'a> {
    /// Asks the plugins; `None` where one of them must be asked afresh for every pod.
    pub fn new(framework: &'a Framework, pod: &PodInfo) -> Option<Self> {
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
                What::BuiltIn(BuiltIn::Fit(fit)) => plan.fit = Some(fit),
                What::BuiltIn(BuiltIn::Spread(spread)) => plan.spread = Some(spread),
                What::BuiltIn(BuiltIn::Near(near)) => plan.near = Some(near),
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
                What::Block(block) => plan.blocks.push((block, weight)),
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

    fn add_score(&mut self, built_in: BuiltIn<'a>, index: usize, weight: i64) {
        match built_in {
            BuiltIn::Fit(fit) if fit.resources().iter().all(|r| r.is_column()) => {
                self.fit_score = Some((fit, weight));
            }
            BuiltIn::Balanced(balanced) if balanced.resources().iter().all(|r| r.is_column()) => {
                self.balanced = Some((balanced, weight));
            }
            BuiltIn::Spread(spread) => self.spread_score = Some((spread, weight)),
            BuiltIn::Near(near) => self.near_score = Some((near, weight)),
            // Resources that have no column are looked up at the node.
            _ => self.pods_scores.push((index, weight)),
        }
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
