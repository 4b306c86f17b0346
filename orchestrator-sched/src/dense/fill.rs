//! A class's first look at all nodes, by passes over the lanes.

use super::class::{Class, Outdated, View};
use super::exact::Exact;
use super::kernel::{Asked, Bound, Pass, UNFIT};
use super::lanes::CHUNK;
use super::ranking::Ranking;
use super::statics::{ONLY, VACANT};
use super::table::{Slot, Table};
use super::tournament::{Leaf, Tournament};

impl Class {
    /// Ranks all nodes by trees; the lanes are up to date.
    ///
    /// # Errors
    /// There are more strata than trees.
    pub fn fill(
        &mut self,
        exact: &Exact,
        asked: Asked,
        view: View<'_>,
        table: &Table,
    ) -> Result<(), Outdated> {
        let Ranking::Trees { slots, .. } = self.ranking else { return Ok(()) };
        let mut strata: Vec<Vec<Leaf>> = Vec::new();
        for chunk in 0..table.lanes().chunks() {
            let scores = scores(exact, asked, view, table, chunk);
            if view.statics.is_uniform() {
                let stratum = self.stratum(0, ONLY, table) as usize;
                *leaf(&mut strata, stratum, chunk, slots) = Leaf(scores);
                continue;
            }
            for (at, score) in scores.into_iter().enumerate().filter(|(_, score)| *score >= 0) {
                let slot = (chunk * CHUNK + at) as Slot;
                let cell = view.statics.of(slot);
                if cell != VACANT && view.statics.cell(cell).refused.is_none() {
                    let stratum = self.stratum(slot, cell, table) as usize;
                    leaf(&mut strata, stratum, chunk, slots).0[at] = score;
                }
            }
        }
        let trees = strata.into_iter().map(Tournament::with_leaves).collect();
        self.ranking = Ranking::Trees { trees, slots };
        Ok(())
    }
}

/// The scores of a chunk's nodes, by the plugins' own arithmetic where the passes leave a doubt.
fn scores(
    exact: &Exact,
    asked: Asked,
    view: View<'_>,
    table: &Table,
    chunk: usize,
) -> [i16; CHUNK] {
    let lanes = table.lanes();
    let run = |bound| {
        let mut scores = [[UNFIT; CHUNK]];
        Pass { lanes, asked, base: None, bound }.run(chunk, &mut scores, &mut [0.0]);
        scores[0]
    };
    let (most, least) = (run(Bound::Most), run(Bound::Least));
    let mut scores = most.map(|score| score as i16);
    let first = (chunk * CHUNK) as Slot;
    let doubtful = (0..CHUNK).filter(|at| most[*at] != least[*at]).map(|at| first + at as Slot);
    let odd = lanes.odd.range(first..first + CHUNK as Slot).copied();
    for slot in doubtful.chain(odd) {
        let score = exact.judge(view.plan, &table.rows[slot as usize]);
        scores[(slot - first) as usize] = score.map_or(UNFIT as i16, |score| score as i16);
    }
    scores
}

fn leaf(strata: &mut Vec<Vec<Leaf>>, stratum: usize, chunk: usize, slots: usize) -> &mut Leaf {
    while strata.len() <= stratum {
        strata.push(vec![Leaf::default(); slots / CHUNK]);
    }
    &mut strata[stratum][chunk]
}
