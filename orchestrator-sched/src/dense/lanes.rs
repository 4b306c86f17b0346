//! The amounts of all nodes as shares of what there is: one lane per number, for passes over all
//! nodes.
//!
//! Shares are floating-point numbers of 32 bits, so that a pass reads as little as possible. They
//! are close and not exact: [passes](super::kernel) say between which bounds a score is. The lanes
//! follow the rows when a pass needs them; decisions about pods whose class is known do not.

use std::collections::BTreeSet;

use super::log::Log;
use super::row::Row;
use super::table::Slot;
use crate::plugins::{NodeResourcesBalancedAllocation, Share};

/// Lanes are as long as a multiple of this.
pub(super) const CHUNK: usize = 64;

/// The share taken of a node that takes no pods: more than there is.
const FULL: f32 = 4.0;

/// A lane.
pub(super) type Lane = Vec<[f32; CHUNK]>;

/// One resource.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// The share that is taken.
    pub taken: Lane,
    /// One over what there is.
    pub inverse: Lane,
}

/// Amounts of nodes by slot.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub cpu: Shares,
    pub memory: Shares,
    pub storage: Shares,
    /// The shares taken as scores have them.
    pub cpu_scoring: Lane,
    pub memory_scoring: Lane,
    /// How even the node is without the pod, as balanced allocation has it.
    pub evenness: Lane,
    /// The slots whose shares say too little; in the lanes they are full.
    pub odd: BTreeSet<Slot>,
    /// On how many nodes scores see other amounts than filters.
    pub scores_differ: usize,
    /// Which those are, by slot.
    differ: Vec<bool>,
    nodes: usize,
    position: u64,
}

impl Lanes {
    /// How many chunks there are.
    pub fn chunks(&self) -> usize {
        self.evenness.len()
    }

    /// Reads the rows that have changed.
    pub fn follow(&mut self, rows: &[Row], log: &Log) {
        let known = self.nodes == rows.len();
        match log.since(self.position).filter(|_| known) {
            Some(changes) => changes.for_each(|dirty| self.set(dirty.slot, rows)),
            None => {
                self.resize(rows.len());
                (0..rows.len() as Slot).for_each(|slot| self.set(slot, rows));
            }
        }
        self.position = log.end();
    }

    fn resize(&mut self, nodes: usize) {
        self.nodes = nodes;
        let chunks = nodes.div_ceil(CHUNK);
        for lane in [
            &mut self.cpu.inverse,
            &mut self.memory.inverse,
            &mut self.storage.inverse,
            &mut self.storage.taken,
            &mut self.memory.taken,
            &mut self.cpu_scoring,
            &mut self.memory_scoring,
            &mut self.evenness,
        ] {
            lane.resize(chunks, [0.0; CHUNK]);
        }
        self.cpu.taken.clear();
        self.cpu.taken.resize(chunks, [FULL; CHUNK]);
        self.odd.clear();
        self.scores_differ = 0;
        self.differ.clear();
        self.differ.resize(nodes, false);
    }

    fn set(&mut self, slot: Slot, rows: &[Row]) {
        let row = &rows[slot as usize];
        let share = |taken: i64, has: i64| (taken as f64 / has.max(1) as f64) as f32;
        let inverse = |has: i64| (1.0 / has.max(1) as f64) as f32;
        let is_full = row.pods_taken + 1 > row.pods;
        let is_odd = !is_full && !is_regular(row);
        match is_odd {
            true => drop(self.odd.insert(slot)),
            false if self.odd.is_empty() => {}
            false => drop(self.odd.remove(&slot)),
        }
        let differs = (row.cpu_scoring, row.memory_scoring) != (row.cpu_taken, row.memory_taken);
        let differed = std::mem::replace(&mut self.differ[slot as usize], differs);
        self.scores_differ = self.scores_differ + usize::from(differs) - usize::from(differed);
        let shares = [(row.cpu_taken, row.cpu), (row.memory_taken, row.memory)];
        let [cpu, memory] = shares.map(|(taken, has)| share(taken, has));
        let amounts = shares.map(|(taken, has)| Share { allocatable: has.max(1), taken, asked: 0 });
        let (chunk, at) = (slot as usize / CHUNK, slot as usize % CHUNK);
        self.cpu.taken[chunk][at] = if is_full || is_odd { FULL } else { cpu };
        self.cpu.inverse[chunk][at] = inverse(row.cpu);
        self.memory.taken[chunk][at] = memory;
        self.memory.inverse[chunk][at] = inverse(row.memory);
        self.storage.taken[chunk][at] = share(row.storage_taken, row.storage);
        self.storage.inverse[chunk][at] = inverse(row.storage);
        self.cpu_scoring[chunk][at] = share(row.cpu_scoring, row.cpu);
        self.memory_scoring[chunk][at] = share(row.memory_scoring, row.memory);
        let even = NodeResourcesBalancedAllocation::evenness_of(&amounts);
        self.evenness[chunk][at] = even as f32;
    }
}

/// Whether the shares are all there is to say: nothing is taken that is not there.
fn is_regular(row: &Row) -> bool {
    let within = |taken: i64, has: i64| 0 <= taken && taken <= has;
    row.cpu > 0
        && row.memory > 0
        && within(row.cpu_taken, row.cpu)
        && within(row.memory_taken, row.memory)
        && within(row.storage_taken, row.storage)
        && row.cpu_scoring >= 0
        && row.memory_scoring >= 0
}
