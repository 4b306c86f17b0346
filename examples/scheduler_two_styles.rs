//! One scheduler plugin in two styles: asked node by node, and asked for many nodes at a time.
//!
//! Both prefer the nodes that a pod would leave with the least CPU to spare. The first style is
//! the one to begin with: a closure over one node, which may look at everything. By declaring what
//! it [`reads`](ScorePlugin::reads) it is asked again only about nodes that have changed since the
//! last pod of the kind. The second is for plugins that look at amounts only: a loop over columns,
//! which the compiler turns into vector instructions.

use std::error::Error;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use orchestrator::core::scheduler::{Decision, NodeInfo, PodInfo, Scheduler, Snapshot};
use orchestrator::sched::framework::{
    Block, BlockScore, Cycle, Framework, MAX_SCORE, Plugin, Points, Reads, Score, ScorePlugin,
};
use orchestrator::sched::plugins::NodeResourcesFit;
use serde_json::json;

/// The score of a node that has so much and will have given so much away.
fn tightness(allocatable: i64, requested: i64) -> i64 {
    (MAX_SCORE * requested / allocatable.max(1)).clamp(0, MAX_SCORE)
}

/// Node by node.
#[derive(Debug)]
struct Tight;

impl Plugin for Tight {
    fn name(&self) -> &'static str {
        "Tight"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for Tight {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _feasible: &[&'a NodeInfo]) -> Score<'a> {
        let asked = cycle.pod.requests.cpu_milli;
        Score::each(move |node| {
            tightness(node.allocatable.cpu_milli, node.requested.cpu_milli + asked)
        })
    }

    fn reads(&self, _pod: &PodInfo) -> Reads<'_> {
        Reads::node_and_pods()
    }
}

/// Many nodes at a time.
#[derive(Debug)]
struct TightBlocks;

impl Plugin for TightBlocks {
    fn name(&self) -> &'static str {
        "TightBlocks"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl BlockScore for TightBlocks {
    fn score_block(&self, pod: &PodInfo, nodes: &Block<'_>, scores: &mut [i64]) {
        let amounts = nodes.cpu_allocatable.iter().zip(nodes.cpu_requested);
        for (score, (allocatable, requested)) in scores.iter_mut().zip(amounts) {
            *score = tightness(*allocatable, requested + pod.requests.cpu_milli);
        }
    }
}

impl ScorePlugin for TightBlocks {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _feasible: &[&'a NodeInfo]) -> Score<'a> {
        Score::block(self, cycle.pod)
    }

    fn reads(&self, _pod: &PodInfo) -> Reads<'_> {
        Reads::block(self)
    }
}

/// A pod that asks for so many thousandths of a CPU.
fn pod(name: &str, cpu_milli: usize) -> Result<PodInfo, serde_json::Error> {
    let requests = json!({"requests": {"cpu": format!("{cpu_milli}m")}});
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "resources": requests}]},
    }))?;
    Ok(PodInfo::new(Arc::new(pod)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut snapshot = Snapshot::default();
    for n in 0..20 {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": format!("node-{n:02}")},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "20"}},
        }))?;
        snapshot.set_node(Arc::new(node));
    }
    let fits = NodeResourcesFit::default;
    // The fit has a score of its own, the other way round; the plugin outvotes it.
    let single = Framework::builder("a").with(fits()).with(Tight).weight("Tight", 10).build()?;
    let blocks = Framework::builder("b").with(fits()).with(TightBlocks);
    let blocks = blocks.weight("TightBlocks", 10).build()?;
    for n in 0..60 {
        let pod = pod(&format!("pod-{n}"), 100 + n * 37 % 900)?;
        let decided = [&single, &blocks].map(|framework| framework.schedule(&pod, &snapshot));
        let [Decision::Bind(one), Decision::Bind(other)] = decided else {
            return Err("there is room for all".into());
        };
        assert_eq!(one.totals, other.totals, "the styles agree");
        let node = one.best[0].to_string();
        snapshot.assume(Arc::new(pod), &node);
    }
    let used = snapshot.nodes().iter().filter(|node| !node.pods.is_empty()).count();
    println!("60 pods on {used} of 20 nodes; both styles decided the same");
    Ok(())
}
