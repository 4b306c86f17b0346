//! The plugins' own arithmetic for one node, for pods of which the amounts say everything.

use orchestrator_core::scheduler::PodInfo;

use super::kernel::{Asked, MAX_WEIGHTS};
use super::plan::Plan;
use super::row::Row;
use crate::framework::MAX_SCORE;
use crate::plugins::{NodeResourcesBalancedAllocation, ResourceWeight, Share};

/// What a pod asks for, where nothing else matters for what a node says by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    cpu: i64,
    memory: i64,
    storage: i64,
    cpu_scoring: i64,
    memory_scoring: i64,
    balances: bool,
}

impl Exact {
    /// `None` where other plugins or other resources have a say.
    pub fn new(plan: &Plan, pod: &PodInfo) -> Option<Self> {
        let others = plan.pods_filters.len() + plan.pods_scores.len() + plan.blocks.len();
        let (fit, _) = plan.fit_score.as_ref()?;
        let balanced = plan.balanced.as_ref().map(|(balanced, _)| balanced.resources());
        let suits = plan.fit.is_some()
            && others == 0
            && is_usual(fit.resources())
            && balanced.is_none_or(is_usual)
            && pod.requests.extended.is_empty();
        let (asked, scoring) = (&pod.requests, &pod.scoring_requests);
        suits.then_some(Self {
            cpu: asked.cpu_milli,
            memory: asked.memory,
            storage: asked.ephemeral_storage,
            cpu_scoring: scoring.cpu_milli,
            memory_scoring: scoring.memory,
            balances: asked.cpu_milli != 0 || asked.memory != 0,
        })
    }

    /// The sum of the weighted scores of a node that takes the pod; `None` where it does not.
    /// Nobody may have been promised room there.
    #[inline]
    pub fn judge(&self, plan: &Plan, row: &Row) -> Option<i64> {
        let lacks =
            |asked: i64, has: i64, taken: i64| asked > 0 && asked > has.saturating_sub(taken);
        if row.pods_taken + 1 > row.pods
            || lacks(self.cpu, row.cpu, row.cpu_taken)
            || lacks(self.memory, row.memory, row.memory_taken)
            || lacks(self.storage, row.storage, row.storage_taken)
        {
            return None;
        }
        let share = |allocatable: i64, taken: i64, asked: i64| Share { allocatable, taken, asked };
        let mut total = 0;
        if let Some((fit, weight)) = &plan.fit_score {
            let shares = [
                share(row.cpu, row.cpu_scoring, self.cpu_scoring),
                share(row.memory, row.memory_scoring, self.memory_scoring),
            ];
            let weighted = fit.resources().iter().map(|resource| resource.weight).zip(shares);
            let score = fit.score_shares(weighted.filter(|(_, share)| share.allocatable > 0));
            total += score.clamp(0, MAX_SCORE) * weight;
        }
        if let Some((_, weight)) = plan.balanced.as_ref().filter(|_| self.balances) {
            let shares = [
                share(row.cpu, row.cpu_taken, self.cpu),
                share(row.memory, row.memory_taken, self.memory),
            ];
            let there = match (row.cpu > 0, row.memory > 0) {
                (true, true) => &shares[..],
                (true, false) => &shares[..1],
                (false, true) => &shares[1..],
                (false, false) => &[],
            };
            let score = NodeResourcesBalancedAllocation::score_shares(there);
            total += score.clamp(0, MAX_SCORE) * weight;
        }
        Some(total)
    }

    /// The same for passes over all nodes; `None` where they know nothing of the scores.
    pub fn asked(&self, plan: &Plan) -> Option<Asked> {
        let (fit, fit_weight) = plan.fit_score.as_ref()?;
        let (_, balanced_weight) = plan.balanced.as_ref()?;
        let weights = || fit.resources().iter().map(|resource| resource.weight);
        let amounts = [self.cpu, self.memory, self.storage, self.cpu_scoring, self.memory_scoring];
        let suits = fit.is_least_allocated()
            && (1..=MAX_WEIGHTS).contains(&weights().sum())
            && weights().chain(amounts).all(|number| number >= 0);
        let [cpu, memory, storage, cpu_scoring, memory_scoring] = amounts.map(|n| n as f32);
        suits.then(|| Asked {
            cpu,
            memory,
            storage,
            cpu_scoring,
            memory_scoring,
            cpu_weight: fit.resources()[0].weight as f32,
            memory_weight: fit.resources()[1].weight as f32,
            fit_weight: *fit_weight as f32,
            balanced_weight: if self.balances { *balanced_weight as f32 } else { 0.0 },
        })
    }
}

fn is_usual(resources: &[ResourceWeight]) -> bool {
    matches!(resources, [cpu, memory] if cpu.name == "cpu" && memory.name == "memory")
}
