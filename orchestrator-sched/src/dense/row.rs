//! What a decision reads of one node, in two lines of the cache.

use orchestrator_core::scheduler::{PodInfo, Resources};
use smallvec::SmallVec;

use super::kinds::KindId;
use super::table::Extended;
use crate::framework::Block;

/// Pods on a node that are of one kind and one priority.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub kind: KindId,
    pub priority: i32,
    pub pods: u32,
}

/// The amounts of a node, and its pods by kind; all zero where there is no node.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Row {
    pub cpu: i64,
    pub memory: i64,
    pub storage: i64,
    /// How many pods it takes.
    pub pods: i64,
    pub cpu_taken: i64,
    pub memory_taken: i64,
    pub storage_taken: i64,
    /// How many pods there are.
    pub pods_taken: i64,
    /// With defaults for what pods leave out.
    pub cpu_scoring: i64,
    pub memory_scoring: i64,
    /// Differs after every change of the node.
    pub version: u64,
    pub groups: SmallVec<[Group; 2]>,
}

impl Row {
    /// Sets what there is.
    pub fn set_allocatable(&mut self, amounts: &Resources) {
        self.cpu = amounts.cpu_milli;
        self.memory = amounts.memory;
        self.storage = amounts.ephemeral_storage;
        self.pods = amounts.pods;
    }

    /// Sets what is taken, as filters and as scores have it.
    pub fn set_taken(&mut self, amounts: &Resources, scoring: &Resources) {
        self.cpu_taken = amounts.cpu_milli;
        self.memory_taken = amounts.memory;
        self.storage_taken = amounts.ephemeral_storage;
        self.pods_taken = amounts.pods;
        self.cpu_scoring = scoring.cpu_milli;
        self.memory_scoring = scoring.memory;
    }

    /// What there is.
    pub fn allocatable(&self, extended: &Extended) -> Resources {
        Resources {
            cpu_milli: self.cpu,
            memory: self.memory,
            ephemeral_storage: self.storage,
            pods: self.pods,
            extended: extended.clone(),
        }
    }

    /// What is taken.
    pub fn taken(&self, extended: &Extended) -> Resources {
        Resources {
            cpu_milli: self.cpu_taken,
            memory: self.memory_taken,
            ephemeral_storage: self.storage_taken,
            pods: self.pods_taken,
            extended: extended.clone(),
        }
    }

    /// Takes what a pod asks for.
    pub fn add(&mut self, pod: &PodInfo) {
        self.change(pod, i64::saturating_add);
        self.pods_taken += 1;
    }

    /// Gives back what a pod asked for.
    pub fn remove(&mut self, pod: &PodInfo) {
        self.change(pod, i64::saturating_sub);
        self.pods_taken -= 1;
    }

    fn change(&mut self, pod: &PodInfo, change: fn(i64, i64) -> i64) {
        let (asked, scoring) = (&pod.requests, &pod.scoring_requests);
        self.cpu_taken = change(self.cpu_taken, asked.cpu_milli);
        self.memory_taken = change(self.memory_taken, asked.memory);
        self.storage_taken = change(self.storage_taken, asked.ephemeral_storage);
        self.cpu_scoring = change(self.cpu_scoring, scoring.cpu_milli);
        self.memory_scoring = change(self.memory_scoring, scoring.memory);
    }

    /// Counts a pod.
    pub fn count(&mut self, kind: KindId, priority: i32) {
        let same = |group: &&mut Group| (group.kind, group.priority) == (kind, priority);
        match self.groups.iter_mut().find(same) {
            Some(group) => group.pods += 1,
            None => self.groups.push(Group { kind, priority, pods: 1 }),
        }
    }

    /// Counts a pod no longer; whether it was counted.
    pub fn uncount(&mut self, kind: KindId, priority: i32) -> bool {
        let same = |group: &Group| (group.kind, group.priority) == (kind, priority);
        let Some(index) = self.groups.iter().position(same) else { return false };
        self.groups[index].pods -= 1;
        if self.groups[index].pods == 0 {
            self.groups.swap_remove(index);
        }
        true
    }

    /// The amounts, as plugins get them that are asked for many nodes at a time.
    pub fn block(&self) -> Block<'_> {
        Block {
            cpu_allocatable: std::slice::from_ref(&self.cpu),
            cpu_requested: std::slice::from_ref(&self.cpu_taken),
            memory_allocatable: std::slice::from_ref(&self.memory),
            memory_requested: std::slice::from_ref(&self.memory_taken),
            storage_allocatable: std::slice::from_ref(&self.storage),
            storage_requested: std::slice::from_ref(&self.storage_taken),
            pods_allocatable: std::slice::from_ref(&self.pods),
            pods: std::slice::from_ref(&self.pods_taken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fills_two_lines_and_counts_pods_by_kind_and_priority() {
        assert_eq!(size_of::<Row>(), 128);
        let mut row = Row::default();
        for (kind, priority) in [(1, 0), (1, 5), (1, 0), (2, 0)] {
            row.count(kind, priority);
        }
        assert!(row.uncount(1, 0) && row.uncount(1, 0) && !row.uncount(1, 0));
        let mut left: Vec<_> = row.groups.iter().map(|g| (g.kind, g.priority, g.pods)).collect();
        left.sort_unstable();
        assert_eq!(left, [(1, 5, 1), (2, 0, 1)]);
    }
}
