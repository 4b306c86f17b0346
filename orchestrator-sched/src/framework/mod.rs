//! A scheduler made of plugins: filters say which nodes can take a pod, scores say which is best.
//!
//! A [`Framework`] is one profile: a name that pods ask for, and plugins in a fixed order. Its
//! decision is a pure function of the pod and the snapshot; the steps after it (reserve, permit,
//! pre-bind, bind) are the [binding cycle](binding). Nodes are judged in the snapshot's order and
//! the first filter that refuses a node gives its reason, as upstream does.

pub mod binding;
mod builder;
mod guard;
mod inspect;
mod points;
mod reads;
mod vectors;

pub use builder::{BuildError, FrameworkBuilder, Point, Points};
pub use inspect::{Inspected, Inspection, Scored};
pub use points::{
    BindPlugin, Bound, Cycle, FailedAttempt, Filter, FilterPlugin, GatePlugin, MAX_SCORE,
    NodeFilter, Permit, PermitPlugin, Plugin, PostBindPlugin, PostFilterPlugin, PreBindPlugin,
    QueueSortPlugin, Refusal, Remedy, ReservePlugin, Score, ScorePlugin, stretch,
};
pub use reads::{Acts, Block, BlockScore, Reads};
pub(crate) use reads::{BuiltIn, How, What};
pub use vectors::widest;

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use orchestrator_core::scheduler::{
    ClusterEvent, Decision, NodeInfo, Placement, PodInfo, Rejection, Scheduler, Scores, Snapshot,
    Waiting,
};

use crate::plugins::gang_scheduling::Gangs;
use guard::ask;

/// A scheduler made of plugins.
///
/// # Examples
/// ```
/// use orchestrator_core::scheduler::Scheduler;
/// use orchestrator_sched::framework::Framework;
/// use orchestrator_sched::plugins;
/// let framework = plugins::defaults("my-scheduler").weight("ImageLocality", 5).build()?;
/// assert_eq!(framework.name(), "my-scheduler");
/// # Ok::<(), orchestrator_sched::framework::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Framework {
    name: String,
    points: Points,
    /// One per score plugin.
    weights: Vec<i64>,
}

/// Who refused a node, and why.
pub(crate) type Refused = (BTreeSet<&'static str>, Refusal);

/// The filters of a framework, prepared for one pod.
pub(crate) struct Prepared<'a> {
    filters: Vec<(&'static str, NodeFilter<'a>)>,
    /// The nodes that are judged at all, and who says so; `None` for all.
    among: Option<(BTreeSet<String>, BTreeSet<&'static str>)>,
}

impl Framework {
    /// A framework without plugins, for the pods that ask for the scheduler `name`.
    pub fn builder(name: impl Into<String>) -> FrameworkBuilder {
        FrameworkBuilder::new(name)
    }

    /// The gangs that are placed together, where a plugin has some.
    pub fn gangs(&self) -> Option<&Gangs> {
        self.points.gangs.as_ref()
    }

    /// The plugins that score, in order, with their weights.
    pub fn scores(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let names = self.points.scores.iter().map(|plugin| plugin.name());
        names.zip(self.weights.iter().copied())
    }

    /// The filters, in order.
    pub(crate) fn filters(&self) -> &[Arc<dyn FilterPlugin>] {
        &self.points.filters
    }

    /// The plugins that score, with their weights.
    pub(crate) fn scorers(&self) -> impl Iterator<Item = (&Arc<dyn ScorePlugin>, i64)> {
        self.points.scores.iter().zip(self.weights.iter().copied())
    }

    /// The remedies, in order.
    pub(crate) fn remedies(&self) -> &[Arc<dyn PostFilterPlugin>] {
        &self.points.post_filters
    }

    /// The annotations of pods that any of the plugins at filters and scores reads.
    pub(crate) fn annotations(&self) -> Vec<&'static str> {
        let filters = self.points.filters.iter().flat_map(|plugin| plugin.annotations());
        let scores = self.points.scores.iter().flat_map(|plugin| plugin.annotations());
        filters.chain(scores).copied().collect()
    }

    /// Whether `node` would take the pod in a cluster that may differ from the real one; only
    /// the filters in `asked` have a say.
    fn judge(
        &self,
        cycle: Cycle<'_>,
        asked: &BTreeSet<&'static str>,
        node: &NodeInfo,
    ) -> Result<(), Refusal> {
        let prepared = self.prepare(cycle, Some(asked)).map_err(|(_, refusal)| refusal)?;
        self.judge_prepared(cycle, &prepared, node).map_err(|(_, refusal)| refusal)
    }

    /// Judges a node as it is, and as it will be when the pods have come that were promised room
    /// there and are no less important; the promise may or may not be kept.
    fn judge_prepared(
        &self,
        cycle: Cycle<'_>,
        prepared: &Prepared<'_>,
        node: &NodeInfo,
    ) -> Result<(), Refused> {
        let Cycle { pod, snapshot } = cycle;
        let first = |other: &&Arc<PodInfo>| other.priority >= pod.priority && other.id != pod.id;
        let expected: Vec<_> = match snapshot.has_nominations() {
            true => snapshot.nominated(&node.name).filter(first).cloned().collect(),
            false => Vec::new(),
        };
        if !expected.is_empty() {
            let mut later = snapshot.clone();
            expected.into_iter().for_each(|other| later.assume(other, &node.name));
            let cycle = Cycle { pod, snapshot: &later };
            let by_all = |(name, refusal)| (BTreeSet::from([name]), refusal);
            let node = later.node(&node.name).expect("only pods have come");
            self.prepare(cycle, Some(&prepared.asked())).map_err(by_all)?.judge(node)?;
        }
        prepared.judge(node)
    }

    /// Asks every filter, or those in `asked`, for its view of the pod, or says who rejects the
    /// pod as a whole.
    pub(crate) fn prepare<'a>(
        &'a self,
        cycle: Cycle<'a>,
        asked: Option<&BTreeSet<&'static str>>,
    ) -> Result<Prepared<'a>, (&'static str, Refusal)> {
        let mut filters = Vec::with_capacity(self.points.filters.len());
        let mut among: Option<(BTreeSet<String>, BTreeSet<&'static str>)> = None;
        let is_asked = |name| asked.is_none_or(|asked| asked.contains(name));
        for plugin in self.points.filters.iter().filter(|plugin| is_asked(plugin.name())) {
            match plugin.prepare(cycle) {
                Filter::Skip => {}
                Filter::Reject(refusal) => return Err((plugin.name(), refusal)),
                Filter::Each(filter) => filters.push((plugin.name(), filter)),
                Filter::Among(names, filter) => {
                    filters.push((plugin.name(), filter));
                    let (nodes, by) = among.get_or_insert_with(|| (names.clone(), BTreeSet::new()));
                    nodes.retain(|node| names.contains(node));
                    by.insert(plugin.name());
                }
            }
        }
        Ok(Prepared { filters, among })
    }

    fn reject(
        &self,
        cycle: Cycle<'_>,
        asked: &BTreeSet<&'static str>,
        mut rejection: Rejection,
        refusals: &[Refusal],
    ) -> Decision {
        let attempt = FailedAttempt { cycle, framework: self, asked, refusals };
        let mut remedies = Vec::new();
        for plugin in &self.points.post_filters {
            match plugin.post_filter(&attempt) {
                Remedy::None(words) => remedies.push(words),
                Remedy::Lost(words) => {
                    rejection.withdraws = true;
                    remedies.push(words);
                }
                Remedy::Stop(words) => {
                    remedies.push(words);
                    break;
                }
                Remedy::Nominate(nomination) => {
                    rejection.nomination = Some(nomination);
                    rejection.withdraws = false;
                    remedies.clear();
                    break;
                }
            }
        }
        rejection.remedy = remedies.join(", ");
        Decision::Unschedulable(rejection)
    }

    /// Decides about a pod that names at most `few` nodes, by looking at those alone; `None` where
    /// it names more, or none of them takes it.
    pub(crate) fn choose_among_few(&self, cycle: Cycle<'_>, few: usize) -> Option<Placement> {
        let prepared = self.prepare(cycle, None).ok()?;
        let (names, _) = prepared.among.as_ref().filter(|(names, _)| names.len() <= few)?;
        let named = names.iter().filter_map(|name| cycle.snapshot.node(name));
        let takes = |node: &&Arc<NodeInfo>| self.judge_prepared(cycle, &prepared, node).is_ok();
        let feasible: Vec<&NodeInfo> = named.filter(takes).map(|node| &**node).collect();
        match feasible.as_slice() {
            [] => None,
            [only] => Some(Placement::only(Arc::clone(&only.name))),
            nodes => Some(self.choose(cycle, nodes)),
        }
    }

    /// Scores the nodes and adds the scores up.
    fn choose(&self, cycle: Cycle<'_>, feasible: &[&NodeInfo]) -> Placement {
        let names = || feasible.iter().map(|node| Arc::clone(&node.name));
        let mut placement = Placement::default();
        placement.totals = vec![0; feasible.len()];
        for (plugin, weight) in self.points.scores.iter().zip(&self.weights) {
            let score = plugin.prepare(cycle, feasible);
            let Some(mut scores) = score.of(feasible) else { continue };
            for (score, total) in scores.iter_mut().zip(&mut placement.totals) {
                // A score out of bounds would let one plugin outvote all others.
                *score = (*score).clamp(0, MAX_SCORE) * weight;
                *total += *score;
            }
            placement.scores.push(Scores { plugin: plugin.name(), scores });
        }
        let highest = placement.totals.iter().max().copied().unwrap_or_default();
        let best = names().zip(&placement.totals).filter(|(_, total)| **total == highest);
        placement.best = best.map(|(name, _)| name).collect();
        placement.feasible = names().collect();
        placement
    }
}

/// The node that the pod was promised room on.
fn promised<'a>(pod: &PodInfo, snapshot: &'a Snapshot) -> Option<&'a NodeInfo> {
    snapshot.node(pod.nominated_node()?).map(|node| &**node)
}

impl Prepared<'_> {
    /// The filters that have something to say about the pod.
    fn asked(&self) -> BTreeSet<&'static str> {
        self.filters.iter().map(|(name, _)| *name).collect()
    }

    /// Asks the filters in their order; the first that refuses the node counts.
    pub(crate) fn judge(&self, node: &NodeInfo) -> Result<(), Refused> {
        if let Some((names, by)) = &self.among
            && !names.contains(&*node.name)
        {
            let by_names: Vec<_> = by.iter().copied().collect();
            let reason = format!("node(s) didn't satisfy plugin(s) [{}]", by_names.join(" "));
            return Err((by.clone(), Refusal::unresolvable(reason)));
        }
        for (name, filter) in &self.filters {
            filter(node).map_err(|refusal| (BTreeSet::from([*name]), refusal))?;
        }
        Ok(())
    }
}

impl Framework {
    /// Decides; panics where a plugin does.
    fn decide(&self, cycle: Cycle<'_>) -> Decision {
        let Cycle { pod, snapshot } = cycle;
        let mut rejection = Rejection::default();
        rejection.nodes = snapshot.nodes().len();
        if rejection.nodes == 0 {
            return Decision::Unschedulable(rejection);
        }
        let prepared = match self.prepare(cycle, None) {
            Ok(prepared) => prepared,
            Err((plugin, refusal)) => {
                rejection.whole = refusal.reasons.join(", ");
                rejection.rejected_by.insert(plugin);
                return self.reject(cycle, &BTreeSet::new(), rejection, &[]);
            }
        };
        if let Some(node) = promised(pod, snapshot)
            && self.judge_prepared(cycle, &prepared, node).is_ok()
        {
            return Decision::Bind(Placement::only(Arc::clone(&node.name)));
        }
        let (mut feasible, mut refusals) = (Vec::new(), Vec::new());
        for node in snapshot.nodes() {
            match self.judge_prepared(cycle, &prepared, node) {
                Ok(()) => feasible.push(&**node),
                Err((by, refusal)) => {
                    for reason in &refusal.reasons {
                        *rejection.reasons.entry(reason.clone()).or_default() += 1;
                    }
                    rejection.rejected_by.extend(by);
                    refusals.push(refusal);
                }
            }
        }
        match feasible.as_slice() {
            [] => self.reject(cycle, &prepared.asked(), rejection, &refusals),
            [only] => Decision::Bind(Placement::only(Arc::clone(&only.name))),
            nodes => Decision::Bind(self.choose(cycle, nodes)),
        }
    }

    fn gate_of(&self, pod: &PodInfo) -> Option<String> {
        self.points.gates.iter().find_map(|plugin| plugin.gate(pod))
    }
}

impl Scheduler for Framework {
    fn name(&self) -> &str {
        &self.name
    }

    fn schedule(&self, pod: &PodInfo, snapshot: &Snapshot) -> Decision {
        let cycle = Cycle { pod, snapshot };
        ask(|| self.decide(cycle)).unwrap_or_else(|panic| self.failed(cycle, &*panic))
    }

    fn gate(&self, pod: &PodInfo) -> Option<String> {
        let failed = |panic: Box<dyn Any + Send>| {
            Some(format!("a plugin panicked: {}", binding::message(&*panic)))
        };
        ask(|| self.gate_of(pod)).unwrap_or_else(failed)
    }

    fn order(&self, a: &Waiting<'_>, b: &Waiting<'_>) -> Ordering {
        let usual = || b.pod.priority.cmp(&a.pod.priority).then(a.since.cmp(&b.since));
        match self.points.queue_sort.last() {
            Some(plugin) => ask(|| plugin.order(a, b)).unwrap_or_else(|_| usual()),
            None => usual(),
        }
    }

    fn helped_by(&self, pod: &PodInfo, rejection: &Rejection, event: &ClusterEvent<'_>) -> bool {
        // A wrong yes costs an attempt, a wrong no leaves the pod waiting.
        ask(|| points::helped_by(&self.points.filters, pod, rejection, event)).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests;
