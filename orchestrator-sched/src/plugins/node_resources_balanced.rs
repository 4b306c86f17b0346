//! NodeResourcesBalancedAllocation: CPU and memory of a node are used up together.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo};
use smallvec::SmallVec;

use super::resource_scores::{ResourceWeight, Share, shares};
use crate::framework::{BuiltIn, Cycle, MAX_SCORE, Plugin, Points, Reads, Score, ScorePlugin};

/// Prefers nodes on which the pod makes the shares of the resources more even.
#[derive(Clone, Debug)]
pub struct NodeResourcesBalancedAllocation {
    resources: Vec<ResourceWeight>,
}

impl Default for NodeResourcesBalancedAllocation {
    fn default() -> Self {
        Self::new(ResourceWeight::defaults())
    }
}

impl NodeResourcesBalancedAllocation {
    /// Balances `resources`; their weights do not matter.
    pub fn new(resources: Vec<ResourceWeight>) -> Self {
        Self { resources }
    }

    /// Half for how even the node is with the pod, half for how much the pod helps: a pod that
    /// changes nothing counts as 75.
    fn score_node(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let shares = shares(&self.resources, pod, node, true).map(|(_, share)| share);
        Self::score_shares(&shares.collect::<SmallVec<[Share; 4]>>())
    }

    /// The score of a node with these shares.
    pub(crate) fn score_shares(shares: &[Share]) -> i64 {
        let with = evenness_by(shares, Share::with_pod);
        (MAX_SCORE + MAX_SCORE / 2 + with - Self::evenness_of(shares)) / 2
    }

    /// How even a node with these shares is without the pod.
    pub(crate) fn evenness_of(shares: &[Share]) -> i64 {
        evenness_by(shares, |share| share.taken)
    }

    /// The resources that are balanced.
    pub(crate) fn resources(&self) -> &[ResourceWeight] {
        &self.resources
    }
}

/// How even the shares are of which so much is taken.
#[inline]
fn evenness_by(shares: &[Share], taken: impl Fn(Share) -> i64) -> i64 {
    let used = |share: &Share| (taken(*share) as f64 / share.allocatable as f64).min(1.0);
    match shares {
        [a, b] => evenness(&[used(a), used(b)]),
        _ => evenness(&shares.iter().map(used).collect::<SmallVec<[f64; 4]>>()),
    }
}

/// [`MAX_SCORE`] for equal shares, less by their standard deviation.
#[inline]
fn evenness(shares: &[f64]) -> i64 {
    let deviation = match shares {
        [] | [_] => 0.0,
        // The same as below, but exact, which decides ties.
        [a, b] => ((a - b) / 2.0).abs(),
        _ => {
            let mean = shares.iter().sum::<f64>() / shares.len() as f64;
            let squares = shares.iter().map(|share| (share - mean) * (share - mean));
            (squares.sum::<f64>() / shares.len() as f64).sqrt()
        }
    };
    ((1.0 - deviation) * MAX_SCORE as f64) as i64
}

impl Plugin for NodeResourcesBalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn extend(self: Arc<Self>, points: &mut Points) {
        points.score(self);
    }
}

impl ScorePlugin for NodeResourcesBalancedAllocation {
    fn prepare<'a>(&'a self, cycle: Cycle<'a>, _: &[&'a NodeInfo]) -> Score<'a> {
        // Pods that ask for nothing change no balance; scoring them would gather them all on the
        // one node that happens to be even.
        let asks = |resource: &ResourceWeight| cycle.pod.requests.get(&resource.name) != 0;
        if !self.resources.iter().any(asks) {
            return Score::skip();
        }
        Score::each(move |node| self.score_node(cycle.pod, node))
    }

    fn reads(&self, _: &PodInfo) -> Reads<'_> {
        Reads::built_in(BuiltIn::Balanced(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{asking, node, scores};
    use serde_json::json;

    #[test]
    fn a_pod_goes_where_it_evens_out() {
        let allocatable = json!({"cpu": "4", "memory": "4Gi", "pods": "9"});
        let sized = |name| node(name, json!({"status": {"allocatable": allocatable.clone()}}));
        let (empty, mut uneven) = (sized("empty"), sized("uneven"));
        uneven.add(Arc::new(asking(json!({"memory": "2Gi"}))));
        let nodes = [empty, uneven];
        let plugin = NodeResourcesBalancedAllocation::default();
        assert_eq!(scores(&plugin, &asking(json!({"cpu": "2"})), &nodes), [62, 87]);
        assert_eq!(
            scores(&plugin, &asking(json!({"cpu": "2", "memory": "2Gi"})), &nodes),
            [75, 75]
        );
        assert!(scores(&plugin, &asking(json!({})), &nodes).is_empty());
    }

    #[test]
    fn evenness_is_the_deviation_taken_off() {
        assert_eq!(evenness(&[0.5, 0.5]), 100);
        assert_eq!(evenness(&[1.0, 0.0]), 50);
        assert_eq!(evenness(&[0.1, 0.1, 0.1]), 100);
        assert_eq!(evenness(&[]), 100);
    }
}
