//! The nodes by number: what a decision reads of a node lies together in its [row](super::row), and
//! once more, for passes over all nodes, in [lanes](super::lanes).
//!
//! Slots are dense and used again. Every change of a slot goes to the [log](super::log), so that
//! whoever keeps something about nodes looks only at those that changed. The rows repeat what
//! a [`Snapshot`] says; the snapshot stays the truth.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::scheduler::{NodeInfo, PodId, PodInfo, Resources, Snapshot};
use rustc_hash::FxHashMap;

use super::kinds::{KindId, Kinds, KnownKind};
use super::lanes::Lanes;
use super::log::Log;
use super::row::Row;
use super::topology::Topologies;

/// The place of a node in the columns.
pub(super) type Slot = u32;

/// Amounts of resources that only few nodes have.
pub(super) type Extended = BTreeMap<Arc<str>, i64>;

/// A waiting pod that was promised room on a node.
#[derive(Debug)]
pub(super) struct Promised {
    pub slot: Slot,
    pub pod: Arc<PodInfo>,
}

/// The nodes by number.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: FxHashMap<Arc<str>, Slot>,
    free: Vec<Slot>,
    /// `None` in free slots.
    names: Vec<Option<Arc<str>>>,
    pub rows: Vec<Row>,
    pub extended: Vec<Extended>,
    pub extended_requested: Vec<Extended>,
    pub kinds: Kinds,
    /// How many pods of which priority there are.
    priorities: BTreeMap<i32, u32>,
    /// Those of the changes that are about objects, again.
    pub objects: Log,
    pub topologies: Topologies,
    pub log: Log,
    /// The amounts once more, for passes over all nodes; see [`Table::update_lanes`].
    lanes: Lanes,
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
        self.rows[at].set_allocatable(&node.allocatable);
        self.extended[at].clone_from(&node.allocatable.extended);
        self.topologies.set(slot, Some(node.labels()));
        self.touch(slot, true);
    }

    fn enter(&mut self, node: &NodeInfo) -> Slot {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.rows.push(Row::default());
            self.extended.push(Extended::new());
            self.extended_requested.push(Extended::new());
            self.names.push(None);
            self.names.len() as Slot - 1
        });
        let at = slot as usize;
        self.names[at] = Some(Arc::clone(&node.name));
        self.slots.insert(Arc::clone(&node.name), slot);
        self.order.clear();
        for pod in &node.pods {
            let kind = self.kinds.add(pod);
            self.count(at, kind, pod.priority);
        }
        self.rows[at].set_taken(&node.requested, &node.scoring_requested);
        self.extended_requested[at].clone_from(&node.requested.extended);
        slot
    }

    /// Takes a node away, with what is known of its pods.
    pub fn remove_node(&mut self, name: &str) {
        let Some(slot) = self.slots.remove(name) else { return };
        let at = slot as usize;
        for group in std::mem::take(&mut self.rows[at]).groups {
            self.kinds.remove(group.kind, group.pods);
            self.forget_priority(group.priority, group.pods);
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

    /// Takes note of a pod that came to a node; `known` is its kind, where that was found out.
    pub fn add_pod(&mut self, slot: Slot, pod: &Arc<PodInfo>, known: &mut Option<KnownKind>) {
        let at = slot as usize;
        let kind = self.kinds.add_known(pod, known);
        self.rows[at].add(pod);
        for (name, amount) in &pod.requests.extended {
            let entry = self.extended_requested[at].entry(Arc::clone(name)).or_default();
            *entry = entry.saturating_add(*amount);
        }
        self.count(at, kind, pod.priority);
        self.touch(slot, false);
    }

    /// Takes note of a pod that left a node.
    pub fn remove_pod(&mut self, slot: Slot, pod: &PodInfo) {
        let at = slot as usize;
        self.rows[at].remove(pod);
        for (name, amount) in &pod.requests.extended {
            let entry = self.extended_requested[at].entry(Arc::clone(name)).or_default();
            *entry = entry.saturating_sub(*amount);
        }
        if let Some(kind) = self.kinds.find(pod)
            && self.rows[at].uncount(kind, pod.priority)
        {
            self.kinds.remove(kind, 1);
            self.forget_priority(pod.priority, 1);
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
        self.rows[slot as usize].taken(&self.extended_requested[slot as usize])
    }

    /// What a node has for pods.
    pub fn resources_allocatable(&self, slot: Slot) -> Resources {
        self.rows[slot as usize].allocatable(&self.extended[slot as usize])
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
        self.rows[slot as usize].groups.iter().any(|group| group.priority < priority)
    }

    /// The lanes, up to date.
    pub fn update_lanes(&mut self) -> &Lanes {
        self.lanes.follow(&self.rows, &self.log);
        &self.lanes
    }

    /// The lanes as of the last update.
    pub fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    fn touch(&mut self, slot: Slot, object: bool) {
        self.rows[slot as usize].version = self.log.end() + 1;
        self.log.push(slot, object, self.slots.len());
        if object {
            self.objects.push(slot, true, self.slots.len());
        }
    }

    /// Whether no pod was promised room.
    pub fn has_no_promises(&self) -> bool {
        self.promised.is_empty()
    }

    fn count(&mut self, at: usize, kind: KindId, priority: i32) {
        self.rows[at].count(kind, priority);
        *self.priorities.entry(priority).or_default() += 1;
    }

    fn forget_priority(&mut self, priority: i32, pods: u32) {
        if let Some(count) = self.priorities.get_mut(&priority) {
            *count -= pods;
            if *count == 0 {
                self.priorities.remove(&priority);
            }
        }
    }
}
