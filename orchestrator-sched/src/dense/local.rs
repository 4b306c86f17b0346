//! What a node says of a pod by itself: whether it fits, and the scores that no other node
//! changes. The arithmetic is that of the plugins, on columns.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Resources, Snapshot};
use smallvec::SmallVec;

use super::plan::{Plan, Weighted};
use super::table::{Slot, Table};
use crate::framework::{Block, Cycle, Framework, MAX_SCORE, Prepared, Refusal, Refused, Score};
use crate::plugins::{NodeResourcesBalancedAllocation, NodeResourcesFit, Share};

/// The filters and scores that read a node and its pods, prepared for one pod.
pub(super) struct Local<'a> {
    pod: &'a PodInfo,
    plan: &'a Plan<'a>,
    filters: Option<Prepared<'a>>,
    scores: SmallVec<[Weighted<Score<'a>>; 2]>,
    balances: bool,
}

/// Why a node by itself does not take a pod.
pub(super) enum Unfit {
    /// It lacks room.
    Full,
    /// A filter that is asked node by node refuses it.
    Refused(Refused),
}

impl<'a> Local<'a> {
    /// `None` where a filter rejects the pod as a whole.
    pub fn new(
        framework: &'a Framework,
        plan: &'a Plan<'a>,
        pod: &'a PodInfo,
        snapshot: &'a Snapshot,
    ) -> Option<Self> {
        let cycle = Cycle { pod, snapshot };
        let filters = match plan.pods_filters.is_empty() {
            true => None,
            false => Some(framework.prepare(cycle, Some(&plan.pods_filters)).ok()?),
        };
        let mut scores = SmallVec::new();
        for (index, weight) in &plan.pods_scores {
            let (scorer, _) =
                framework.scorers().nth(*index).expect("the plan is of the framework");
            scores.push((scorer.prepare(cycle, &[]), *weight));
        }
        let asks = |name: &str| pod.requests.get(name) != 0;
        let balances = plan
            .balanced
            .is_some_and(|(balanced, _)| balanced.resources().iter().any(|r| asks(&r.name)));
        Some(Self { pod, plan, filters, scores, balances })
    }

    /// Whether a plugin looks at the node itself, not at columns.
    pub fn needs_node(&self) -> bool {
        self.filters.is_some() || !self.scores.is_empty()
    }

    /// Whether scores that read a node's pods want to be normalised, which nobody keeps.
    pub fn is_normalized(&self) -> bool {
        self.scores.iter().any(|(score, _)| score.is_normalized())
    }

    /// The sum of the weighted scores of a node that takes the pod, or why it does not.
    pub fn judge(&self, table: &Table, slot: Slot, node: Option<&NodeInfo>) -> Result<i64, Unfit> {
        if let (Some(filters), Some(node)) = (&self.filters, node) {
            filters.judge(node).map_err(Unfit::Refused)?;
        }
        if let Some(fit) = self.plan.fit
            && !self.fits(fit, table, slot)
        {
            return Err(Unfit::Full);
        }
        Ok(self.score(table, slot, node))
    }

    /// The room that is promised on the node to pods that come first. A pod that is tried while
    /// it has a promise itself has none in the table meanwhile.
    fn promised(&self, table: &Table, slot: Slot) -> Option<Resources> {
        if table.promised_on.is_empty() {
            return None;
        }
        let pods = table.promised_on.get(&slot)?;
        let first = |other: &&Arc<PodInfo>| other.priority >= self.pod.priority;
        let mut sum = Resources::default();
        for pod in pods.iter().filter(first) {
            sum.add(&pod.requests);
            sum.pods += 1;
        }
        Some(sum)
    }

    fn fits(&self, fit: &NodeResourcesFit, table: &Table, slot: Slot) -> bool {
        let at = slot as usize;
        let (has, taken, asked) = (&table.allocatable, &table.requested, &self.pod.requests);
        let promised = self.promised(table, slot);
        let promised = promised.as_ref();
        let more = |of: fn(&Resources) -> i64| promised.map_or(0, of);
        let lacks = |asked: i64, has: i64, taken: i64, more: i64| {
            asked > 0 && asked > has.saturating_sub(taken.saturating_add(more))
        };
        if taken.pods[at] + more(|r| r.pods) + 1 > has.pods[at]
            || lacks(asked.cpu_milli, has.cpu[at], taken.cpu[at], more(|r| r.cpu_milli))
            || lacks(asked.memory, has.memory[at], taken.memory[at], more(|r| r.memory))
            || lacks(
                asked.ephemeral_storage,
                has.storage[at],
                taken.storage[at],
                more(|r| r.ephemeral_storage),
            )
        {
            return false;
        }
        let (has, taken) = (&table.extended[at], &table.extended_requested[at]);
        asked.extended.iter().all(|(name, amount)| {
            let of = |amounts: &super::table::Extended| amounts.get(name).copied().unwrap_or(0);
            let more = promised.map_or(0, |promised| promised.get(name));
            fit.is_ignored(name) || !lacks(*amount, of(has), of(taken), more)
        })
    }

    /// Why the node has no room.
    pub fn refusal(&self, table: &Table, slot: Slot) -> Option<Refusal> {
        let fit = self.plan.fit?;
        let mut taken = table.resources_requested(slot);
        if let Some(promised) = self.promised(table, slot) {
            taken.add(&promised);
        }
        fit.check_amounts(&self.pod.requests, &taken, &table.resources_allocatable(slot)).err()
    }

    fn score(&self, table: &Table, slot: Slot, node: Option<&NodeInfo>) -> i64 {
        let mut total = 0;
        if let Some((fit, weight)) = self.plan.fit_score {
            total += fit_score(fit, self.pod, table, slot).clamp(0, MAX_SCORE) * weight;
        }
        if let Some((balanced, weight)) = self.plan.balanced.filter(|_| self.balances) {
            total += balanced_score(balanced, self.pod, table, slot).clamp(0, MAX_SCORE) * weight;
        }
        for (block, weight) in &self.plan.blocks {
            let mut score = [0];
            block.score_block(self.pod, &table.block(slot as usize..slot as usize + 1), &mut score);
            total += score[0].clamp(0, MAX_SCORE) * weight;
        }
        if let Some(node) = node {
            for (score, weight) in &self.scores {
                total += score.raw(node).unwrap_or_default().clamp(0, MAX_SCORE) * weight;
            }
        }
        total
    }
}

fn fit_score(fit: &NodeResourcesFit, pod: &PodInfo, table: &Table, slot: Slot) -> i64 {
    let at = slot as usize;
    let shares = fit.resources().iter().map(|resource| {
        let share = match resource.name.as_str() {
            "cpu" => Share {
                allocatable: table.allocatable.cpu[at],
                taken: table.scoring.cpu[at],
                asked: pod.scoring_requests.cpu_milli,
            },
            _ => Share {
                allocatable: table.allocatable.memory[at],
                taken: table.scoring.memory[at],
                asked: pod.scoring_requests.memory,
            },
        };
        (resource.weight, share)
    });
    fit.score_shares(shares.filter(|(_, share)| share.allocatable > 0))
}

fn balanced_score(
    balanced: &NodeResourcesBalancedAllocation,
    pod: &PodInfo,
    table: &Table,
    slot: Slot,
) -> i64 {
    let at = slot as usize;
    let shares = balanced.resources().iter().map(|resource| match resource.name.as_str() {
        "cpu" => Share {
            allocatable: table.allocatable.cpu[at],
            taken: table.requested.cpu[at],
            asked: pod.requests.cpu_milli,
        },
        _ => Share {
            allocatable: table.allocatable.memory[at],
            taken: table.requested.memory[at],
            asked: pod.requests.memory,
        },
    });
    let shares = shares.filter(|share| share.allocatable > 0);
    NodeResourcesBalancedAllocation::score_shares(&shares.collect::<SmallVec<[Share; 4]>>())
}

impl Table {
    /// The columns of some nodes.
    pub fn block(&self, slots: std::ops::Range<usize>) -> Block<'_> {
        Block {
            cpu_allocatable: &self.allocatable.cpu[slots.clone()],
            cpu_requested: &self.requested.cpu[slots.clone()],
            memory_allocatable: &self.allocatable.memory[slots.clone()],
            memory_requested: &self.requested.memory[slots.clone()],
            storage_allocatable: &self.allocatable.storage[slots.clone()],
            storage_requested: &self.requested.storage[slots.clone()],
            pods_allocatable: &self.allocatable.pods[slots.clone()],
            pods: &self.requested.pods[slots],
        }
    }
}
