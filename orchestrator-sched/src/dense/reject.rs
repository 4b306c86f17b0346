//! What is said of a pod that no node takes, from the reasons that its class keeps, and who
//! leaves for it.
//!
//! Where pods would have to leave, a node is tried out by sums: what its pods ask for, less what
//! those ask for who leave. What was found for a node is kept until the node changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use orchestrator_core::scheduler::{Nomination, PodInfo, Rejection, Resources};
use rustc_hash::FxHashMap;

use super::class::{Class, View};
use super::table::{Slot, Table};
use crate::framework::{How, Refusal, Remedy};
use crate::plugins::NodeResourcesFit;
use crate::plugins::default_preemption::{
    self as preemption, Candidate, NEVER, NO_VICTIMS, NOT_HELPFUL, Trial,
};

/// What was found out about nodes on which others could leave for the pods of a class.
#[derive(Debug, Default)]
pub(super) struct Tried(FxHashMap<Slot, (u64, u64, Result<Candidate, Refusal>)>);

/// The sums of one node as pods come and go.
struct Sums<'a> {
    fit: &'a NodeResourcesFit,
    asked: &'a Resources,
    has: Resources,
    taken: Resources,
}

impl Trial for Sums<'_> {
    fn leave(&mut self, pod: &Arc<PodInfo>) {
        self.taken.subtract(&pod.requests);
        self.taken.pods -= 1;
    }

    fn come_back(&mut self, pod: &Arc<PodInfo>) {
        self.taken.add(&pod.requests);
        self.taken.pods += 1;
    }

    fn fits(&self) -> Result<(), Refusal> {
        self.fit.check_amounts(self.asked, &self.taken, &self.has)
    }
}

impl Class {
    /// Why no node takes `pod`, and what is done about it; `None` where the framework must say.
    pub fn reject(&mut self, pod: &PodInfo, view: View<'_>, table: &Table) -> Option<Rejection> {
        let mut rejection = Rejection::default();
        rejection.nodes = view.snapshot.nodes().len();
        if !view.plan.in_order || rejection.nodes == 0 {
            return None;
        }
        self.reasons.update(&self.pod, view, table)?;
        let (mut resolvable, mut others) = (0, 0);
        for (by, refusal, nodes) in self.all_reasons(view) {
            if by.iter().any(|name| view.plan.late.contains(name)) {
                return None;
            }
            for reason in &refusal.reasons {
                *rejection.reasons.entry(reason.clone()).or_default() += nodes;
            }
            rejection.rejected_by.extend(by);
            *if refusal.resolvable { &mut resolvable } else { &mut others } += nodes;
        }
        let mut words = Vec::new();
        for remedy in view.framework.remedies() {
            let found = match remedy.acts().0 {
                How::Somehow => return None,
                How::Says(text) => Remedy::None(text.to_owned()),
                How::Preempts => self.preempt(pod, view, table, [resolvable, others])?,
            };
            match found {
                Remedy::None(text) => words.push(text),
                Remedy::Lost(text) => {
                    rejection.withdraws = true;
                    words.push(text);
                }
                Remedy::Stop(text) => {
                    words.push(text);
                    break;
                }
                Remedy::Nominate(nomination) => {
                    rejection.nomination = Some(nomination);
                    rejection.withdraws = false;
                    words.clear();
                    break;
                }
            }
        }
        rejection.remedy = words.join(", ");
        Some(rejection)
    }

    /// Who refuses nodes, why, and how many.
    fn all_reasons(&self, view: View<'_>) -> Vec<(Vec<&'static str>, Refusal, usize)> {
        let by_node = self
            .reasons
            .all()
            .map(|((by, refusal), nodes)| (by.iter().copied().collect(), refusal.clone(), nodes));
        let filled = (0..self.ranking.strata()).filter(|index| self.ranking.nodes(*index) > 0);
        let by_stratum = filled.filter_map(|stratum| {
            let (by, refusal) = self.refuses(view, &self.numbers(stratum))?;
            Some((vec![by], refusal, self.ranking.nodes(stratum)))
        });
        by_node.chain(by_stratum).collect()
    }

    /// Who leaves for the pod; of the nodes, so many could take it if others left, and so many
    /// could not.
    fn preempt(
        &mut self,
        pod: &PodInfo,
        view: View<'_>,
        table: &Table,
        [resolvable, others]: [usize; 2],
    ) -> Option<Remedy> {
        if preemption::never_preempts(pod) {
            return Some(Remedy::None(NEVER.to_owned()));
        }
        let nodes = view.snapshot.nodes();
        let lost = |mut reasons: BTreeMap<String, usize>| {
            *reasons.entry(NOT_HELPFUL.to_owned()).or_default() += others;
            reasons.retain(|_, count| *count > 0);
            Remedy::Lost(preemption::in_words(nodes.len(), reasons))
        };
        if table.lowest_priority().is_none_or(|lowest| lowest >= pod.priority) || resolvable == 0 {
            return Some(lost([(NO_VICTIMS.to_owned(), resolvable)].into()));
        }
        // What leaves changes nothing but the room only where nothing else is asked about.
        let fit = view.plan.fit.as_ref().filter(|_| self.dims.is_empty())?;
        if !view.plan.pods_filters.is_empty() {
            return None;
        }
        let limit = preemption::most_candidates(nodes.len());
        let slots = table.order();
        let mut found: Vec<Slot> = Vec::new();
        let mut failed: Vec<Option<Slot>> = Vec::new();
        for index in preemption::in_turn(pod, nodes) {
            let slot = slots[index];
            let helps = self.reasons.of(slot).is_some_and(|(_, refusal)| refusal.resolvable);
            if !helps || found.len() >= limit {
                continue;
            }
            if !table.has_lower(slot, pod.priority) {
                failed.push(None);
                continue;
            }
            match self.tried(slot, pod, fit, view, table) {
                Ok(_) => found.push(slot),
                Err(_) => failed.push(Some(slot)),
            }
        }
        let candidate = |slot: &Slot| self.tried.0[slot].2.as_ref().ok();
        if let Some(Candidate { node, victims, .. }) =
            preemption::choose(found.iter().filter_map(candidate))
        {
            let (node, victims) = (Arc::clone(node), victims.clone());
            return Some(Remedy::Nominate(Nomination { node, victims }));
        }
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for slot in failed {
            let refusal = slot.and_then(|slot| self.tried.0[&slot].2.as_ref().err());
            let none = [NO_VICTIMS.to_owned()];
            for reason in refusal.map_or(none.as_slice(), |refusal| &refusal.reasons) {
                *reasons.entry(reason.clone()).or_default() += 1;
            }
        }
        Some(lost(reasons))
    }

    /// Who would leave a node.
    fn tried(
        &mut self,
        slot: Slot,
        pod: &PodInfo,
        fit: &NodeResourcesFit,
        view: View<'_>,
        table: &Table,
    ) -> &Result<Candidate, Refusal> {
        let now = (table.rows[slot as usize].version, view.epochs.groups);
        let entry = self
            .tried
            .0
            .entry(slot)
            .or_insert_with(|| (u64::MAX, u64::MAX, Err(Refusal::unresolvable(NO_VICTIMS))));
        if (entry.0, entry.1) != now {
            let mut taken = table.resources_requested(slot);
            if let Some(promised) = super::local::promised(table, slot, pod.priority) {
                taken.add(&promised);
            }
            let has = table.resources_allocatable(slot);
            let mut sums = Sums { fit, asked: &pod.requests, has, taken };
            let node = table.name(slot).and_then(|name| view.snapshot.node(name));
            let found = match node {
                Some(node) => preemption::find_victims(pod, node, view.snapshot, &mut sums),
                None => Err(Refusal::unresolvable(NO_VICTIMS)),
            };
            *entry = (now.0, now.1, found);
        }
        &entry.2
    }
}
