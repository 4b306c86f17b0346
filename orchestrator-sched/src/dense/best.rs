//! Which nodes of a class are best: strata are compared, and each knows its own best nodes.

use orchestrator_core::scheduler::PodInfo;
use smallvec::SmallVec;

use super::class::{Class, View};
use super::statics;
use super::table::Slot;
use crate::framework::{Cycle, MAX_SCORE, Refusal};
use crate::plugins::{inter_pod_affinity as near, pod_topology_spread as spread};

/// The best nodes: strata, each with how many of its nodes are among them.
#[derive(Debug, Default)]
pub(super) struct Best {
    strata: SmallVec<[(usize, usize); 4]>,
}

impl Best {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.strata.iter().map(|(_, nodes)| nodes).sum()
    }

    /// One of them.
    pub fn get(&self, class: &Class, mut index: usize) -> Option<Slot> {
        for (stratum, nodes) in &self.strata {
            if index < *nodes {
                return class.ranking.get(*stratum, index);
            }
            index -= nodes;
        }
        None
    }

    fn add(&mut self, total: i64, highest: &mut i64, stratum: usize, nodes: usize) {
        if total > *highest {
            self.strata.clear();
            *highest = total;
        }
        if total == *highest {
            self.strata.push((stratum, nodes));
        }
    }
}

/// A stratum that can take the pod.
struct Open {
    stratum: usize,
    numbers: SmallVec<[i64; 8]>,
    /// The scores that all of its nodes have.
    shared: i64,
}

impl Class {
    /// Why the nodes of a stratum cannot take the pod, whatever they are like by themselves.
    pub fn refuses(&self, view: View<'_>, numbers: &[i64]) -> Option<(&'static str, Refusal)> {
        let constraints = self.dims.len() - self.near.len();
        if let Some(refusal) = self.spread.refuses(&self.dims, numbers) {
            return Some(("PodTopologySpread", refusal));
        }
        let (dims, numbers) = (&self.dims[constraints..], &numbers[constraints..]);
        let refusal = self.near.refuses(&self.pod, view.snapshot, dims, numbers)?;
        Some(("InterPodAffinity", refusal))
    }

    /// The best nodes for the next pod.
    pub fn best(&self, view: View<'_>) -> Best {
        let mut best = Best::default();
        if self.dims.is_empty() && self.ranking.strata() == 1 {
            if let Some((_, nodes)) = self.ranking.best(0) {
                best.strata.push((0, nodes));
            }
            return best;
        }
        let filled = (0..self.ranking.strata()).filter(|index| self.ranking.nodes(*index) > 0);
        let mut open: SmallVec<[Open; 4]> = SmallVec::new();
        for stratum in filled {
            let numbers = self.numbers(stratum);
            if self.dims.is_empty() || self.refuses(view, &numbers).is_none() {
                open.push(Open { stratum, numbers, shared: 0 });
            }
        }
        // Where all nodes share the other scores, those that they do not share decide.
        if open.len() > 1 {
            self.add_shared(view, &mut open);
        }
        let mut highest = i64::MIN;
        for open in &open {
            let (own, nodes) = self.ranking.best(open.stratum).expect("the stratum has nodes");
            best.add(own + open.shared, &mut highest, open.stratum, nodes);
        }
        best
    }

    /// Adds up the scores that the nodes of a stratum share.
    fn add_shared(&self, view: View<'_>, open: &mut [Open]) {
        for open in open.iter_mut() {
            open.shared = view.statics.cell(self.cell(open.stratum)).constant;
        }
        let pod: &PodInfo = &self.pod;
        let cycle = Cycle { pod, snapshot: view.snapshot };
        let scores = statics::scores(view.framework, view.plan, cycle);
        let normalized = scores.iter().filter(|(score, _)| score.is_normalized());
        for (index, (score, weight)) in normalized.enumerate() {
            let raw = |open: &Open| view.statics.cell(self.cell(open.stratum)).raws[index];
            let mut raws: Vec<i64> = open.iter().map(raw).collect();
            score.normalize(&mut raws);
            add(open, &raws, *weight);
        }
        if let Some((_, weight)) =
            view.plan.spread_score.as_ref().filter(|_| !self.spread.soft.is_empty())
        {
            let strata: Vec<_> = open
                .iter()
                .map(|open| {
                    let stratum = open.stratum;
                    let domain = move |topology| self.domain(stratum, topology);
                    (self.ranking.nodes(stratum), &*open.numbers, domain)
                })
                .collect();
            let mut raws = self.spread.raw_scores(&self.dims, &strata);
            spread::reverse(&mut raws);
            add(open, &raws, *weight);
        }
        if let Some((_, weight)) = view.plan.near_score.as_ref().filter(|_| self.near.has_wishes())
        {
            let constraints = self.dims.len() - self.near.len();
            let raw = |open: &Open| self.near.raw_score(&open.numbers[constraints..]);
            let mut raws: Vec<i64> = open.iter().map(raw).collect();
            near::spread(&mut raws);
            add(open, &raws, *weight);
        }
    }
}

fn add(open: &mut [Open], scores: &[i64], weight: i64) {
    for (open, score) in open.iter_mut().zip(scores) {
        open.shared += (*score).clamp(0, MAX_SCORE) * weight;
    }
}
