//! What a node says of a pod by itself: whether it fits, and the scores that no other node
//! changes. The arithmetic is that of the plugins, on columns.

use std::collections::BTreeSet;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Resources, Snapshot};
use smallvec::SmallVec;

use super::plan::{Plan, Weighted};
use super::table::{Slot, Table};
use crate::framework::{
    BlockScore, Cycle, Framework, MAX_SCORE, Plugin as _, Prepared, Refused, Score, What,
};
use crate::plugins::{NodeResourcesBalancedAllocation, NodeResourcesFit, Share};

/// Resources beyond this share a bit; pods that ask for so many are told apart no further.
const MAX_BIT: u32 = 62;

/// The bit of a node that is too small even without pods.
const NEVER: u64 = 1 << 63;

/// The filters and scores that read a node and its pods, prepared for one pod.
pub(super) struct Local<'a> {
    pod: &'a PodInfo,
    plan: &'a Plan,
    filters: Option<Prepared<'a>>,
    scores: SmallVec<[Weighted<Score<'a>>; 2]>,
    blocks: SmallVec<[Weighted<&'a dyn BlockScore>; 2]>,
    balances: bool,
}

/// Why a node by itself does not take a pod.
pub(super) enum Unfit {
    /// It lacks room; what of, is a bit each.
    Lacks(u64),
    /// A filter that is asked node by node refuses it.
    Refused(Refused),
}

impl<'a> Local<'a> {
    /// `None` where a filter rejects the pod as a whole.
    pub fn new(
        framework: &'a Framework,
        plan: &'a Plan,
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
        let mut blocks = SmallVec::new();
        for (index, weight) in &plan.blocks {
            let (scorer, _) =
                framework.scorers().nth(*index).expect("the plan is of the framework");
            if let What::Block(block) = scorer.reads(pod).0 {
                blocks.push((block, *weight));
            }
        }
        let asks = |name: &str| pod.requests.get(name) != 0;
        let balances = plan
            .balanced
            .as_ref()
            .is_some_and(|(balanced, _)| balanced.resources().iter().any(|r| asks(&r.name)));
        Some(Self { pod, plan, filters, scores, blocks, balances })
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
        match self.plan.fit.as_ref().map_or(0, |fit| self.lacks(fit, table, slot)) {
            0 => Ok(self.score(table, slot, node)),
            lacks => Err(Unfit::Lacks(lacks)),
        }
    }

    /// What the node lacks, a bit for each; 0 where the pod fits.
    fn lacks(&self, fit: &NodeResourcesFit, table: &Table, slot: Slot) -> u64 {
        let at = slot as usize;
        let (row, asked) = (&table.rows[at], &self.pod.requests);
        let promised = promised(table, slot, self.pod.priority);
        let promised = promised.as_ref();
        let more = |of: fn(&Resources) -> i64| promised.map_or(0, of);
        let mut bits = u64::from(row.pods_taken + more(|r| r.pods) + 1 > row.pods);
        let mut check = |bit: u32, asked: i64, has: i64, taken: i64, more: i64| {
            if asked > 0 && asked > has.saturating_sub(taken.saturating_add(more)) {
                bits |= 1 << bit.min(MAX_BIT);
                // Nobody's leaving makes a node bigger.
                bits |= if asked > has { NEVER } else { 0 };
            }
        };
        check(1, asked.cpu_milli, row.cpu, row.cpu_taken, more(|r| r.cpu_milli));
        check(2, asked.memory, row.memory, row.memory_taken, more(|r| r.memory));
        let storage = (row.storage, row.storage_taken);
        check(3, asked.ephemeral_storage, storage.0, storage.1, more(|r| r.ephemeral_storage));
        if asked.extended.is_empty() {
            return bits;
        }
        let (has, taken) = (&table.extended[at], &table.extended_requested[at]);
        let of = |amounts: &super::table::Extended, name| amounts.get(name).copied().unwrap_or(0);
        for (bit, (name, amount)) in (4..).zip(&asked.extended) {
            if !fit.is_ignored(name) {
                let more = promised.map_or(0, |promised| promised.get(name));
                check(bit, *amount, of(has, name), of(taken, name), more);
            }
        }
        bits
    }

    /// Why the node has no room, in the plugin's words.
    pub fn refused(&self, table: &Table, slot: Slot) -> Option<Refused> {
        let fit = self.plan.fit.as_ref()?;
        let mut taken = table.resources_requested(slot);
        if let Some(promised) = promised(table, slot, self.pod.priority) {
            taken.add(&promised);
        }
        let has = table.resources_allocatable(slot);
        let refusal = fit.check_amounts(&self.pod.requests, &taken, &has).err()?;
        Some((BTreeSet::from([fit.name()]), refusal))
    }

    fn score(&self, table: &Table, slot: Slot, node: Option<&NodeInfo>) -> i64 {
        let mut total = 0;
        if let Some((fit, weight)) = &self.plan.fit_score {
            total += fit_score(fit, self.pod, table, slot).clamp(0, MAX_SCORE) * weight;
        }
        if let Some((balanced, weight)) = self.plan.balanced.as_ref().filter(|_| self.balances) {
            total += balanced_score(balanced, self.pod, table, slot).clamp(0, MAX_SCORE) * weight;
        }
        for (block, weight) in &self.blocks {
            let mut score = [0];
            block.score_block(self.pod, &table.rows[slot as usize].block(), &mut score);
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

/// The room that is promised on a node to pods of at least this priority. A pod that is tried
/// while it has a promise itself has none in the table meanwhile.
pub(super) fn promised(table: &Table, slot: Slot, priority: i32) -> Option<Resources> {
    if table.promised_on.is_empty() {
        return None;
    }
    let pods = table.promised_on.get(&slot)?;
    let mut sum = Resources::default();
    for pod in pods.iter().filter(|other| other.priority >= priority) {
        sum.add(&pod.requests);
        sum.pods += 1;
    }
    Some(sum)
}

fn fit_score(fit: &NodeResourcesFit, pod: &PodInfo, table: &Table, slot: Slot) -> i64 {
    let row = &table.rows[slot as usize];
    let shares = fit.resources().iter().map(|resource| {
        let share = match resource.name.as_str() {
            "cpu" => Share {
                allocatable: row.cpu,
                taken: row.cpu_scoring,
                asked: pod.scoring_requests.cpu_milli,
            },
            _ => Share {
                allocatable: row.memory,
                taken: row.memory_scoring,
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
    let row = &table.rows[slot as usize];
    let shares = balanced.resources().iter().map(|resource| match resource.name.as_str() {
        "cpu" => {
            Share { allocatable: row.cpu, taken: row.cpu_taken, asked: pod.requests.cpu_milli }
        }
        _ => Share { allocatable: row.memory, taken: row.memory_taken, asked: pod.requests.memory },
    });
    let shares = shares.filter(|share| share.allocatable > 0);
    NodeResourcesBalancedAllocation::score_shares(&shares.collect::<SmallVec<[Share; 4]>>())
}
