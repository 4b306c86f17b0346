//! The fast core: the same decisions as the plugins make one by one, from kept answers.
//!
//! A [`Core`] follows a [`Snapshot`] change by change and holds it as [columns](table) with a
//! [log](log) of the nodes that changed. Pods that [are alike](signature) form a [class](class),
//! which keeps what was found out about every node: what plugins said of its
//! [object](statics), what it says [by itself](local), and what the pods around it mean, as
//! [counters](dims) for [spread](spread) and [affinity](near). The next pod of a class costs a
//! look at the nodes that changed.
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
mod kept;
mod kernel;
mod kinds;
mod local;
mod log;
mod near;
mod plan;
mod refusals;
mod reject;
mod scan;
mod signature;
mod spread;
mod statics;
mod table;
#[cfg(test)]
mod tests;
mod topology;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use orchestrator_core::scheduler::{PodId, PodInfo, Rejection, Snapshot};

use rustc_hash::FxHashSet;

use crate::framework::{Cycle, Framework};
use crate::matching::RequiredNodes;
use class::{Class, Epochs, View};
use kept::{Kept, Place};
use plan::{Pattern, Plan};
use scan::Scratch;
use spread::Spread;
use statics::Statics;
use table::{Slot, Table};

/// How many answers about nodes may be kept in all: some sixteen bytes each.
const MAX_KEPT: usize = 16 << 20;

/// Classes beyond this number cost more memory than time.
const MAX_CLASSES: usize = 1024;

/// Pods that name more nodes than this are left to the framework.
const FEW_NAMED: usize = 64;

/// Plans that are kept; the plugins' answers come in a few combinations.
const MAX_PLANS: usize = 64;

/// After so many pods that came once, it is forgotten which they were.
const MAX_SEEN: usize = 4096;

/// At least so many classes are kept, however many nodes there are.
const MIN_CLASSES: usize = 8;

/// The fast core of some schedulers over one cluster.
#[derive(Debug, Default)]
pub struct Core {
    table: Table,
    epochs: Epochs,
    profiles: Vec<Profile>,
}

/// What is kept for one scheduler.
#[derive(Debug)]
struct Profile {
    framework: Arc<Framework>,
    annotations: Vec<&'static str>,
    classes: Kept<Kind>,
    statics: Kept<Statics>,
    /// What plugins say, by what they read.
    plans: Vec<(Pattern, Arc<Plan>)>,
    /// The hashes of pods that came once.
    seen: FxHashSet<u64>,
    scratch: Scratch,
}

/// A class and the answers that it shares with others.
#[derive(Debug)]
struct Kind {
    class: Class,
    plan: Arc<Plan>,
    statics: Place,
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
        let profile = |framework: Arc<Framework>| Profile {
            annotations: framework.annotations(),
            framework,
            classes: Kept::default(),
            statics: Kept::default(),
            plans: Vec::new(),
            seen: FxHashSet::default(),
            scratch: Scratch::default(),
        };
        Self { profiles: frameworks.into_iter().map(profile).collect(), ..Self::default() }
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
            self.table.add_pod(slot, pod);
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
            (profile.classes, profile.statics) = (Kept::default(), Kept::default());
        }
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
        // A promise to the pod itself holds nobody off but others.
        let own = self.table.withdraw(&pod.id);
        let Self { table, epochs, profiles } = self;
        let profile = &mut profiles[profile];
        let decide = AssertUnwindSafe(|| profile.choose(table, pod, snapshot, *epochs, pick));
        let choice = catch_unwind(decide).unwrap_or_else(|_| {
            // A plugin panicked, which the framework tells; what was half done is of no use.
            profile.classes.clear();
            profile.statics.clear();
            Choice::Unknown
        });
        if let Some(own) = own
            && let Some(node) = self.table.name(own.slot).cloned()
        {
            self.table.promise(&own.pod, &node);
        }
        choice
    }

    /// The names of the best nodes, in their order; `None` where the framework must be asked.
    #[cfg(test)]
    fn best_names(
        &mut self,
        profile: usize,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
    ) -> Option<Vec<Arc<str>>> {
        let names = std::cell::RefCell::new(std::collections::BTreeSet::new());
        let (mut index, mut count) = (0, 1);
        while index < count {
            let pick = |among: usize| {
                assert!(among < 1000, "there are not so many nodes");
                index
            };
            match self.choose(profile, pod, snapshot, pick) {
                Choice::Unknown => return None,
                Choice::None(_) => return Some(Vec::new()),
                Choice::Node { node, among } => {
                    names.borrow_mut().insert(node);
                    count = among;
                }
            }
            index += 1;
        }
        let names = names.into_inner();
        assert_eq!(names.len(), count, "a node is among the best twice");
        Some(names.into_iter().collect())
    }
}

impl Profile {
    fn choose(
        &mut self,
        table: &mut Table,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        epochs: Epochs,
        pick: impl Fn(usize) -> usize,
    ) -> Choice {
        self.decide(table, pod, snapshot, epochs, pick).unwrap_or(Choice::Unknown)
    }

    /// Decides; `None` where the framework must be asked.
    fn decide(
        &mut self,
        table: &mut Table,
        pod: &Arc<PodInfo>,
        snapshot: &Snapshot,
        epochs: Epochs,
        pick: impl Fn(usize) -> usize,
    ) -> Option<Choice> {
        table.put_in_order(snapshot);
        let framework = Arc::clone(&self.framework);
        if Plan::is_unknown(&framework, pod) {
            return None;
        }
        // A pod that names its nodes, as those of a DaemonSet do, is like no other.
        if pod.spec().is_some_and(|spec| RequiredNodes::of(spec).names().is_some()) {
            let found = framework.choose_among_few(Cycle { pod, snapshot }, FEW_NAMED);
            // Why none of them takes it, the framework says.
            let best = found?.best;
            let among = best.len();
            return Some(Choice::Node { node: best.into_iter().nth(pick(among))?, among });
        }
        let hash = signature::hash(pod, &self.annotations);
        if let Some((slot, among)) = self.scan(hash, pod, table, snapshot, epochs, &pick) {
            return Some(Choice::Node { node: Arc::clone(table.name(slot)?), among });
        }
        let place = self.class_of(hash, pod, table, snapshot, epochs)?;
        let Kind { class, plan, statics } = self.classes.get_mut(place);
        let statics = self.statics.get(*statics);
        let view = View { framework: &framework, plan, statics, snapshot, epochs };
        let counts_promised = |other: &Arc<PodInfo>| {
            other.priority >= pod.priority
                && (other.affinity.is_some()
                    || !plan.pods_filters.is_empty()
                    || !class.dims.is_empty())
        };
        if table.promised().any(counts_promised) {
            return None;
        }
        let best = class.best(view);
        let among = best.len();
        if among > 0 {
            let node = Arc::clone(table.name(best.get(pick(among))?)?);
            return Some(Choice::Node { node, among });
        }
        drop(best);
        class.reject(pod, view, table).map(|why| Choice::None(Box::new(why)))
    }

    /// Decides about a pod that is the first of its sort by one pass over all nodes; `None` where
    /// it is not, or is for a class.
    fn scan(
        &mut self,
        hash: u64,
        pod: &Arc<PodInfo>,
        table: &mut Table,
        snapshot: &Snapshot,
        epochs: Epochs,
        pick: &impl Fn(usize) -> usize,
    ) -> Option<(Slot, usize)> {
        if self.seen.len() >= MAX_SEEN {
            self.seen.clear();
        }
        if !self.seen.insert(hash) || pod.affinity.is_some() || table.kinds.has_wishing() {
            return None;
        }
        let plan = self.plan_of(pod)?;
        let asked = scan::asked(&plan, pod, table)?;
        if !Spread::new(&plan, pod, snapshot).is_empty() {
            return None;
        }
        let place = self.statics_of(hash, pod, plan.wide);
        self.statics.get_mut(place).update(&self.framework, &plan, table, snapshot)?;
        let statics = self.statics.get(place);
        let view = View { framework: &self.framework, plan: &plan, statics, snapshot, epochs };
        scan::best(asked, pod, view, table, &mut self.scratch, pick)
    }

    /// What plugins say about a pod; the same for all pods of which they read the same.
    fn plan_of(&mut self, pod: &PodInfo) -> Option<Arc<Plan>> {
        let pattern = Plan::pattern(&self.framework, pod);
        if let Some((_, plan)) = self.plans.iter().find(|(other, _)| *other == pattern) {
            return Some(Arc::clone(plan));
        }
        let plan = Arc::new(Plan::new(&self.framework, pod)?);
        if self.plans.len() < MAX_PLANS {
            self.plans.push((pattern, Arc::clone(&plan)));
        }
        Some(plan)
    }

    /// The class of a pod, up to date.
    fn class_of(
        &mut self,
        hash: u64,
        pod: &Arc<PodInfo>,
        table: &mut Table,
        snapshot: &Snapshot,
        epochs: Epochs,
    ) -> Option<Place> {
        let annotations = &self.annotations;
        let is_it = |kind: &Kind| signature::alike(&kind.class.pod, pod, annotations);
        let known = self.classes.find(hash, is_it);
        let plan = match known {
            Some(place) => Arc::clone(&self.classes.get(place).plan),
            None => self.plan_of(pod)?,
        };
        let kept = known.map(|place| self.classes.get(place).statics);
        let statics = match kept.filter(|place| self.statics.has(*place)) {
            Some(place) => place,
            None => self.statics_of(hash, pod, plan.wide),
        };
        self.statics.get_mut(statics).update(&self.framework, &plan, table, snapshot)?;
        let statics_there = self.statics.get(statics);
        let framework = &self.framework;
        let view = View { framework, plan: &plan, statics: statics_there, snapshot, epochs };
        let Some(place) = known else {
            let class = Class::new(pod, view, table)?;
            let limit = (MAX_KEPT / table.len().max(1)).clamp(MIN_CLASSES, MAX_CLASSES);
            return Some(self.classes.add(hash, Kind { class, plan, statics }, limit));
        };
        let kind = self.classes.get_mut(place);
        let moved = kind.statics != statics;
        if moved || kind.class.follow(view, table).is_err() {
            kind.class.spoil();
            kind.class = Class::new(pod, view, table)?;
            kind.statics = statics;
        }
        Some(place)
    }

    /// The answers for pods like this one, by nodes' objects.
    fn statics_of(&mut self, hash: u64, pod: &Arc<PodInfo>, wide: bool) -> Place {
        let annotations = &self.annotations;
        let is_it = |statics: &Statics| match wide {
            true => signature::alike(&statics.pod, pod, annotations),
            false => signature::alike_for_nodes(&statics.pod, pod),
        };
        let hash = if wide { hash } else { signature::hash_for_nodes(pod) };
        match self.statics.find(hash, is_it) {
            Some(place) => place,
            None => self.statics.add(hash, Statics::new(Arc::clone(pod)), MAX_CLASSES),
        }
    }
}
