//! Pods that are like no other: passes over all nodes, and nothing is kept.
//!
//! One pass finds the most that each node's score can be. Only where that is the highest of all
//! it matters what the score is: a second pass over those chunks says where it is certain, and
//! the plugins' own arithmetic decides about the few others.

use orchestrator_core::scheduler::PodInfo;

use super::class::View;
use super::exact::Exact;
use super::kept::Place;
use super::kernel::{Asked, Bound, Pass, Scores, UNFIT};
use super::lanes::{CHUNK, Lane};
use super::statics;
use super::table::{Slot, Table};
use crate::framework::{Cycle, MAX_SCORE};

/// A pod that is looked for a node for, and what is known.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub pod: &'a PodInfo,
    pub exact: Exact,
    pub asked: Asked,
    pub view: View<'a>,
    /// Its lanes are up to date.
    pub table: &'a Table,
    /// Where the answers about nodes' objects are kept.
    pub statics: Place,
}

/// Memory that a pass needs, kept for the next one.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    scores: Vec<Scores>,
    /// The least that scores can be, of the chunks that were asked about.
    least: Vec<Scores>,
    peaks: Vec<f32>,
    /// Chunks with how many of their nodes are certainly best.
    certain: Vec<(usize, usize)>,
    verified: Vec<Slot>,
    base: Base,
}

/// What the nodes of a cell share is added to their scores.
#[derive(Debug, Default)]
struct Base {
    lane: Lane,
    /// What it was made from: whose cells, as of when, and the score of each; a cell without one
    /// is closed.
    of: Option<(Place, u64, Vec<Option<i64>>)>,
}

impl Search<'_> {
    /// One of the best nodes, and how many there are; `None` where no node takes the pod.
    pub fn run(
        &self,
        scratch: &mut Scratch,
        pick: impl Fn(usize) -> usize,
    ) -> Option<(Slot, usize)> {
        let chunks = self.table.lanes().chunks();
        scratch.scores.resize(chunks, [UNFIT; CHUNK]);
        scratch.least.resize(chunks, [UNFIT; CHUNK]);
        scratch.peaks.resize(chunks, UNFIT);
        let cells = self.view.statics.cells();
        let mut open: Vec<bool> = cells.iter().map(|cell| cell.refused.is_none()).collect();
        open[statics::VACANT as usize] = false;
        loop {
            let has_base = !self.view.statics.is_uniform();
            if has_base {
                self.set_base(&open, &mut scratch.base);
            }
            self.score_all(has_base, scratch);
            match self.closed(&open, has_base, scratch) {
                Some(closed) => open[closed] = false,
                None => return self.choose(has_base, scratch, pick),
            }
        }
    }

    fn pass<'a>(&'a self, bound: Bound, base: Option<&'a Base>) -> Pass<'a> {
        let base = base.map(|base| &base.lane);
        Pass { lanes: self.table.lanes(), asked: self.asked, base, bound }
    }

    fn score_all(&self, has_base: bool, scratch: &mut Scratch) {
        let Scratch { scores, peaks, base, .. } = scratch;
        let base = Some(&*base).filter(|_| has_base);
        self.pass(Bound::Most, base).run(0, scores, peaks);
        for slot in &self.table.lanes().odd {
            let (chunk, at) = place(*slot);
            scores[chunk][at] = self.judge(*slot, base);
            peaks[chunk] = peaks[chunk].max(scores[chunk][at]);
        }
    }

    /// A node's score by the plugins' arithmetic.
    fn judge(&self, slot: Slot, base: Option<&Base>) -> f32 {
        let (chunk, at) = place(slot);
        let shared = base.map_or(0.0, |base| base.lane[chunk][at]);
        match self.exact.judge(self.view.plan, &self.table.rows[slot as usize]) {
            Some(score) if shared >= 0.0 => score as f32 + shared,
            _ => UNFIT,
        }
    }

    /// A cell that was taken to be open, though none of its nodes takes the pod: what nodes are
    /// compared with must take it too.
    fn closed(&self, open: &[bool], has_base: bool, scratch: &Scratch) -> Option<usize> {
        let compared = self.view.statics.cells().iter().any(|cell| !cell.raws.is_empty());
        if !has_base || !compared {
            return None;
        }
        let mut sought = open.to_vec();
        let mut left = sought.iter().filter(|sought| **sought).count();
        let scores = scratch.scores.as_flattened().iter().enumerate();
        for (slot, _) in scores.filter(|(_, score)| **score >= 0.0) {
            let cell = self.view.statics.of(slot as Slot) as usize;
            if sought[cell] && self.judge(slot as Slot, None) >= 0.0 {
                sought[cell] = false;
                left -= 1;
                if left == 0 {
                    return None;
                }
            }
        }
        sought.iter().position(|sought| *sought)
    }

    /// One of the nodes with the highest score.
    fn choose(
        &self,
        has_base: bool,
        scratch: &mut Scratch,
        pick: impl Fn(usize) -> usize,
    ) -> Option<(Slot, usize)> {
        let Scratch { scores, least, peaks, certain, verified, base } = scratch;
        let base = Some(&*base).filter(|_| has_base);
        loop {
            let highest =
                peaks.iter().fold(UNFIT, |best, peak| if *peak > best { *peak } else { best });
            if highest < 0.0 {
                return None;
            }
            certain.clear();
            verified.clear();
            let pass = self.pass(Bound::Least, base);
            let at_once = peaks.iter().filter(|peak| **peak == highest).count() * 2 > peaks.len();
            if at_once {
                pass.run(0, least, &mut vec![UNFIT; peaks.len()]);
            }
            for (chunk, peak) in peaks.iter_mut().enumerate().filter(|(_, p)| **p == highest) {
                let (scores, least) = (&mut scores[chunk], &mut least[chunk]);
                if !at_once {
                    pass.run(chunk, std::slice::from_mut(least), &mut [UNFIT]);
                }
                let sure = count(least, highest);
                if sure > 0 {
                    certain.push((chunk, sure));
                }
                if count(scores, highest) == sure {
                    continue;
                }
                for at in (0..CHUNK).filter(|at| least[*at] != highest) {
                    if scores[at] == highest {
                        let slot = (chunk * CHUNK + at) as Slot;
                        scores[at] = self.judge(slot, base);
                        verified.extend(Some(slot).filter(|_| scores[at] == highest));
                    }
                }
                *peak = scores.iter().copied().fold(UNFIT, f32::max);
            }
            let sure = certain.iter().map(|(_, nodes)| nodes).sum::<usize>();
            let among = sure + verified.len();
            if among > 0 {
                let index = pick(among);
                let slot = match index.checked_sub(sure) {
                    Some(index) => verified.get(index).copied(),
                    None => nth(index, certain, least, highest),
                };
                return Some((slot?, among));
            }
        }
    }

    /// Brings the lane of what cells share up to date, where just these cells have nodes that take
    /// the pod.
    fn set_base(&self, open: &[bool], base: &mut Base) {
        let Self { view, table, .. } = self;
        let shared = self.shared(open);
        let of = (self.statics, view.statics.position(), shared);
        if base.of.as_ref() == Some(&of) && base.lane.len() == table.lanes().chunks() {
            return;
        }
        base.lane.clear();
        base.lane.resize(table.lanes().chunks(), [f32::NEG_INFINITY; CHUNK]);
        for slot in 0..table.len() {
            let (chunk, at) = place(slot as Slot);
            if let Some(score) = of.2[view.statics.of(slot as Slot) as usize] {
                base.lane[chunk][at] = score as f32;
            }
        }
        base.of = Some(of);
    }

    /// The score that the nodes of each open cell share.
    fn shared(&self, open: &[bool]) -> Vec<Option<i64>> {
        let Self { view, pod, .. } = *self;
        let cells = view.statics.cells();
        let present: Vec<usize> = (0..cells.len()).filter(|cell| open[*cell]).collect();
        let mut shared: Vec<_> =
            cells.iter().zip(open).map(|(cell, open)| open.then_some(cell.constant)).collect();
        let cycle = Cycle { pod, snapshot: view.snapshot };
        let prepared = statics::scores(view.framework, view.plan, cycle);
        let normalized = prepared.iter().filter(|(score, _)| score.is_normalized());
        for (index, (score, weight)) in normalized.enumerate() {
            let mut raws: Vec<i64> = present.iter().map(|cell| cells[*cell].raws[index]).collect();
            score.normalize(&mut raws);
            for (cell, score) in present.iter().zip(raws) {
                if let Some(sum) = &mut shared[*cell] {
                    *sum += score.clamp(0, MAX_SCORE) * weight;
                }
            }
        }
        shared
    }
}

/// One of the nodes whose score is certainly the highest.
fn nth(
    mut index: usize,
    certain: &[(usize, usize)],
    least: &[Scores],
    highest: f32,
) -> Option<Slot> {
    for (chunk, nodes) in certain {
        if index < *nodes {
            let at = (0..CHUNK).filter(|at| least[*chunk][*at] == highest).nth(index)?;
            return Some((chunk * CHUNK + at) as Slot);
        }
        index -= nodes;
    }
    None
}

fn place(slot: Slot) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}

#[inline]
fn count(scores: &Scores, score: f32) -> usize {
    scores.iter().map(|other| u32::from(*other == score)).sum::<u32>() as usize
}
