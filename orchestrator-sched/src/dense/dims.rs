//! What other pods mean to the pods of a class, summed up by domain.
//!
//! A dimension is one question about pods, as in "how many match this selector", asked of the
//! domains of one topology. Each node contributes its own pods; when they change, the difference
//! is added to the node's domain, so nobody counts pods again. Pods of one [kind](super::kinds)
//! count the same, and are asked about once.
//!
//! Where every domain is one node, a dimension is a number of the node itself, which is part of
//! its stratum. Else the stratum has the domain, and the number is looked up when a pod comes.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::kinds::Kinds;
use super::row::Group;
use super::table::{Slot, Table};
use super::topology::{Domain, NONE};

/// Topologies of at most so many domains are never treated as one domain per node, so that small
/// clusters keep few strata.
pub(super) const FEW: usize = 8;

/// The number of a node that lacks the label.
pub(super) const MISSING: i64 = i64::MIN;

/// What pods of one kind count in each dimension.
pub(super) type Counts = SmallVec<[i64; 4]>;

/// How a dimension counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// The pods of all nodes of the domain that count.
    Domain,
    /// The pods of the node only.
    Node,
}

/// One question about pods, by domain.
#[derive(Debug)]
pub(super) struct Dim {
    pub topology: usize,
    scope: Scope,
    /// Whether each domain is one node.
    by_node: bool,
    /// By slot: what the node contributes, and to which domain.
    own: Vec<(i64, Domain)>,
    /// By slot: whether the node's pods count.
    counted: Vec<bool>,
    /// By domain.
    sums: Vec<i64>,
    /// By domain: how many of its nodes count.
    nodes: Vec<u32>,
    /// How many domains have each sum, where that is asked for.
    domains: Option<BTreeMap<i64, usize>>,
    total: i64,
}

impl Dim {
    /// Nothing counted yet.
    pub fn new(table: &Table, topology: usize, scope: Scope, ranked: bool) -> Self {
        let by_node = table.topologies.get(topology).is_by_node(FEW);
        Self {
            topology,
            scope,
            by_node,
            own: Vec::new(),
            counted: Vec::new(),
            sums: Vec::new(),
            nodes: Vec::new(),
            domains: ranked.then(BTreeMap::new),
            total: 0,
        }
    }

    /// Whether the topology is still of the sort that the dimension was made for.
    pub fn suits(&self, table: &Table) -> bool {
        self.by_node == table.topologies.get(self.topology).is_by_node(FEW)
    }

    /// Whether strata have the domain, as the number is not the node's own.
    pub fn needs_domain(&self) -> bool {
        self.scope == Scope::Domain && !self.by_node
    }

    /// The least number of a domain with nodes that count, and how many such domains there are.
    pub fn least(&self) -> (i64, usize) {
        let domains = self.domains.as_ref();
        let least = domains.and_then(|domains| domains.keys().next()).copied();
        let count = domains.map_or(0, |domains| domains.values().sum());
        (least.unwrap_or_default(), count)
    }

    /// The sum over all nodes that have the label.
    pub fn total(&self) -> i64 {
        self.total
    }

    /// The number of a domain.
    pub fn sum(&self, domain: Domain) -> i64 {
        if domain == NONE {
            return MISSING;
        }
        self.sums.get(domain as usize).copied().unwrap_or_default()
    }

    /// The node's number, where it is its own.
    pub fn value(&self, slot: Slot, table: &Table) -> i64 {
        if table.topologies.get(self.topology).domain(slot) == NONE {
            return MISSING;
        }
        self.own.get(slot as usize).map_or(0, |(own, _)| *own)
    }

    /// Sets whether the node's pods count.
    pub fn set_counted(&mut self, slot: Slot, counted: bool) {
        if self.counted.len() <= slot as usize {
            self.counted.resize(slot as usize + 1, false);
        }
        self.counted[slot as usize] = counted;
    }

    /// Sets what the node's pods count.
    pub fn set(&mut self, slot: Slot, table: &Table, amount: i64) {
        let at = slot as usize;
        if self.own.len() <= at {
            self.own.resize(at + 1, (0, NONE));
        }
        let domain = table.topologies.get(self.topology).domain(slot);
        let counts = self.scope == Scope::Node || self.counted.get(at) == Some(&true);
        let new = if counts && domain != NONE { (amount, domain) } else { (0, NONE) };
        let old = std::mem::replace(&mut self.own[at], new);
        if old != new && self.scope == Scope::Domain {
            self.change(old.1, -old.0, false);
            self.change(new.1, new.0, true);
        }
    }

    fn change(&mut self, domain: Domain, amount: i64, comes: bool) {
        if domain == NONE {
            return;
        }
        let at = domain as usize;
        if self.sums.len() <= at {
            self.sums.resize(at + 1, 0);
            self.nodes.resize(at + 1, 0);
        }
        self.rank(at, false);
        self.sums[at] += amount;
        self.total += amount;
        self.nodes[at] = if comes { self.nodes[at] + 1 } else { self.nodes[at] - 1 };
        self.rank(at, true);
    }

    fn rank(&mut self, domain: usize, comes: bool) {
        let Some(domains) = self.domains.as_mut().filter(|_| self.nodes[domain] > 0) else {
            return;
        };
        let count = domains.entry(self.sums[domain]).or_default();
        *count = if comes { *count + 1 } else { *count - 1 };
        if *count == 0 {
            domains.remove(&self.sums[domain]);
        }
    }
}

/// What kinds of pods count, as far as it was asked.
#[derive(Debug, Default)]
pub(super) struct Memo(Vec<(u32, Counts)>);

impl Memo {
    /// What a node's pods count in `count` dimensions; `ask` says it of one pod.
    pub fn sum(
        &mut self,
        on: &[Group],
        kinds: &Kinds,
        count: usize,
        ask: impl Fn(&orchestrator_core::scheduler::PodInfo) -> Counts,
    ) -> Counts {
        let mut sums: Counts = smallvec::smallvec![0; count];
        for Group { kind: id, pods, .. } in on {
            let at = *id as usize;
            if self.0.len() <= at {
                self.0.resize(at + 1, (0, Counts::new()));
            }
            let kind = kinds.get(*id);
            if self.0[at].0 != kind.serial {
                self.0[at] = (kind.serial, ask(&kind.pod));
            }
            for (sum, amount) in sums.iter_mut().zip(&self.0[at].1) {
                *sum += amount * i64::from(*pods);
            }
        }
        sums
    }
}
