//! What every plugin says of every node, where a decision asks no further than it must.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};

use super::{Cycle, Framework, GatePlugin, MAX_SCORE, NodeFilter, Prepared, Refusal, ScorePlugin};

/// What every plugin says of a pod and of every node.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inspection {
    /// Who holds the pod back from being tried, and why.
    pub gate: Option<(&'static str, String)>,
    /// Who refuses the pod as a whole, before any node is looked at.
    pub whole: Option<(&'static str, Refusal)>,
    /// The nodes, in the snapshot's order; empty where the pod is refused as a whole.
    pub nodes: Vec<Inspected>,
    /// What those say that score, in order; empty where no node passes.
    pub scores: Vec<Scored>,
}

/// What the filters say of one node.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The node.
    pub node: Arc<str>,
    /// All refusals, in the order of the filters; a decision stops at the first.
    pub refusals: Vec<(&'static str, Refusal)>,
}

/// What one plugin says of the nodes that pass.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The plugin.
    pub plugin: &'static str,
    /// How much it counts.
    pub weight: i64,
    /// One score per node that passes, in the snapshot's order, before normalisation.
    pub raw: Vec<i64>,
    /// The same after it, from 0 to [`MAX_SCORE`]; the total has this times the weight.
    pub normalized: Vec<i64>,
}

impl Framework {
    /// Asks every plugin about the pod and about every node.
    ///
    /// A node passes here if and only if it is feasible in the decision; where only one does, the
    /// decision has no scores, and this has.
    pub fn inspect(&self, pod: &PodInfo, snapshot: &Snapshot) -> Inspection {
        let cycle = Cycle { pod, snapshot };
        let gate = |plugin: &Arc<dyn GatePlugin>| Some((plugin.name(), plugin.gate(pod)?));
        let mut found =
            Inspection { gate: self.points.gates.iter().find_map(gate), ..Inspection::default() };
        let prepared = match self.prepare(cycle, None) {
            Ok(prepared) => prepared,
            Err(whole) => {
                found.whole = Some(whole);
                return found;
            }
        };
        let mut passing = Vec::new();
        for node in snapshot.nodes() {
            let refusals = self.refusals(cycle, &prepared, node);
            if refusals.is_empty() {
                passing.push(&**node);
            }
            found.nodes.push(Inspected { node: Arc::clone(&node.name), refusals });
        }
        if !passing.is_empty() {
            found.scores = self.inspect_scores(cycle, &passing);
        }
        found
    }

    /// All refusals of a node, in the order of the filters.
    fn refusals(
        &self,
        cycle: Cycle<'_>,
        prepared: &Prepared<'_>,
        node: &NodeInfo,
    ) -> Vec<(&'static str, Refusal)> {
        let judge = |(name, filter): &(&'static str, NodeFilter<'_>)| {
            filter(node).err().map(|refusal| (*name, refusal))
        };
        let mut refusals: Vec<_> = prepared.filters.iter().filter_map(judge).collect();
        if refusals.is_empty()
            && let Err((by, refusal)) = self.judge_prepared(cycle, prepared, node)
        {
            // Each filter by itself passes: the node is none of those that are judged at all, or
            // will be full once the pods have come that were promised room there.
            refusals.push((by.first().copied().unwrap_or_default(), refusal));
        }
        refusals
    }

    fn inspect_scores(&self, cycle: Cycle<'_>, passing: &[&NodeInfo]) -> Vec<Scored> {
        let plugins = self.points.scores.iter().zip(&self.weights);
        let scored = |(plugin, weight): (&Arc<dyn ScorePlugin>, &i64)| {
            let score = plugin.prepare(cycle, passing);
            let mut normalized = score.of(passing)?;
            let raw = passing.iter().filter_map(|node| score.raw(node)).collect();
            normalized.iter_mut().for_each(|score| *score = (*score).clamp(0, MAX_SCORE));
            Some(Scored { plugin: plugin.name(), weight: *weight, raw, normalized })
        };
        plugins.filter_map(scored).collect()
    }
}
