//! What plugins say about nodes by their objects alone, for all pods that are alike to them.
//!
//! Most nodes of a cluster get the same answer, so each answer is kept once, as a cell, and a
//! node has the number of its cell. Only nodes whose objects change are asked about again.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::plan::Plan;
use super::table::{Slot, Table};
use crate::framework::{Cycle, Framework, MAX_SCORE, Prepared, Refused, Score};

/// The number of a cell.
pub(super) type CellId = u32;

/// The cell of free slots.
pub(super) const VACANT: CellId = 0;

/// The cell of all nodes where they are [all alike](Statics::is_uniform).
pub(super) const ONLY: CellId = VACANT + 1;

/// What is said of some nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Who refuses the nodes; `None` where nobody does.
    pub refused: Option<Refused>,
    /// The scores that are yet to be normalised.
    pub raws: SmallVec<[i64; 2]>,
    /// The sum of the others, weighted.
    pub constant: i64,
}

/// What tells cells apart: the scores, and the refusal in words.
type Answer = (SmallVec<[i64; 2]>, i64, Option<String>);

/// The cells for pods like one pod.
#[derive(Debug)]
pub(super) struct Statics {
    pub pod: Arc<PodInfo>,
    cells: Vec<Cell>,
    numbers: FxHashMap<Answer, CellId>,
    /// By slot.
    of: Vec<CellId>,
    position: u64,
    /// Counts how often the cells were numbered anew.
    generation: u64,
    /// What the scores by images were computed with.
    images: Vec<usize>,
}

/// The plugins, prepared for one pod.
struct Asked<'a> {
    filters: Prepared<'a>,
    scores: Vec<(Score<'a>, i64)>,
}

impl<'a> Asked<'a> {
    /// `None` where the pod is rejected as a whole.
    fn new(framework: &'a Framework, plan: &Plan, cycle: Cycle<'a>) -> Option<Self> {
        let filters = framework.prepare(cycle, Some(&plan.node_filters)).ok()?;
        Some(Self { filters, scores: scores(framework, plan, cycle) })
    }

    fn cell(&self, node: &NodeInfo) -> Cell {
        let mut cell =
            Cell { refused: self.filters.judge(node).err(), raws: SmallVec::new(), constant: 0 };
        for (score, weight) in &self.scores {
            match score.raw(node) {
                Some(raw) if score.is_normalized() => cell.raws.push(raw),
                Some(raw) => cell.constant += raw.clamp(0, MAX_SCORE) * weight,
                None => {}
            }
        }
        cell
    }
}

/// The scores that read nodes' objects and have something to say about the pod.
pub(super) fn scores<'a>(
    framework: &'a Framework,
    plan: &Plan,
    cycle: Cycle<'a>,
) -> Vec<(Score<'a>, i64)> {
    let scorers: SmallVec<[_; 12]> = framework.scorers().collect();
    let prepared = plan.node_scores.iter().map(|(index, weight)| {
        let score = scorers[*index].0.prepare(cycle, &[]);
        (score, *weight)
    });
    prepared.collect()
}

impl Statics {
    /// No cells yet.
    pub fn new(pod: Arc<PodInfo>) -> Self {
        let vacant = Cell { refused: None, raws: SmallVec::new(), constant: 0 };
        Self {
            pod,
            cells: vec![vacant],
            numbers: FxHashMap::default(),
            of: Vec::new(),
            // Before every position of the log, so that all nodes are asked about.
            position: u64::MAX,
            generation: 0,
            images: Vec::new(),
        }
    }

    /// Differs from an earlier one where cells have other numbers than then.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether all nodes are in one cell, which nobody refuses.
    pub fn is_uniform(&self) -> bool {
        matches!(self.cells.as_slice(), [_, only] if only.refused.is_none())
    }

    /// How far the log of objects is read.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The cell of a node.
    pub fn of(&self, slot: Slot) -> CellId {
        self.of.get(slot as usize).copied().unwrap_or(VACANT)
    }

    /// A cell.
    pub fn cell(&self, id: CellId) -> &Cell {
        &self.cells[id as usize]
    }

    /// All cells.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Asks about the nodes that have changed. `None` where the pod is rejected as a whole, which
    /// is for others to explain.
    pub fn update(
        &mut self,
        framework: &Framework,
        plan: &Plan,
        table: &mut Table,
        snapshot: &Snapshot,
    ) -> Option<()> {
        if self.position == table.objects.end() {
            return Some(());
        }
        let images = match plan.images {
            true => image_counts(&self.pod, snapshot),
            false => Vec::new(),
        };
        let pod = Arc::clone(&self.pod);
        let cycle = Cycle { pod: &pod, snapshot };
        let changed: Option<Vec<Slot>> = match images == self.images {
            true => {
                table.objects.since(self.position).map(|log| log.map(|dirty| dirty.slot).collect())
            }
            false => None,
        };
        self.position = table.objects.end();
        if changed.as_ref().is_some_and(Vec::is_empty) {
            return Some(());
        }
        let Some(asked) = Asked::new(framework, plan, cycle) else {
            self.position = u64::MAX;
            return None;
        };
        let Some(changed) = changed else {
            self.images = images;
            self.restart();
            for (slot, node) in table.nodes(snapshot) {
                self.set(slot, asked.cell(node));
            }
            return Some(());
        };
        for slot in changed {
            match table.name(slot).and_then(|name| snapshot.node(name)) {
                Some(node) => self.set(slot, asked.cell(node)),
                None => self.put(slot, VACANT),
            }
        }
        Some(())
    }

    fn restart(&mut self) {
        self.generation += 1;
        self.cells.truncate(1);
        self.numbers.clear();
        self.of.clear();
    }

    fn set(&mut self, slot: Slot, cell: Cell) {
        let refused = cell.refused.as_ref().map(|(by, why)| format!("{by:?} {:?}", why.reasons));
        let key = (cell.raws.clone(), cell.constant, refused);
        let id = *self.numbers.entry(key).or_insert_with(|| {
            self.cells.push(cell);
            self.cells.len() as CellId - 1
        });
        self.put(slot, id);
    }

    fn put(&mut self, slot: Slot, id: CellId) {
        if self.of.len() <= slot as usize {
            self.of.resize(slot as usize + 1, VACANT);
        }
        self.of[slot as usize] = id;
    }
}

/// What the scores by images depend on; nothing where no node has one of the images.
fn image_counts(pod: &PodInfo, snapshot: &Snapshot) -> Vec<usize> {
    let mut counts = crate::plugins::image_spread(pod, snapshot);
    if counts.iter().all(|count| *count == 0) {
        return Vec::new();
    }
    counts.push(snapshot.nodes().len());
    counts
}
