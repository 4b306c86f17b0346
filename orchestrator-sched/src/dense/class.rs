//! Pods that are alike: where they can go, kept up to date by the changes of nodes.
//!
//! A class knows for every node whether it takes the pods, and how good it is by itself. Nodes
//! that differ in nothing that a normalised score, a spread constraint or an affinity term sees
//! form a [stratum](super::buckets). So the next pod costs a look at the nodes that changed and
//! one at each stratum, not one at each node.

use std::collections::BTreeSet;
use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodInfo, Snapshot};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::buckets::Buckets;
use super::dims::{Counts, Dim, Memo};
use super::local::{Local, Unfit};
use super::log::Dirty;
use super::near::Near;
use super::plan::Plan;
use super::refusals::{Cause, Refusals};
use super::reject::Tried;
use super::spread::Spread;
use super::statics::{Statics, VACANT};
use super::table::{Slot, Table};
use crate::framework::{Framework, Refusal};

/// More strata than this mean that strata are no help.
const MAX_STRATA: usize = 4096;

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
    pub buckets: Buckets,
    pub refusals: Refusals,
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
            buckets: Buckets::new(view.plan.highest()),
            refusals: Refusals::default(),
            tried: Tried::default(),
            spread,
            near,
            dims,
            memo: Memo::default(),
            topologies,
            keys: Vec::new(),
            strata: FxHashMap::default(),
            position: table.log.end(),
            generation: view.statics.generation(),
            epochs: view.epochs,
        };
        let local = Local::new(view.framework, view.plan, pod, view.snapshot)?;
        if local.is_normalized() {
            return None;
        }
        if class.needs_nodes(&local) {
            for (slot, node) in table.nodes(view.snapshot) {
                class.look(slot, true, Some(node), &local, view, table);
            }
        } else {
            for slot in 0..table.len() as Slot {
                class.look(slot, true, None, &local, view, table);
            }
        }
        (class.keys.len() <= MAX_STRATA).then_some(class)
    }

    /// Makes sure that the class is not used again as it is.
    pub fn spoil(&mut self) {
        self.generation = u64::MAX;
    }

    fn needs_nodes(&self, local: &Local<'_>) -> bool {
        local.needs_node() || !self.dims.is_empty()
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
        let pod = Arc::clone(&self.pod);
        let local = Local::new(view.framework, view.plan, &pod, view.snapshot).ok_or(Outdated)?;
        let log = table.log.since(self.position).ok_or(Outdated)?;
        for Dirty { slot, object } in log {
            let wanted = local.needs_node() || object && !self.dims.is_empty();
            let name = table.name(slot).filter(|_| wanted);
            let node = name.and_then(|name| view.snapshot.node(name)).map(|node| &**node);
            self.look(slot, object, node, &local, view, table);
        }
        self.position = table.log.end();
        Ok(())
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
        local: &Local<'_>,
        view: View<'_>,
        table: &Table,
    ) {
        if !self.dims.is_empty() {
            self.count(slot, object, node, view, table);
        }
        let cell = view.statics.of(slot);
        let nobody = || (BTreeSet::new(), Refusal::unresolvable(""));
        if cell == VACANT {
            self.refusals.set(slot, None, nobody);
            return self.buckets.set(slot, None);
        }
        if let Some(refused) = &view.statics.cell(cell).refused {
            self.refusals.set(slot, Some(Cause::Cell(cell)), || refused.clone());
            return self.buckets.set(slot, None);
        }
        match local.judge(table, slot, node) {
            Ok(score) => {
                let stratum = self.stratum(slot, cell, table);
                self.buckets.set(slot, Some((stratum, score)));
                self.refusals.set(slot, None, nobody);
            }
            Err(unfit) => {
                self.buckets.set(slot, None);
                match unfit {
                    Unfit::Lacks(bits) => {
                        let explain = || local.refused(table, slot).unwrap_or_else(nobody);
                        self.refusals.set(slot, Some(Cause::Lacks(bits)), explain);
                    }
                    Unfit::Refused(refused) => {
                        let cause = Cause::Said(refused.1.reasons.clone());
                        self.refusals.set(slot, Some(cause), || refused);
                    }
                }
            }
        }
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
        let sums = memo.sum(&table.kinds_on[slot as usize], &table.kinds, dims.len(), ask);
        for (dim, sum) in dims.iter_mut().zip(sums) {
            dim.set(slot, table, sum);
        }
    }

    fn stratum(&mut self, slot: Slot, cell: u32, table: &Table) -> u32 {
        let mut key = Key::from_slice(&[i64::from(cell)]);
        let domain = |topology: &usize| i64::from(table.topologies.get(*topology).domain(slot));
        key.extend(self.topologies.iter().map(domain));
        let own = self.dims.iter().filter(|dim| !dim.needs_domain());
        key.extend(own.map(|dim| dim.value(slot, table)));
        // Most pods have one stratum, or a few.
        if let [first] = self.keys.as_slice()
            && *first == key
        {
            return 0;
        }
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
