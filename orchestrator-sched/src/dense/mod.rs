//! The fast core: the same decisions as the plugins make one by one, from kept answers.
//!
//! A [`Core`] follows a [`Snapshot`] change by change and holds its nodes as rows (`row`, `table`),
//! with a log of those that changed. Pods that are alike (`signature`) are a sort, found when a pod
//! arrives (`ticket`), and a sort has a class, which keeps what was found out about every node: what
//! plugins said of its object (`statics`), what it says by itself (`exact`, `local`), ranked so
//! that the best are at hand (`tournament`, `buckets`), and what the pods around it mean, as counters
//! (`dims`) for spread and affinity. The next pod of a class costs a look at the nodes that
//! changed. A pod that is like no other is a pass over all nodes (`scan`, `kernel`, `lanes`).
//!
//! What is kept follows from what a plugin [declares](crate::framework::Reads) that it reads; a
//! pod about which a plugin without a declaration has a say is left to the framework itself,
//! which is also the reference: tests compare the two over random clusters and changes. The
//! arithmetic is not repeated here but that of the plugins, so the answers are equal and not
//! only close.

mod best;
mod buckets;
mod class;
mod dims;
mod exact;
mod fill;
mod judge;
mod kept;
mod kernel;
mod kinds;
mod lanes;
mod local;
mod log;
mod near;
mod plan;
mod profile;
mod ranking;
mod reasons;
mod refusals;
mod reject;
mod row;
mod scan;
mod signature;
mod spread;
mod statics;
mod table;
#[cfg(test)]
mod tests;
mod ticket;
mod topology;
mod tournament;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use orchestrator_core::scheduler::{PodId, PodInfo, Rejection, Snapshot};

use crate::framework::Framework;
use class::Epochs;
use profile::{Found, Now, Profile};
use table::{Slot, Table};
pub use ticket::Ticket;
use ticket::{Admitted, Way};

/// The fast core of some schedulers over one cluster.
#[derive(Debug, Default)]
pub struct Core {
    table: Table,
    epochs: Epochs,
    profiles: Vec<Profile>,
}

/// Where a pod goes.
#[derive(Clone, Debug)]
pub enum Choice {
    /// To this node, one of so many that are equally good.
    Node {
        /// The node.
        node: Arc<str>,
        /// How many there were.
        among: usize,
    },
    /// No node takes it.
    None(Box<Rejection>),
    /// The core cannot tell; the framework can.
    Unknown,
}

impl Core {
    /// No nodes; decides for the schedulers `frameworks`, which are named by their place.
    pub fn new(frameworks: impl IntoIterator<Item = Arc<Framework>>) -> Self {
        let profiles = frameworks.into_iter().map(Profile::new).collect();
        Self { profiles, ..Self::default() }
    }

    /// Takes note of a node of `snapshot` that is new, has changed or is gone.
    pub fn set_node(&mut self, name: &str, snapshot: &Snapshot) {
        let Some(node) = snapshot.node(name) else { return self.table.remove_node(name) };
        let is_new = self.table.slot(name).is_none();
        self.table.set_node(node);
        if is_new {
            let promised: Vec<_> = snapshot.nominated(name).cloned().collect();
            promised.iter().for_each(|pod| self.table.promise(pod, name));
        }
    }

    /// Takes note of a pod that was put on a node; a node that is not known brings its pods
    /// when it comes.
    pub fn add_pod(&mut self, pod: &Arc<PodInfo>, node: &str) {
        if let Some(slot) = self.table.slot(node) {
            self.table.add_pod(slot, pod, &mut None);
        }
    }

    /// Takes note of a pod that was taken off a node.
    pub fn remove_pod(&mut self, pod: &PodInfo, node: &str) {
        if let Some(slot) = self.table.slot(node) {
            self.table.remove_pod(slot, pod);
        }
    }

    /// Whether two versions of a pod on a node differ in anything that matters to other pods.
    pub fn tells_apart(&self, old: &PodInfo, new: &PodInfo) -> bool {
        let annotations: Vec<_> =
            self.profiles.iter().flat_map(|profile| profile.annotations.iter().copied()).collect();
        old.is_terminating() != new.is_terminating() || !signature::alike(old, new, &annotations)
    }

    /// Takes note that a waiting pod was promised room on a node.
    pub fn promise(&mut self, pod: &Arc<PodInfo>, node: &str) {
        self.table.promise(pod, node);
    }

    /// Takes note that a waiting pod is no longer promised room.
    pub fn withdraw(&mut self, id: &PodId) {
        self.table.withdraw(id);
    }

    /// Takes note that labels of namespaces have changed.
    pub fn namespaces_changed(&mut self) {
        self.epochs.namespaces += 1;
    }

    /// Takes note that Services, or others that select pods, have changed.
    pub fn groups_changed(&mut self) {
        self.epochs.groups += 1;
    }

    /// Forgets all that was found out about pods and nodes, which may be half of something after a
    /// plugin has panicked.
    pub fn forget(&mut self) {
        for profile in &mut self.profiles {
            profile.clear();
        }
    }

    /// Finds out about a pod that has arrived what its decision, for the scheduler in place
    /// `profile`, need not find out then.
    pub fn admit(&mut self, profile: usize, pod: &Arc<PodInfo>, snapshot: &Snapshot) -> Ticket {
        let now = Now { pod, snapshot, epochs: self.epochs };
        let admit = AssertUnwindSafe(|| self.profiles[profile].admit(now));
        let way = catch_unwind(admit).unwrap_or(Way::Unknown);
        let kind = self.table.kinds.known(pod);
        Ticket(Some(Admitted { profile, way, kind, leaves: pod.is_terminating() }))
    }

    /// Decides where `pod` goes, for the scheduler in place `profile`; `pick` chooses between
    /// this many equal nodes. The snapshot is the one that the core was told about.
    pub fn choose(
        &mut self,
        profile: usize,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        pick: impl Fn(usize) -> usize,
    ) -> Choice {
        self.choose_known(profile, &mut Ticket::default(), pod, snapshot, pick)
    }

    /// The same for a pod that may have been admitted.
    pub fn choose_known(
        &mut self,
        profile: usize,
        ticket: &mut Ticket,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        pick: impl Fn(usize) -> usize,
    ) -> Choice {
        // A promise to the pod itself holds nobody off but others.
        let own = self.table.withdraw(&pod.id);
        let found = self.decide(profile, ticket, pod, snapshot, pick);
        if let Some(own) = own
            && let Some(node) = self.table.name(own.slot).cloned()
        {
            self.table.promise(&own.pod, &node);
        }
        self.tell(found)
    }

    /// Decides, and takes note of the pod on its node; a promise to it ends.
    pub fn place(
        &mut self,
        profile: usize,
        ticket: &mut Ticket,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        pick: impl Fn(usize) -> usize,
    ) -> Choice {
        let own = self.table.withdraw(&pod.id);
        let found = self.decide(profile, ticket, pod, snapshot, pick);
        match (&found, own) {
            (Some(Found::At(slot, _)), _) => self.assume(*slot, ticket, pod),
            (_, Some(own)) => {
                if let Some(node) = self.table.name(own.slot).cloned() {
                    self.table.promise(&own.pod, &node);
                }
            }
            _ => {}
        }
        self.tell(found)
    }

    fn decide(
        &mut self,
        profile: usize,
        ticket: &mut Ticket,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        pick: impl Fn(usize) -> usize,
    ) -> Option<Found> {
        if ticket.0.is_none_or(|admitted| admitted.profile != profile) {
            *ticket = self.admit(profile, pod, snapshot);
        }
        let admitted = ticket.0.as_mut()?;
        let Self { table, epochs, profiles } = self;
        let profile = &mut profiles[profile];
        let now = Now { pod, snapshot, epochs: *epochs };
        let decide = AssertUnwindSafe(|| profile.decide(admitted, table, now, pick));
        catch_unwind(decide).unwrap_or_else(|_| {
            // A plugin panicked, which the framework tells; what was half done is of no use.
            profile.clear();
            None
        })
    }

    fn assume(&mut self, slot: Slot, ticket: &mut Ticket, pod: &Arc<PodInfo>) {
        let Self { table, profiles, .. } = self;
        // Pods that are alike are of one kind, but for those that leave.
        let mut none = None;
        let known = match &mut ticket.0 {
            Some(Admitted { profile, way: Way::Usual(usual), kind, leaves: false }) => {
                let shared = usual.sort.and_then(|sort| profiles[*profile].kind_of(sort));
                shared.unwrap_or(kind)
            }
            _ => &mut none,
        };
        table.add_pod(slot, pod, known);
    }

    fn tell(&self, found: Option<Found>) -> Choice {
        match found {
            Some(Found::At(slot, among)) => match self.table.name(slot) {
                Some(node) => Choice::Node { node: Arc::clone(node), among },
                None => Choice::Unknown,
            },
            Some(Found::Nowhere(why)) => Choice::None(why),
            None => Choice::Unknown,
        }
    }

    /// The names of the best nodes, in their order; `None` where the framework must be asked.
    #[cfg(test)]
    fn best_names(
        &mut self,
        profile: usize,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
    ) -> Option<Vec<Arc<str>>> {
        // The first of its sort is placed by another way, which has its own order among equals.
        let (first, count) = match self.choose(profile, pod, snapshot, |_| 0) {
            Choice::Unknown => return None,
            Choice::None(_) => return Some(Vec::new()),
            Choice::Node { node, among } => (node, among),
        };
        let mut names = std::collections::BTreeSet::new();
        for index in 0..count {
            match self.choose(profile, pod, snapshot, |_| index) {
                Choice::Node { node, among } if among == count => drop(names.insert(node)),
                other => panic!("{count} nodes were the best, and then {other:?}"),
            }
        }
        assert!(names.contains(&first) && names.len() == count, "{names:?} {first} {count}");
        Some(names.into_iter().collect())
    }
}
