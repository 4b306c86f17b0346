//! The nodes as columns: one number per node and amount, at the node's slot in each column.
//!
//! Slots are dense and used again. Every change of a slot goes to the [log](super::log), so that
//! whoever keeps something about nodes looks only at those that changed. The columns repeat what
//! a [`Snapshot`] says; the snapshot stays the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodId, PodInfo, Resources, Snapshot};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::kernel::{self, Lanes};
use super::kinds::{KindId, Kinds};
use super::log::Log;
use super::topology::Topologies;

/// The place of a node in the columns.
pub(super) type Slot = u32;

/// Amounts by slot.
#[derive(Debug, Default)]
pub(super) struct Amounts {
    pub cpu: Vec<i64>,
    pub memory: Vec<i64>,
    pub storage: Vec<i64>,
    pub pods: Vec<i64>,
}

impl Amounts {
    fn grow(&mut self) {
        for column in [&mut self.cpu, &mut self.memory, &mut self.storage, &mut self.pods] {
            column.push(0);
        }
    }

    fn get(&self, slot: usize, extended: &[Extended]) -> Resources {
        Resources {
            cpu_milli: self.cpu[slot],
            memory: self.memory[slot],
            ephemeral_storage: self.storage[slot],
            pods: self.pods[slot],
            extended: extended[slot].clone(),
        }
    }

    fn set(&mut self, slot: usize, amounts: &Resources) {
        self.cpu[slot] = amounts.cpu_milli;
        self.memory[slot] = amounts.memory;
        self.storage[slot] = amounts.ephemeral_storage;
        self.pods[slot] = amounts.pods;
    }
}

/// Amounts of resources that only few nodes have.
pub(super) type Extended = BTreeMap<Arc<str>, i64>;

/// A waiting pod that was promised room on a node.
#[derive(Debug)]
pub(super) struct Promised {
    pub slot: Slot,
    pub pod: Arc<PodInfo>,
}

/// How many pods of which kind.
pub(super) type KindCounts = SmallVec<[(KindId, u32); 2]>;

/// The nodes as columns.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: FxHashMap<Arc<str>, Slot>,
    free: Vec<Slot>,
    /// `None` in free slots.
    names: Vec<Option<Arc<str>>>,
    pub allocatable: Amounts,
    pub requested: Amounts,
    /// With defaults for what pods leave out; CPU and memory only.
    pub scoring: Amounts,
    pub extended: Vec<Extended>,
    pub extended_requested: Vec<Extended>,
    pub kinds_on: Vec<KindCounts>,
    pub kinds: Kinds,
    /// How many pods of which priority are on a node, by slot.
    pub priorities_on: Vec<SmallVec<[(i32, u32); 2]>>,
    /// How many pods of which priority there are.
    priorities: BTreeMap<i32, u32>,
    /// Those of the changes that are about objects, again.
    pub objects: Log,
    /// By slot: changes with every change of the node.
    pub versions: Vec<u64>,
    pub topologies: Topologies,
    pub log: Log,
    /// The amounts once more, for passes over all nodes.
    pub lanes: Lanes,
    /// The slots whose amounts are not for such passes.
    pub odd: BTreeSet<Slot>,
    /// The slots in the snapshot's order; empty where it has to be found out again.
    order: Vec<Slot>,
    promised: FxHashMap<PodId, Promised>,
    /// The pods that were promised room, by slot.
    pub promised_on: FxHashMap<Slot, Vec<Arc<PodInfo>>>,
}

impl Table {
    /// How many slots there are, free ones included.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The slot of a node.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.slots.get(name).copied()
    }

    /// The node in a slot.
    pub fn name(&self, slot: Slot) -> Option<&Arc<str>> {
        self.names.get(slot as usize)?.as_ref()
    }

    /// Takes note of a node that is new or whose object has changed; its pods come with it where
    /// it is new.
    pub fn set_node(&mut self, node: &NodeInfo) {
        let slot = match self.slot(&node.name) {
            Some(slot) => slot,
            None => self.enter(node),
        };
        let at = slot as usize;
        self.allocatable.set(at, &node.allocatable);
        self.extended[at].clone_from(&node.allocatable.extended);
        self.topologies.set(slot, Some(node.labels()));
        self.touch(slot, true);
    }

    fn enter(&mut self, node: &NodeInfo) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.allocatable.grow();
            self.requested.grow();
            self.scoring.grow();
            self.extended.push(Extended::new());
            self.extended_requested.push(Extended::new());
            self.kinds_on.push(KindCounts::new());
            self.priorities_on.push(SmallVec::new());
            self.versions.push(0);
            self.names.push(None);
            self.names.len() as Slot - 1
        });
        let at = slot as usize;
        self.names[at] = Some(Arc::clone(&node.name));
        self.slots.insert(Arc::clone(&node.name), slot);
        self.order.clear();
        for pod in &node.pods {
            self.count_kind(at, pod);
            self.count_priority(at, pod.priority, true);
        }
        self.set_requested(at, node);
        slot
    }

    /// Takes a node away, with what is known of its pods.
    pub fn remove_node(&mut self, name: &str) {
        let Some(slot) = self.slots.remove(name) else { return };
        let at = slot as usize;
        for (kind, pods) in std::mem::take(&mut self.kinds_on[at]) {
            self.kinds.remove(kind, pods);
        }
        for (priority, pods) in std::mem::take(&mut self.priorities_on[at]) {
            (0..pods).for_each(|_| self.forget_priority(priority));
        }
        let nothing = Resources::default();
        for amounts in [&mut self.allocatable, &mut self.requested, &mut self.scoring] {
            amounts.set(at, &nothing);
        }
        self.extended[at].clear();
        self.extended_requested[at].clear();
        self.topologies.set(slot, None);
        for pod in self.promised_on.remove(&slot).into_iter().flatten() {
            self.promised.remove(&pod.id);
        }
        self.names[at] = None;
        self.order.clear();
        self.free.push(slot);
        self.touch(slot, true);
    }

    /// Takes note of a pod that came to a node.
    pub fn add_pod(&mut self, slot: Slot, pod: &Arc<PodInfo>) {
        let at = slot as usize;
        self.change_requested(at, pod, i64::saturating_add, 1);
        self.count_kind(at, pod);
        self.count_priority(at, pod.priority, true);
        self.touch(slot, false);
    }

    /// Takes note of a pod that left a node.
    pub fn remove_pod(&mut self, slot: Slot, pod: &PodInfo) {
        let at = slot as usize;
        self.change_requested(at, pod, i64::saturating_sub, -1);
        self.count_priority(at, pod.priority, false);
        if let Some(kind) = self.kinds.find(pod) {
            let counts = &mut self.kinds_on[at];
            if let Some(index) = counts.iter().position(|(other, _)| *other == kind) {
                counts[index].1 -= 1;
                if counts[index].1 == 0 {
                    counts.swap_remove(index);
                }
                self.kinds.remove(kind, 1);
            }
        }
        self.touch(slot, false);
    }

    /// Takes note that a pod was promised room on a node.
    pub fn promise(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.withdraw(&pod.id);
        // Room on a node that is not there concerns nobody; the snapshot tells again if it comes.
        let Some(slot) = self.slot(node) else { return };
        self.promised.insert(pod.id.clone(), Promised { slot, pod: Arc::clone(pod) });
        self.promised_on.entry(slot).or_default().push(Arc::clone(pod));
        self.touch(slot, false);
    }

    /// Takes a promise back; returns it.
    pub fn withdraw(&mut self, id: &PodId) -> Option<Promised> {
        if self.promised.is_empty() {
            return None;
        }
        let promised = self.promised.remove(id)?;
        if let Some(pods) = self.promised_on.get_mut(&promised.slot) {
            pods.retain(|pod| pod.id != *id);
            if pods.is_empty() {
                self.promised_on.remove(&promised.slot);
            }
        }
        self.touch(promised.slot, false);
        Some(promised)
    }

    /// The pods that were promised room.
    pub fn promised(&self) -> impl Iterator<Item = &Arc<PodInfo>> {
        self.promised.values().map(|promised| &promised.pod)
    }

    /// What the pods of a node ask for.
    pub fn resources_requested(&self, slot: Slot) -> Resources {
        self.requested.get(slot as usize, &self.extended_requested)
    }

    /// What a node has for pods.
    pub fn resources_allocatable(&self, slot: Slot) -> Resources {
        self.allocatable.get(slot as usize, &self.extended)
    }

    /// All nodes with their slots, in the snapshot's order.
    pub fn nodes<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = (Slot, &'a Arc<NodeInfo>)> {
        self.order.iter().copied().zip(snapshot.nodes())
    }

    /// The slots in the snapshot's order.
    pub fn order(&self) -> &[Slot] {
        &self.order
    }

    /// Brings the order of the nodes up to date.
    pub fn put_in_order(&mut self, snapshot: &Snapshot) {
        if self.order.len() != self.slots.len() {
            let slots = &self.slots;
            let known = snapshot.nodes().iter().map(|node| slots.get(&node.name).copied());
            self.order = known.map(|slot| slot.expect("the table knows every node")).collect();
        }
    }

    /// The number of the topology of the label `key`.
    pub fn topology(&mut self, key: &str, snapshot: &Snapshot) -> usize {
        let mut topologies = std::mem::take(&mut self.topologies);
        let nodes = self.nodes(snapshot).map(|(slot, node)| (slot, node.labels()));
        let number = topologies.number(key, nodes);
        self.topologies = topologies;
        number
    }

    /// The lowest priority of a pod on any node.
    pub fn lowest_priority(&self) -> Option<i32> {
        self.priorities.keys().next().copied()
    }

    /// Whether a pod on the node has a lower priority.
    pub fn has_lower(&self, slot: Slot, priority: i32) -> bool {
        self.priorities_on[slot as usize].iter().any(|(other, _)| *other < priority)
    }

    fn touch(&mut self, slot: Slot, object: bool) {
        self.versions[slot as usize] = self.log.end() + 1;
        self.copy_amounts(slot as usize);
        self.log.push(slot, object, self.slots.len());
        if object {
            self.objects.push(slot, true, self.slots.len());
        }
    }

    /// Whether no pod was promised room.
    pub fn has_no_promises(&self) -> bool {
        self.promised.is_empty()
    }

    fn copy_amounts(&mut self, at: usize) {
        let Self { allocatable, requested, scoring, lanes, odd, .. } = self;
        let has = [&allocatable.cpu, &allocatable.memory].map(|column| column[at]);
        let taken = [&requested.cpu, &requested.memory].map(|column| column[at]);
        let others =
            [allocatable.storage[at], requested.storage[at], scoring.cpu[at], scoring.memory[at]];
        let small = |amount: &i64| (0..=kernel::MAX_AMOUNT).contains(amount);
        let fits = has.iter().chain(&taken).chain(&others).all(small);
        match fits && has[0] > 0 && has[1] > 0 {
            true => drop(odd.remove(&(at as Slot))),
            // Without pods a node takes none, which says it all.
            false if allocatable.pods[at] == 0 => drop(odd.remove(&(at as Slot))),
            false => drop(odd.insert(at as Slot)),
        }
        lanes.set(at, has, taken, others, [allocatable.pods[at], requested.pods[at]]);
    }

    fn count_priority(&mut self, at: usize, priority: i32, comes: bool) {
        let counts = &mut self.priorities_on[at];
        let index = counts.iter().position(|(other, _)| *other == priority);
        match (index, comes) {
            (Some(index), true) => counts[index].1 += 1,
            (None, true) => counts.push((priority, 1)),
            (Some(index), false) => {
                counts[index].1 -= 1;
                if counts[index].1 == 0 {
                    counts.swap_remove(index);
                }
            }
            (None, false) => {}
        }
        match comes {
            true => *self.priorities.entry(priority).or_default() += 1,
            false => self.forget_priority(priority),
        }
    }

    fn forget_priority(&mut self, priority: i32) {
        if let Some(count) = self.priorities.get_mut(&priority) {
            *count -= 1;
            if *count == 0 {
                self.priorities.remove(&priority);
            }
        }
    }

    fn count_kind(&mut self, at: usize, pod: &Arc<PodInfo>) {
        let kind = self.kinds.add(pod);
        let counts = &mut self.kinds_on[at];
        match counts.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((kind, 1)),
        }
    }

    fn set_requested(&mut self, at: usize, node: &NodeInfo) {
        self.requested.set(at, &node.requested);
        self.scoring.set(at, &node.scoring_requested);
        self.extended_requested[at].clone_from(&node.requested.extended);
    }

    fn change_requested(
        &mut self,
        at: usize,
        pod: &PodInfo,
        change: fn(i64, i64) -> i64,
        pods: i64,
    ) {
        let (asked, scoring) = (&pod.requests, &pod.scoring_requests);
        let requested = &mut self.requested;
        requested.cpu[at] = change(requested.cpu[at], asked.cpu_milli);
        requested.memory[at] = change(requested.memory[at], asked.memory);
        requested.storage[at] = change(requested.storage[at], asked.ephemeral_storage);
        requested.pods[at] += pods;
        self.scoring.cpu[at] = change(self.scoring.cpu[at], scoring.cpu_milli);
        self.scoring.memory[at] = change(self.scoring.memory[at], scoring.memory);
        for (name, amount) in &asked.extended {
            let entry = self.extended_requested[at].entry(Arc::clone(name)).or_default();
            *entry = change(*entry, *amount);
        }
    }
}
