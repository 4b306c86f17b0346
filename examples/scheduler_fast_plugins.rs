//! Two plugins that declare what they read, so that the scheduler keeps their answers: one is
//! asked node by node, one is given the amounts of many nodes at a time.
//!
//! A plugin that declares nothing works too, and is asked about every node for every pod.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator::core::scheduler::{NodeInfo, PodInfo, Snapshot};
use orchestrator::sched::Plugin;
use orchestrator::sched::dense::{Choice, Core};
use orchestrator::sched::framework::{
    Block, BlockScore, Cycle, Filter, FilterPlugin, MAX_SCORE, Points, Reads, Refusal, Score,
    ScorePlugin, widest,
};
use orchestrator::sched::plugins;
use serde_json::{from_value, json};

/// Refuses nodes of another generation than the pod's annotation names; asked node by node.
///
/// It reads the node's object and an annotation: it is asked once for each node and kind of pod,
/// and again when the node's object changes.
#[derive(Debug)]
struct Generation;

const GENERATION: &str = "example.com/generation";

impl Plugin for Generation {
    fn name(&self) -> &'static str {
        "Generation"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.filter(self);
    }

    fn annotations(&self) -> &[&'static str] {
        &[GENERATION]
    }
}

impl FilterPlugin for Generation {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>) -> Filter<'a> {
        let annotations = cycle.pod.pod.metadata.annotations.as_ref();
        let Some(wanted) = annotations.and_then(|all| all.get(GENERATION)) else {
            return Filter::Skip;
        };
        Filter::each(move |node| match node.labels().get(GENERATION) == Some(wanted) {
            true => Ok(()),
            false => Err(Refusal::unresolvable("node(s) were of another generation")),
        })
    }

    fn reads(&self, _pod: &PodInfo) -> Reads<'_> {
        Reads::node()
    }
}

/// Prefers nodes with few pods, however large these are; given many nodes at a time.
///
/// A plain loop over columns: the compiler turns it into vectors, as wide as the processor has them.
#[derive(Debug)]
struct FewPods;

impl Plugin for FewPods {
    fn name(&self) -> &'static str {
        "FewPods"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for FewPods {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _feasible: &[&'a NodeInfo]) -> Score<'a> {
        Score::block(self, cycle.pod)
    }

    fn reads(&self, _pod: &PodInfo) -> Reads<'_> {
        Reads::block(self)
    }
}

impl BlockScore for FewPods {
    fn score_block(&self, _pod: &PodInfo, nodes: &Block<'_>, scores: &mut [i64]) {
        widest(|| {
            for (score, pods) in scores.iter_mut().zip(nodes.pods) {
                *score = (MAX_SCORE - pods).max(0);
            }
        });
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let framework = plugins::defaults("default-scheduler")
        .with(Generation)
        .with(FewPods)
        .weight("FewPods", 5)
        .build()?;
    let mut core = Core::new([Arc::new(framework)]);
    let mut cluster = Snapshot::default();
    for index in 0..1_000 {
        let name = format!("node-{index:04}");
        let generation = if index % 2 == 0 { "new" } else { "old" };
        let node: Node = from_value(json!({
            "metadata": {"name": name, "labels": {GENERATION: generation}},
            "status": {"allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"}},
        }))?;
        cluster.set_node(Arc::new(node));
        core.set_node(&name, &cluster);
    }
    let mut placed: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for index in 0..1_000 {
        let pod: Pod = from_value(json!({
            "metadata": {"name": format!("pod-{index}"), "namespace": "default",
                "annotations": {GENERATION: "new"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }))?;
        let pod = Arc::new(PodInfo::new(Arc::new(pod)));
        match core.choose(0, &pod, &cluster, |_among| 0) {
            Choice::Node { node, .. } => {
                core.add_pod(&pod, &node);
                cluster.assume(pod, &node);
                *placed.entry(node).or_default() += 1;
            }
            other => return Err(format!("there is room: {other:?}").into()),
        }
    }
    assert!(placed.values().all(|pods| *pods == 2), "pods are spread evenly");
    println!("1000 pods on {} of 1000 nodes, 2 on each", placed.len());
    Ok(())
}
