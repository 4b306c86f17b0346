//! Pods that are alike: where they can go, kept up to date by the changes of nodes.
//!
//! A class knows for every node whether it takes the pods, and how good it is by itself. Nodes
//! that differ in nothing that a normalised score, a spread constraint or an affinity term sees
//! form a [stratum](super::buckets). So the next pod costs a look at the nodes that changed and
//! one at each stratum, not one at each node.

use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::buckets::Buckets;
use super::dims::{Counts, Dim, Memo};
use super::exact::Exact;
use super::judge::Judge;
use super::lanes::CHUNK;
use super::log::Dirty;
use super::near::Near;
use super::plan::Plan;
use super::ranking::{MAX_TREES, Ranking};
use super::reasons::Reasons;
use super::reject::Tried;
use super::spread::Spread;
use super::statics::{ONLY, Statics, VACANT};
use super::table::{Slot, Table};
use crate::framework::Framework;

/// More strata than this mean that strata are no help.
const MAX_STRATA: usize = 4096;

/// Changes up to this number are looked at one by one.
const FEW_CHANGES: usize = 4;

/// Everything that a class is computed from, beside the table.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub framework: &'a Framework,
    pub plan: &'a Plan,
    pub statics: &'a Statics,
    pub snapshot: &'a Snapshot,
    pub epochs: Epochs,
}

/// How often what concerns pods of all nodes has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epochs {
    /// The labels of namespaces.
    pub namespaces: u64,
    /// Services and the like.
    pub groups: u64,
}

/// The numbers that tell strata apart: the cell, domains, and numbers that are the node's own.
pub(super) type Key = SmallVec<[i64; 6]>;

/// Pods that are alike.
#[derive(Debug)]
pub(super) struct Class {
    pub pod: Arc<PodInfo>,
    pub ranking: Ranking,
    /// Where amounts say everything.
    exact: Option<Exact>,
    pub reasons: Reasons,
    pub tried: Tried,
    pub spread: Spread,
    pub near: Near,
    /// Those of [`spread`](Self::spread), then those of [`near`](Self::near).
    pub dims: Vec<Dim>,
    memo: Memo,
    /// The topologies whose domains are in keys.
    pub topologies: Vec<usize>,
    keys: Vec<Key>,
    strata: FxHashMap<Key, u32>,
    position: u64,
    /// Memory for [`follow_at_once`](Self::follow_at_once).
    changes: Vec<(Slot, Option<i64>)>,
    generation: u64,
    epochs: Epochs,
}

/// Why a class must be made anew.
#[derive(Debug)]
pub(super) struct Outdated;

impl Class {
    /// Looks at all nodes; `None` where the pods must be placed without a class.
    pub fn new(pod: &Arc<PodInfo>, view: View<'_>, table: &mut Table) -> Option<Self> {
        let spread = Spread::new(view.plan, pod, view.snapshot);
        let near = Near::new(view.plan, pod, table, view.snapshot);
        let mut dims = spread.dims(table, view.snapshot);
        dims.extend(near.dims(table, view.snapshot));
        let mut topologies: Vec<usize> =
            dims.iter().filter(|dim| dim.needs_domain()).map(|dim| dim.topology).collect();
        topologies.sort_unstable();
        topologies.dedup();
        let mut class = Self {
            pod: Arc::clone(pod),
            ranking: Ranking::Buckets(Buckets::new(view.plan.highest())),
            exact: Exact::new(view.plan, pod),
            reasons: Reasons::default(),
            tried: Tried::default(),
            spread,
            near,
            dims,
            memo: Memo::default(),
            topologies,
            keys: Vec::new(),
            strata: FxHashMap::default(),
            position: table.log.end(),
            changes: Vec::new(),
            generation: view.statics.generation(),
            epochs: view.epochs,
        };
        let judge = Judge::new(class.exact, view, pod, table)?;
        if let Judge::Local(local) = &judge
            && local.is_normalized()
        {
            return None;
        }
        class.look_at_all(&judge, view, table).ok()?;
        (class.keys.len() <= MAX_STRATA).then_some(class)
    }

    /// Looks at all nodes.
    fn look_at_all(
        &mut self,
        judge: &Judge<'_>,
        view: View<'_>,
        table: &mut Table,
    ) -> Result<(), Outdated> {
        let open = view.statics.cells().iter().skip(1).filter(|cell| cell.refused.is_none());
        if self.dims.is_empty() && open.count() <= MAX_TREES {
            let trees = Vec::new();
            // Some more nodes may come before all of this is made anew.
            let slots = (table.len() + table.len() / 8).next_multiple_of(CHUNK).max(CHUNK);
            self.ranking = Ranking::Trees { trees, slots };
            if let Judge::Exact(exact) = judge
                && let Some(asked) = exact.asked(view.plan)
            {
                table.update_lanes();
                return self.fill(exact, asked, view, table);
            }
        }
        if judge.needs_node() || !self.dims.is_empty() {
            for (slot, node) in table.nodes(view.snapshot) {
                self.look(slot, true, Some(node), judge, view, table)?;
            }
        } else {
            for slot in 0..table.len() as Slot {
                self.look(slot, true, None, judge, view, table)?;
            }
        }
        Ok(())
    }

    /// Looks at the nodes that have changed.
    ///
    /// # Errors
    /// More than nodes has changed.
    pub fn follow(&mut self, view: View<'_>, table: &Table) -> Result<(), Outdated> {
        if self.generation != view.statics.generation() || self.keys.len() > MAX_STRATA {
            return Err(Outdated);
        }
        self.check_others(view, table)?;
        if self.position == table.log.end() {
            return Ok(());
        }
        let log = table.log.since(self.position).ok_or(Outdated)?;
        if let (Some(exact), true) = (self.exact, table.has_no_promises() && self.dims.is_empty()) {
            if log.len() > FEW_CHANGES && self.follow_at_once(exact, view, table) {
                return Ok(());
            }
            for Dirty { slot, .. } in log {
                self.look(slot, false, None, &Judge::Exact(exact), view, table)?;
            }
        } else {
            let pod = Arc::clone(&self.pod);
            let judge = Judge::new(self.exact, view, &pod, table).ok_or(Outdated)?;
            for Dirty { slot, object } in log {
                let wanted = judge.needs_node() || object && !self.dims.is_empty();
                let name = table.name(slot).filter(|_| wanted);
                let node = name.and_then(|name| view.snapshot.node(name)).map(|node| &**node);
                self.look(slot, object, node, &judge, view, table)?;
            }
        }
        self.position = table.log.end();
        Ok(())
    }

    /// Looks at many nodes that have changed, all of one stratum: what is far apart in memory is
    /// then asked for together. False where that cannot be.
    fn follow_at_once(&mut self, exact: Exact, view: View<'_>, table: &Table) -> bool {
        let Ranking::Trees { trees, slots } = &mut self.ranking else { return false };
        let ([tree], [key], Some(log)) =
            (trees.as_mut_slice(), self.keys.as_slice(), table.log.since(self.position))
        else {
            return false;
        };
        if !view.statics.is_uniform() || key[0] != i64::from(ONLY) || table.len() > *slots {
            return false;
        }
        let score = |slot: Slot| exact.judge(view.plan, &table.rows[slot as usize]);
        self.changes.clear();
        self.changes.extend(log.map(|Dirty { slot, .. }| (slot, score(slot))));
        tree.set_all(&self.changes);
        self.position = table.log.end();
        true
    }

    /// Whether what concerns all nodes is as it was.
    fn check_others(&mut self, view: View<'_>, table: &Table) -> Result<(), Outdated> {
        if !self.dims.iter().all(|dim| dim.suits(table)) {
            return Err(Outdated);
        }
        if self.near.is_outdated(&self.pod, table, view.snapshot) {
            return Err(Outdated);
        }
        if self.epochs == view.epochs {
            return Ok(());
        }
        let wishes = self.near.len() > 0 || table.kinds.wishing_since(0).next().is_some();
        if wishes && self.epochs.namespaces != view.epochs.namespaces {
            return Err(Outdated);
        }
        self.epochs = view.epochs;
        match self.spread == Spread::new(view.plan, &self.pod, view.snapshot) {
            true => Ok(()),
            false => Err(Outdated),
        }
    }

    /// Looks at one node; `node` may be missing where nobody needs it.
    fn look(
        &mut self,
        slot: Slot,
        object: bool,
        node: Option<&NodeInfo>,
        judge: &Judge<'_>,
        view: View<'_>,
        table: &Table,
    ) -> Result<(), Outdated> {
        if !self.dims.is_empty() {
            self.count(slot, object, node, view, table);
        }
        let cell = view.statics.of(slot);
        let open = cell != VACANT && view.statics.cell(cell).refused.is_none();
        let score = if open { judge.score(view.plan, table, slot, node) } else { None };
        let at = score.map(|score| (self.stratum(slot, cell, table), score));
        if self.ranking.set(slot, at) { Ok(()) } else { Err(Outdated) }
    }

    /// Counts the node's pods.
    fn count(
        &mut self,
        slot: Slot,
        object: bool,
        node: Option<&NodeInfo>,
        view: View<'_>,
        table: &Table,
    ) {
        let Self { pod, spread, near, dims, memo, .. } = self;
        if object {
            let constraints = dims.len() - near.len();
            match node {
                Some(node) => {
                    for (dim, counted) in dims.iter_mut().zip(spread.counted(pod, node)) {
                        dim.set_counted(slot, counted);
                    }
                }
                None => dims[..constraints].iter_mut().for_each(|d| d.set_counted(slot, false)),
            }
            dims[constraints..].iter_mut().for_each(|dim| dim.set_counted(slot, true));
        }
        let ask = |other: &PodInfo| {
            let mut counts = Counts::new();
            spread.count(pod, other, &mut counts);
            near.count(pod, other, view.snapshot, &mut counts);
            counts
        };
        let sums = memo.sum(&table.rows[slot as usize].groups, &table.kinds, dims.len(), ask);
        for (dim, sum) in dims.iter_mut().zip(sums) {
            dim.set(slot, table, sum);
        }
    }

    pub fn stratum(&mut self, slot: Slot, cell: u32, table: &Table) -> u32 {
        // Most pods have one stratum, or a few.
        if self.dims.is_empty()
            && let [first] = self.keys.as_slice()
            && first[0] == i64::from(cell)
        {
            return 0;
        }
        let mut key = Key::from_slice(&[i64::from(cell)]);
        let domain = |topology: &usize| i64::from(table.topologies.get(*topology).domain(slot));
        key.extend(self.topologies.iter().map(domain));
        let own = self.dims.iter().filter(|dim| !dim.needs_domain());
        key.extend(own.map(|dim| dim.value(slot, table)));
        if let Some(stratum) = self.strata.get(&key) {
            return *stratum;
        }
        let stratum = self.keys.len() as u32;
        self.keys.push(key.clone());
        self.strata.insert(key, stratum);
        stratum
    }

    /// The cell of a stratum's nodes.
    pub fn cell(&self, stratum: usize) -> u32 {
        self.keys[stratum][0] as u32
    }

    /// The domain of a stratum's nodes in a topology that keys have.
    pub fn domain(&self, stratum: usize, topology: usize) -> u32 {
        let index = self.topologies.iter().position(|other| *other == topology);
        self.keys[stratum][1 + index.expect("the topology is in keys")] as u32
    }

    /// The number of each dimension for a stratum's nodes.
    pub fn numbers(&self, stratum: usize) -> SmallVec<[i64; 8]> {
        let mut own = self.keys[stratum][1 + self.topologies.len()..].iter().copied();
        let number = |dim: &Dim| match dim.needs_domain() {
            true => dim.sum(self.domain(stratum, dim.topology)),
            false => own.next().expect("a key has a number for every such dimension"),
        };
        self.dims.iter().map(number).collect()
    }
}
