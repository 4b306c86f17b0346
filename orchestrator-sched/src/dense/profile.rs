//! What the core keeps for one scheduler: classes, and the answers that classes share.

use std::sync::Arc;

use orchestrator_core::scheduler::{PodInfo, Snapshot};
use rustc_hash::FxHashSet;

use super::class::{Class, Epochs, View};
use super::kept::{Kept, Place};
use super::plan::{Pattern, Plan};
use super::scan::{self, Scratch};
use super::spread::Spread;
use super::statics::Statics;
use super::table::{Slot, Table};
use super::{Choice, signature};
use crate::framework::{Cycle, Framework};
use crate::matching::RequiredNodes;

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

/// What is kept for one scheduler.
#[derive(Debug)]
pub(super) struct Profile {
    framework: Arc<Framework>,
    pub annotations: Vec<&'static str>,
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

impl Profile {
    /// Nothing is kept yet for `framework`.
    pub fn new(framework: Arc<Framework>) -> Self {
        Self {
            annotations: framework.annotations(),
            framework,
            classes: Kept::default(),
            statics: Kept::default(),
            plans: Vec::new(),
            seen: FxHashSet::default(),
            scratch: Scratch::default(),
        }
    }

    /// Forgets all answers.
    pub fn clear(&mut self) {
        self.classes.clear();
        self.statics.clear();
    }

    /// Decides where a pod goes.
    pub fn choose(
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
