//! Pods that are like no other: one pass over all nodes, and nothing is kept.

use orchestrator_core::scheduler::{PodInfo, Snapshot};

use super::class::View;
use super::kernel::{self, Asked, UNFIT};
use super::local::Local;
use super::plan::Plan;
use super::statics;
use super::table::{Slot, Table};
use crate::framework::{Cycle, MAX_SCORE};

/// Memory that a pass needs, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    scores: Vec<f64>,
    doubtful: Vec<u32>,
}

/// What the kernel needs to know; `None` where it cannot score for this pod.
pub(super) fn asked(plan: &Plan, pod: &PodInfo, table: &Table) -> Option<Asked> {
    let others = plan.pods_filters.len() + plan.pods_scores.len() + plan.blocks.len();
    let (fit, fit_weight) = plan.fit_score.as_ref()?;
    let (balanced, balanced_weight) = plan.balanced.as_ref()?;
    let names = |resources: &[crate::plugins::ResourceWeight]| matches!(resources, [cpu, memory] if cpu.name == "cpu" && memory.name == "memory");
    let suits = plan.fit.is_some()
        && others == 0
        && fit.is_least_allocated()
        && names(fit.resources())
        && names(balanced.resources())
        && pod.requests.extended.is_empty()
        && table.has_no_promises();
    let amounts = [pod.requests.cpu_milli, pod.requests.memory, pod.requests.ephemeral_storage];
    let scoring = [pod.scoring_requests.cpu_milli, pod.scoring_requests.memory];
    let small = |amount: &i64| (0..=kernel::MAX_AMOUNT).contains(amount);
    if !suits || !amounts.iter().chain(&scoring).all(small) {
        return None;
    }
    let balances = pod.requests.cpu_milli != 0 || pod.requests.memory != 0;
    Some(Asked {
        cpu: amounts[0] as f64,
        memory: amounts[1] as f64,
        storage: amounts[2] as f64,
        cpu_scoring: scoring[0] as f64,
        memory_scoring: scoring[1] as f64,
        cpu_weight: fit.resources()[0].weight as f64,
        memory_weight: fit.resources()[1].weight as f64,
        fit_weight: *fit_weight as f64,
        balanced_weight: if balances { *balanced_weight as f64 } else { 0.0 },
    })
}

/// One of the best nodes, and how many there are; `None` where no node takes the pod.
pub(super) fn best(
    asked: Asked,
    pod: &PodInfo,
    view: View<'_>,
    table: &Table,
    scratch: &mut Scratch,
    pick: impl Fn(usize) -> usize,
) -> Option<(Slot, usize)> {
    let Scratch { scores, doubtful } = scratch;
    kernel::score(&table.lanes, asked, scores, doubtful);
    if !doubtful.is_empty() || !table.odd.is_empty() {
        let local = Local::new(view.framework, view.plan, pod, view.snapshot)?;
        for slot in doubtful.iter().chain(&table.odd) {
            let score = local.judge(table, *slot, None);
            scores[*slot as usize] = score.map_or(UNFIT, |score| score as f64);
        }
    }
    let cells = view.statics.cells();
    if cells.len() != 2 || cells[1].refused.is_some() {
        add_shared(pod, view, view.snapshot, scores);
    }
    let (highest, among) = kernel::highest(scores);
    if highest < 0.0 {
        return None;
    }
    let best = scores.iter().enumerate().filter(|(_, score)| **score == highest);
    let slot = best.map(|(slot, _)| slot as Slot).nth(pick(among))?;
    Some((slot, among))
}

/// Adds the scores that the nodes of a cell share; nodes that are refused get none.
fn add_shared(pod: &PodInfo, view: View<'_>, snapshot: &Snapshot, scores: &mut [f64]) {
    let cells = view.statics.cells();
    let mut open = vec![false; cells.len()];
    for (slot, score) in scores.iter_mut().enumerate() {
        let cell = view.statics.of(slot as Slot) as usize;
        if cell == statics::VACANT as usize || cells[cell].refused.is_some() {
            *score = UNFIT;
        } else if *score >= 0.0 {
            open[cell] = true;
        }
    }
    let present: Vec<usize> = (0..cells.len()).filter(|cell| open[*cell]).collect();
    let mut shared: Vec<i64> = cells.iter().map(|cell| cell.constant).collect();
    let prepared = statics::scores(view.framework, view.plan, Cycle { pod, snapshot });
    let normalized = prepared.iter().filter(|(score, _)| score.is_normalized());
    for (index, (score, weight)) in normalized.enumerate() {
        let mut raws: Vec<i64> = present.iter().map(|cell| cells[*cell].raws[index]).collect();
        score.normalize(&mut raws);
        for (cell, score) in present.iter().zip(raws) {
            shared[*cell] += score.clamp(0, MAX_SCORE) * weight;
        }
    }
    for (slot, score) in scores.iter_mut().enumerate().filter(|(_, score)| **score >= 0.0) {
        *score += shared[view.statics.of(slot as Slot) as usize] as f64;
    }
}
