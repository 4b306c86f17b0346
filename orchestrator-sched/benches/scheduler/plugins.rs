//! What a plugin of one's own costs for each node that it is asked about.

use std::hint::black_box;
use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use orchestrator_sched::Plugin;
use orchestrator_sched::framework::{
    Block, BlockScore, Cycle, MAX_SCORE, Points, Reads, Score, ScorePlugin, widest,
};
use serde_json::json;

use super::clusters::{Cluster, pod};
use super::{row, timed};

const NODES: usize = 5_000;

/// More CPU that nobody has asked for is better; asked node by node.
#[derive(Debug)]
struct ByNode;

impl Plugin for ByNode {
    fn name(&self) -> &'static str {
        "ByNode"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for ByNode {
    fn prepare<'a>(&'a self, _: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        Score::each(|node| (node.allocatable.cpu_milli - node.requested.cpu_milli) >> 7)
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::node_and_pods()
    }
}

/// The same for many nodes at a time.
#[derive(Debug)]
struct ByBlock;

impl BlockScore for ByBlock {
    fn score_block(&self, _: &PodInfo, nodes: &Block<'_>, scores: &mut [i64]) {
        widest(|| {
            let amounts = nodes.cpu_allocatable.iter().zip(nodes.cpu_requested);
            for (score, (has, taken)) in scores.iter_mut().zip(amounts) {
                *score = ((has - taken) >> 7).clamp(0, MAX_SCORE);
            }
        });
    }
}

/// Prints the figures.
pub fn figures() {
    const ROUNDS: usize = 2_000;
    let cluster = Cluster::new(NODES);
    let snapshot: &Snapshot = &cluster.snapshot;
    let nodes: Vec<&NodeInfo> = snapshot.nodes().iter().map(|node| &**node).collect();
    let pod = pod("default", (1, 1), 0, json!({}));
    let score = ByNode.prepare(Cycle { pod: &pod, snapshot }, &nodes);
    let time = timed(|| (0..ROUNDS).for_each(|_| drop(black_box(score.of(&nodes)))));
    let per = |time: std::time::Duration| {
        format!("{:.2} ns/node", time.as_secs_f64() * 1e9 / (ROUNDS * NODES) as f64)
    };
    row("a plugin that is asked node by node, 5000 nodes", per(time), "10 ns/node");
    let columns = [const { [4_000_i64; NODES] }; 2];
    let block =
        Block { cpu_allocatable: &columns[0], cpu_requested: &columns[1], ..Block::default() };
    let mut scores = vec![0; NODES];
    let time = timed(|| {
        for _ in 0..ROUNDS {
            ByBlock.score_block(&pod, black_box(&block), &mut scores);
            black_box(&scores);
        }
    });
    row("a plugin that is asked by blocks, 5000 nodes", per(time), "0.5 ns/node");
}
