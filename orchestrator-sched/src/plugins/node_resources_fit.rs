//! NodeResourcesFit: the node has what the pod asks for; the emptiest or fullest is best.

use std::collections::BTreeSet;
use std::sync::Arc;

use orchestrator_core::scheduler::{ClusterEvent, NodeInfo, PodInfo, Resources};

use super::resource_scores::{ResourceWeight, Share, shares};
use crate::framework::{
    BuiltIn, Cycle, Filter, FilterPlugin, MAX_SCORE, Plugin, Points, Reads, Refusal, Score,
    ScorePlugin,
};

const TOO_MANY_PODS: &str = "Too many pods";

/// The scores of a shape are written from 0 to 10 and count ten times as much.
const SHAPE_FACTOR: i64 = MAX_SCORE / 10;

/// Refuses nodes without room, and scores by how full a node would be.
#[derive(Clone, Debug)]
pub struct NodeResourcesFit {
    strategy: ScoringStrategy,
    resources: Vec<ResourceWeight>,
    ignored: BTreeSet<String>,
    ignored_groups: BTreeSet<String>,
}

/// Which nodes are good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScoringStrategy {
    /// The emptiest: load is spread.
    #[default]
    LeastAllocated,
    /// The fullest: load is packed.
    MostAllocated,
    /// As a broken line over utilisation says; its points are in the order of utilisation.
    RequestedToCapacityRatio(Vec<ShapePoint>),
}

/// A point of the line that turns utilisation into a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShapePoint {
    /// How full, from 0 to 100.
    pub utilization: i64,
    /// How good, from 0 to 10.
    pub score: i64,
}

impl Default for NodeResourcesFit {
    fn default() -> Self {
        Self::new(ScoringStrategy::default(), ResourceWeight::defaults())
    }
}

impl NodeResourcesFit {
    /// Scores `resources` by `strategy`.
    pub fn new(strategy: ScoringStrategy, resources: Vec<ResourceWeight>) -> Self {
        let (ignored, ignored_groups) = Default::default();
        Self { strategy, resources, ignored, ignored_groups }
    }

    /// Nodes need not have the extended resource `name`.
    #[must_use]
    pub fn ignoring(mut self, name: impl Into<String>) -> Self {
        self.ignored.insert(name.into());
        self
    }

    /// Nodes need not have the extended resources whose names begin with `group` and a slash.
    #[must_use]
    pub fn ignoring_group(mut self, group: impl Into<String>) -> Self {
        self.ignored_groups.insert(group.into());
        self
    }

    /// The resources that are scored.
    pub(crate) fn resources(&self) -> &[ResourceWeight] {
        &self.resources
    }

    /// Whether the emptiest nodes are best.
    pub(crate) fn is_least_allocated(&self) -> bool {
        self.strategy == ScoringStrategy::LeastAllocated
    }

    /// Whether nodes need not have a resource.
    pub(crate) fn is_ignored(&self, name: &str) -> bool {
        let group = name.split_once('/').map(|(group, _)| group);
        self.ignored.contains(name) || group.is_some_and(|g| self.ignored_groups.contains(g))
    }

    /// What the node lacks for `asked`, beside what is `taken` there.
    fn check(&self, asked: &Resources, taken: &Resources, node: &NodeInfo) -> Result<(), Refusal> {
        self.check_amounts(asked, taken, &node.allocatable)
    }

    /// What is lacking for `asked` of what there is, beside what is taken.
    pub(crate) fn check_amounts(
        &self,
        asked: &Resources,
        taken: &Resources,
        has: &Resources,
    ) -> Result<(), Refusal> {
        let mut refusal = Refusal { reasons: Vec::new(), resolvable: true };
        if taken.pods + 1 > has.pods {
            refusal.reasons.push(TOO_MANY_PODS.into());
        }
        let mut need = |name: &str, asked: i64, has: i64, taken: i64| {
            if asked > 0 && asked > has.saturating_sub(taken) {
                refusal.reasons.push(format!("Insufficient {name}"));
                // Nobody's leaving makes a node bigger.
                refusal.resolvable &= asked <= has;
            }
        };
        need("cpu", asked.cpu_milli, has.cpu_milli, taken.cpu_milli);
        need("memory", asked.memory, has.memory, taken.memory);
        let storage = [asked, has, taken].map(|resources| resources.ephemeral_storage);
        need("ephemeral-storage", storage[0], storage[1], storage[2]);
        for (name, amount) in asked.extended.iter().filter(|(name, _)| !self.is_ignored(name)) {
            need(name, *amount, has.get(name), taken.get(name));
        }
        if refusal.reasons.is_empty() { Ok(()) } else { Err(refusal) }
    }

    /// The score of one resource that is `used` of `capacity`.
    #[inline]
    fn score_one(&self, used: i64, capacity: i64) -> i64 {
        match &self.strategy {
            ScoringStrategy::LeastAllocated if used > capacity => 0,
            ScoringStrategy::LeastAllocated => percent(capacity - used, capacity),
            ScoringStrategy::MostAllocated => percent(used.min(capacity), capacity),
            ScoringStrategy::RequestedToCapacityRatio(shape) => {
                line(shape, if used > capacity { 100 } else { percent(used, capacity) })
            }
        }
    }

    fn score_node(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let shares = shares(&self.resources, pod, node, false);
        self.score_shares(shares.map(|(resource, share)| (resource.weight, share)))
    }

    /// The score of a node with these shares, each with its weight.
    pub(crate) fn score_shares(&self, shares: impl Iterator<Item = (i64, Share)>) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        let by_shape = matches!(self.strategy, ScoringStrategy::RequestedToCapacityRatio(_));
        for (weight, share) in shares {
            let score = self.score_one(share.with_pod(), share.allocatable);
            // A shape leaves out of the mean what it gives no score.
            if !by_shape || score > 0 {
                sum += score * weight;
                weights += weight;
            }
        }
        match weights {
            0 => 0,
            weights if by_shape => (sum as f64 / weights as f64).round() as i64,
            weights => sum / weights,
        }
    }
}

/// `part` of `whole` in hundredths, rounded down; exact for all amounts of bytes.
#[inline]
fn percent(part: i64, whole: i64) -> i64 {
    match part.checked_mul(MAX_SCORE) {
        Some(product) => product / whole,
        None => (i128::from(part) * i128::from(MAX_SCORE) / i128::from(whole)) as i64,
    }
}

/// The height of the broken line through `shape` at `utilization`.
fn line(shape: &[ShapePoint], utilization: i64) -> i64 {
    let height = |point: &ShapePoint| point.score * SHAPE_FACTOR;
    match shape.iter().position(|point| utilization <= point.utilization) {
        None => shape.last().map(height).unwrap_or_default(),
        Some(0) => height(&shape[0]),
        Some(index) => {
            let (left, right) = (&shape[index - 1], &shape[index]);
            let rise = (height(right) - height(left)) * (utilization - left.utilization);
            height(left) + rise / (right.utilization - left.utilization)
        }
    }
}

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self.clone()).score(self);
    }
}

impl FilterPlugin for NodeResourcesFit {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let asked = &cycle.pod.requests;
        Filter::each(move |node| self.check(asked, &node.requested, node))
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Fit(self))
    }

    fn helped_by(&self, pod: &PodInfo, event: &ClusterEvent<'_>) -> bool {
        let fits = |node: &NodeInfo| self.check(&pod.requests, &Resources::default(), node).is_ok();
        match event {
            ClusterEvent::NodeAdded { node } => fits(node),
            ClusterEvent::NodeChanged { old, new } => {
                old.allocatable != new.allocatable && fits(new)
            }
            // Every pod that leaves makes room for one more, if for nothing else.
            ClusterEvent::PodRemoved { .. } => true,
            ClusterEvent::PodChanged { old, new } => shrinks(&old.requests, &new.requests),
            ClusterEvent::Updated { old } => shrinks(&old.requests, &pod.requests),
            _ => false,
        }
    }
}

/// Whether any amount is less in `new`.
fn shrinks(old: &Resources, new: &Resources) -> bool {
    let mut extended = old.extended.iter();
    old.cpu_milli > new.cpu_milli
        || old.memory > new.memory
        || old.ephemeral_storage > new.ephemeral_storage
        || extended.any(|(name, amount)| *amount > new.get(name))
}

impl ScorePlugin for NodeResourcesFit {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        Score::each(move |node| self.score_node(cycle.pod, node))
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Fit(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{asking, node, passing, scores};
    use serde_json::json;

    fn sized(name: &str, cpu: &str, memory: &str) -> NodeInfo {
        let allocatable = json!({"cpu": cpu, "memory": memory, "pods": "2"});
        node(name, json!({"status": {"allocatable": allocatable}}))
    }

    #[test]
    fn a_refusal_names_everything_that_is_lacking() {
        let plugin = NodeResourcesFit::default();
        let mut full = sized("a", "1", "1Gi");
        full.add(Arc::new(asking(json!({"cpu": "500m"}))));
        full.add(Arc::new(asking(json!({}))));
        let check = |requests| plugin.check(&asking(requests).requests, &full.requested, &full);
        let refusal = check(json!({"cpu": "1", "memory": "2Gi", "x.io/gpu": "1"})).unwrap_err();
        let reasons =
            [TOO_MANY_PODS, "Insufficient cpu", "Insufficient memory", "Insufficient x.io/gpu"];
        assert_eq!(
            (refusal.reasons, refusal.resolvable),
            (reasons.map(str::to_owned).into(), false)
        );
        assert!(check(json!({"cpu": "1"})).unwrap_err().resolvable);
    }

    #[test]
    fn ignored_resources_are_not_missed() {
        let nodes = [sized("a", "1", "1Gi")];
        let wants = asking(json!({"x.io/a": "1", "y.io/b": "1"}));
        let plugin = NodeResourcesFit::default().ignoring("x.io/a");
        assert!(passing(&plugin, &wants, &nodes).is_empty());
        assert_eq!(passing(&plugin.ignoring_group("y.io"), &wants, &nodes), ["a"]);
    }

    #[test]
    fn strategies_prefer_the_emptiest_the_fullest_or_a_shape() {
        let nodes = [sized("big", "4", "4Gi"), sized("small", "2", "2Gi")];
        let wants = asking(json!({"cpu": "1", "memory": "1Gi"}));
        let point = |utilization, score| ShapePoint { utilization, score };
        let hill = ScoringStrategy::RequestedToCapacityRatio(vec![point(0, 0), point(50, 10)]);
        for (strategy, expected) in [
            (ScoringStrategy::LeastAllocated, [75, 50]),
            (ScoringStrategy::MostAllocated, [25, 50]),
            (hill, [50, 100]),
        ] {
            let plugin = NodeResourcesFit::new(strategy, ResourceWeight::defaults());
            assert_eq!(scores(&plugin, &wants, &nodes), expected);
        }
    }
}
