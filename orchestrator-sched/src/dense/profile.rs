//! What the core keeps for one scheduler: classes, and the answers that classes share.

use std::sync::Arc;

use orchestrator_core::scheduler::{PodInfo, Rejection, Snapshot};
use rustc_hash::FxHashSet;

use super::class::{Class, Epochs, View};
use super::exact::Exact;
use super::kept::{Kept, Place};
use super::kinds::KnownKind;
use super::plan::{Pattern, Plan};
use super::scan::{Scratch, Search};
use super::signature;
use super::spread::Spread;
use super::statics::Statics;
use super::table::{Slot, Table};
use super::ticket::{Admitted, Sort, Usual, Way};
use crate::framework::{Cycle, Framework};
use crate::matching::RequiredNodes;

/// How many scores may be kept in all, of two bytes each where a class has few strata.
const MAX_KEPT: usize = 64 << 20;

/// Classes beyond this number cost more memory than time.
const MAX_CLASSES: usize = 1024;

/// At least so many classes are kept, however many nodes there are.
const MIN_CLASSES: usize = 8;

/// Sorts beyond this number are forgotten, the one that was not used for longest first.
const MAX_SORTS: usize = 4096;

/// Pods that name more nodes than this are left to the framework.
const FEW_NAMED: usize = 64;

/// Plans that are kept; the plugins' answers come in a few combinations, and pods of more are
/// left to the framework.
const MAX_PLANS: usize = 256;

/// After so many pods that came once, it is forgotten which they were.
const MAX_SEEN: usize = 4096;

/// What is kept for one scheduler.
#[derive(Debug)]
pub(super) struct Profile {
    framework: Arc<Framework>,
    pub annotations: Vec<&'static str>,
    sorts: Kept<Sort>,
    statics: Kept<Statics>,
    /// What plugins say, by what they read.
    plans: Vec<(Pattern, Plan)>,
    /// The hashes of pods that came once.
    seen: FxHashSet<u64>,
    scratch: Scratch,
}

/// What was decided.
#[derive(Debug)]
pub(super) enum Found {
    /// A node, one of so many.
    At(Slot, usize),
    /// None.
    Nowhere(Box<Rejection>),
}

/// What a decision is made from.
#[derive(Clone, Copy)]
pub(super) struct Now<'a> {
    pub pod: &'a Arc<PodInfo>,
    pub snapshot: &'a Snapshot,
    pub epochs: Epochs,
}

impl Profile {
    /// Nothing is kept yet for `framework`.
    pub fn new(framework: Arc<Framework>) -> Self {
        Self {
            annotations: framework.annotations(),
            framework,
            sorts: Kept::default(),
            statics: Kept::default(),
            plans: Vec::new(),
            seen: FxHashSet::default(),
            scratch: Scratch::default(),
        }
    }

    /// Forgets all answers.
    pub fn clear(&mut self) {
        self.sorts.clear();
        self.statics.clear();
        self.scratch = Scratch::default();
    }

    /// Finds out how a pod is decided about.
    pub fn admit(&mut self, now: Now<'_>) -> Way {
        let pod = now.pod;
        if pod.spec().is_some_and(|spec| RequiredNodes::of(spec).names().is_some()) {
            return match Plan::is_unknown(&self.framework, pod) {
                true => Way::Unknown,
                false => Way::Named,
            };
        }
        let Some(plan) = self.plan_of(pod) else { return Way::Unknown };
        let hash = signature::hash(pod, &self.annotations);
        let statics = self.statics_of(hash, pod, self.plans[plan].1.wide);
        let alone = self.alone(plan, now);
        let mut usual = Usual { hash, plan, statics, sort: None, alone };
        if self.seen.len() >= MAX_SEEN {
            self.seen.clear();
        }
        if !self.seen.insert(hash) {
            usual.sort = Some(self.sort_of(pod, usual));
        }
        Way::Usual(usual)
    }

    /// What a pod asks for that wants nothing of the pods around it.
    fn alone(&self, plan: usize, now: Now<'_>) -> Option<(Epochs, Exact)> {
        let plan = &self.plans[plan].1;
        let exact = Exact::new(plan, now.pod).filter(|_| now.pod.affinity.is_none())?;
        let spreads = !Spread::new(plan, now.pod, now.snapshot).is_empty();
        (!spreads).then_some((now.epochs, exact))
    }

    /// The kind of pods of a sort, where one has been placed.
    pub fn kind_of(&mut self, sort: Place) -> Option<&mut Option<KnownKind>> {
        self.sorts.has(sort).then(|| &mut self.sorts.get_mut(sort).kind)
    }

    /// Decides where a pod goes; `None` where the framework must be asked.
    pub fn decide(
        &mut self,
        admitted: &mut Admitted,
        table: &mut Table,
        now: Now<'_>,
        pick: impl Fn(usize) -> usize,
    ) -> Option<Found> {
        table.put_in_order(now.snapshot);
        let usual = match &mut admitted.way {
            Way::Unknown => return None,
            Way::Named => return self.among_few(table, now, pick),
            Way::Usual(usual) => usual,
        };
        let sort = match usual.sort.filter(|sort| self.sorts.has(*sort)) {
            Some(sort) => sort,
            None => {
                if let Some((slot, among)) = self.scan(usual, table, now, &pick) {
                    return Some(Found::At(slot, among));
                }
                *usual.sort.insert(self.sort_of(now.pod, *usual))
            }
        };
        self.update(sort, usual.hash, table, now)?;
        self.by_class(sort, table, now, pick)
    }

    fn among_few(
        &self,
        table: &Table,
        now: Now<'_>,
        pick: impl Fn(usize) -> usize,
    ) -> Option<Found> {
        let cycle = Cycle { pod: now.pod, snapshot: now.snapshot };
        // Why none of them takes it, the framework says.
        let best = self.framework.choose_among_few(cycle, FEW_NAMED)?.best;
        let node = best.get(pick(best.len()))?;
        Some(Found::At(table.slot(node)?, best.len()))
    }

    /// Decides by the class of a sort, which is up to date.
    fn by_class(
        &mut self,
        sort: Place,
        table: &Table,
        now: Now<'_>,
        pick: impl Fn(usize) -> usize,
    ) -> Option<Found> {
        let Self { framework, plans, statics, sorts, .. } = self;
        let sort = sorts.get_mut(sort);
        let (plan, statics) = (&plans[sort.plan].1, statics.get(sort.statics));
        let class = sort.class.as_mut()?;
        let Now { pod, snapshot, epochs } = now;
        let view = View { framework, plan, statics, snapshot, epochs };
        let counts_promised = |other: &Arc<PodInfo>| {
            other.priority >= pod.priority
                && (other.affinity.is_some()
                    || !plan.pods_filters.is_empty()
                    || !class.dims.is_empty())
        };
        if !table.has_no_promises() && table.promised().any(counts_promised) {
            return None;
        }
        let best = class.best(view);
        match best.len() {
            0 => class.reject(pod, view, table).map(|why| Found::Nowhere(Box::new(why))),
            among => Some(Found::At(best.get(class, pick(among))?, among)),
        }
    }

    /// Decides about a pod that is the first of its sort by passes over all nodes; `None` where
    /// it is for a class.
    fn scan(
        &mut self,
        usual: &mut Usual,
        table: &mut Table,
        now: Now<'_>,
        pick: &impl Fn(usize) -> usize,
    ) -> Option<(Slot, usize)> {
        let Now { pod, snapshot, epochs } = now;
        if table.kinds.has_wishing() || !table.has_no_promises() {
            return None;
        }
        if usual.alone.is_none_or(|(since, _)| since != epochs) {
            usual.alone = self.alone(usual.plan, now);
        }
        let (_, exact) = usual.alone?;
        let asked = exact.asked(&self.plans[usual.plan].1)?;
        if !self.statics.has(usual.statics) {
            usual.statics = self.statics_of(usual.hash, pod, self.plans[usual.plan].1.wide);
        }
        let Self { framework, plans, statics, scratch, .. } = self;
        let plan = &plans[usual.plan].1;
        let place = usual.statics;
        statics.get_mut(place).update(framework, plan, table, snapshot)?;
        let view = View { framework, plan, statics: statics.get(place), snapshot, epochs };
        table.update_lanes();
        let search = Search { pod, exact, asked, view, table, statics: place };
        search.run(scratch, pick)
    }

    /// Brings the class of a sort up to date, or makes it.
    fn update(&mut self, sort: Place, hash: u64, table: &mut Table, now: Now<'_>) -> Option<()> {
        let Now { pod, snapshot, epochs } = now;
        let known = self.sorts.get(sort);
        if !self.statics.has(known.statics) {
            let wide = self.plans[known.plan].1.wide;
            let statics = self.statics_of(hash, pod, wide);
            let sort = self.sorts.get_mut(sort);
            (sort.statics, sort.class) = (statics, None);
        }
        let Self { framework, plans, statics, sorts, .. } = self;
        let there = sorts.get_mut(sort);
        let plan = &plans[there.plan].1;
        statics.get_mut(there.statics).update(framework, plan, table, snapshot)?;
        let statics = statics.get(there.statics);
        let view = View { framework, plan, statics, snapshot, epochs };
        if let Some(class) = &mut there.class
            && class.follow(view, table).is_ok()
        {
            return Some(());
        }
        // What is half up to date is not used again, even where the new one is not made.
        there.class = None;
        let class = Box::new(Class::new(pod, view, table)?);
        let limit = (MAX_KEPT / table.len().max(1)).clamp(MIN_CLASSES, MAX_CLASSES);
        let classes = sorts.iter().filter(|sort| sort.class.is_some()).count();
        if classes >= limit
            && let Some(oldest) = sorts.oldest_mut(|sort| sort.class.is_some())
        {
            oldest.class = None;
        }
        sorts.get_mut(sort).class = Some(class);
        Some(())
    }

    /// What plugins say about a pod; the same for all pods of which they read the same.
    fn plan_of(&mut self, pod: &PodInfo) -> Option<usize> {
        let pattern = Plan::pattern(&self.framework, pod);
        if let Some(known) = self.plans.iter().position(|(other, _)| *other == pattern) {
            return Some(known);
        }
        let plan = Plan::new(&self.framework, pod)?;
        if self.plans.len() >= MAX_PLANS {
            return None;
        }
        self.plans.push((pattern, plan));
        Some(self.plans.len() - 1)
    }

    fn sort_of(&mut self, pod: &Arc<PodInfo>, usual: Usual) -> Place {
        let Usual { hash, plan, statics, .. } = usual;
        let annotations = &self.annotations;
        let is_it = |sort: &Sort| signature::alike(&sort.pod, pod, annotations);
        match self.sorts.find(hash, is_it) {
            Some(place) => place,
            None => {
                let sort = Sort { pod: Arc::clone(pod), plan, statics, class: None, kind: None };
                self.sorts.add(hash, sort, MAX_SORTS)
            }
        }
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
