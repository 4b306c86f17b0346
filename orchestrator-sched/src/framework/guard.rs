//! What a framework answers where one of its plugins panics.
//!
//! A scheduler is total: no pod may end the loop. So each answer is asked for behind a guard; only
//! after a panic the plugins are asked again one by one, to find out whose it was.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use orchestrator_core::scheduler::{Decision, NodeInfo, Rejection};

use super::binding::message;
use super::{Cycle, Filter, FilterPlugin, Framework, ScorePlugin};

/// Asks, unless that panics.
pub(super) fn ask<T>(question: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(question))
}

impl Framework {
    /// The decision about a pod that a plugin panicked at: it is tried again after its backoff,
    /// since nothing in the cluster is known to help.
    pub(super) fn failed(&self, cycle: Cycle<'_>, panic: &(dyn Any + Send)) -> Decision {
        let plugin = self.culprit(cycle).unwrap_or("unknown");
        let mut rejection = Rejection::default();
        rejection.nodes = cycle.snapshot.nodes().len();
        rejection.whole = format!("plugin {plugin} panicked: {}", message(panic));
        Decision::Unschedulable(rejection)
    }

    /// The first plugin that panics at the pod, or at a node for it.
    fn culprit(&self, cycle: Cycle<'_>) -> Option<&'static str> {
        let nodes: Vec<&NodeInfo> = cycle.snapshot.nodes().iter().map(|node| &**node).collect();
        let filters = self.points.filters.iter().find_map(|plugin| {
            ask(|| try_filter(&**plugin, cycle, &nodes)).err().map(|_| plugin.name())
        });
        filters.or_else(|| {
            let mut scores = self.points.scores.iter();
            scores.find_map(|plugin| {
                ask(|| try_score(&**plugin, cycle, &nodes)).err().map(|_| plugin.name())
            })
        })
    }
}

fn try_filter(plugin: &dyn FilterPlugin, cycle: Cycle<'_>, nodes: &[&NodeInfo]) {
    if let Filter::Each(filter) | Filter::Among(_, filter) = plugin.prepare(cycle) {
        // Only whether it answers matters.
        nodes.iter().for_each(|node| drop(filter(node)));
    }
}

fn try_score(plugin: &dyn ScorePlugin, cycle: Cycle<'_>, nodes: &[&NodeInfo]) {
    drop(plugin.prepare(cycle, nodes).of(nodes));
}
