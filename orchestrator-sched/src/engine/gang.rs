//! Gangs: all waiting pods of one are tried in one go, and placed or put back together.
//!
//! Between the pods of a gang nothing else is tried, and what was assumed for a gang that cannot be
//! is taken back before anybody sees it. So a gang never keeps room while it waits for more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use orchestrator_core::ObjectKey;
use orchestrator_core::env::Busy;
use orchestrator_core::scheduler::{PodInfo, Rejection};

use super::{Attempt, Engine, Outcome};
use crate::plugins::gang_scheduling::{Gangs, NAME, Wanted};

/// A pod of a gang that is being tried.
struct Tried {
    pod: Arc<PodInfo>,
    busy: Busy,
    /// The node, and how many were equally good.
    found: Result<(Arc<str>, usize), Box<Rejection>>,
}

impl Engine {
    /// Places the pods of these gangs together, each by the scheduler of this name.
    #[must_use]
    pub fn with_gangs(mut self, gangs: BTreeMap<String, Gangs>) -> Self {
        self.gangs = gangs;
        self
    }

    /// Looks again at pods that were held back, or waited, for something about their gang.
    pub fn look_again(&mut self, pods: &[ObjectKey], now: Duration) {
        for pod in pods.iter().filter_map(|key| self.cache.waiting(key)).collect::<Vec<_>>() {
            if let Some(queue) = self.queue_of(&pod) {
                queue.look_again(pod, now);
            }
        }
    }

    /// What the gang of `pod` wants; `None` for a pod that goes alone.
    pub(super) fn gang_of(&self, pod: &PodInfo) -> Option<Wanted> {
        self.gangs.get(pod.scheduler_name())?.wanted(pod)
    }

    /// Tries `pod` and all others of its gang that wait; the attempts are told one by one.
    pub(super) fn try_gang(
        &mut self,
        profile: usize,
        first: (Arc<PodInfo>, Busy),
        wanted: &Wanted,
        now: Duration,
        pick: &impl Fn(usize) -> usize,
    ) {
        let mut pods = vec![first];
        if let Some(queue) = self.queue_of(&pods[0].0.clone()) {
            pods.extend(wanted.waiting.iter().filter_map(|id| queue.take(id, now)));
        }
        let count = pods.len();
        let tried: Vec<_> = pods
            .into_iter()
            .map(|(pod, busy)| {
                let found = self.place_or_promise(profile, &pod, pick);
                Tried { pod, busy, found }
            })
            .collect();
        let placed = tried.iter().filter(|tried| tried.found.is_ok()).count();
        let promised = tried.iter().filter(|tried| is_promised(tried)).count();
        let complete = wanted.placed + placed >= wanted.min;
        // Others leave only where that is enough for the gang.
        let helps = wanted.placed + placed + promised >= wanted.min;
        let whole = format!(
            "minCount ({}) cannot be satisfied: {} scheduled of {count} tried",
            wanted.min,
            wanted.placed + placed
        );
        let refusing = refusing(&tried);
        for Tried { pod, busy, found } in tried {
            let outcome = match found {
                Ok((node, among)) if complete => {
                    if let Some(gangs) = self.gangs.get(pod.scheduler_name()) {
                        gangs.assume(&pod);
                    }
                    Outcome::Bind { node, among }
                }
                Ok(_) => {
                    self.cache.forget(&pod);
                    let mut rejection = Rejection::default();
                    rejection.nodes = self.snapshot().nodes().len();
                    rejection.whole.clone_from(&whole);
                    rejection.rejected_by.clone_from(&refusing);
                    self.put_back(&pod, rejection, now)
                }
                Err(mut rejection) => {
                    if !complete && !helps && rejection.nomination.take().is_some() {
                        self.cache.withdraw(&pod);
                    }
                    if !complete {
                        rejection.rejected_by.insert(NAME);
                    }
                    self.put_back(&pod, *rejection, now)
                }
            };
            self.ready.push_back(Attempt { pod, outcome, busy });
        }
    }

    /// Finds a node for one pod of a gang, and assumes it there, or promises it the room that
    /// others would leave, so that the next one knows.
    fn place_or_promise(
        &mut self,
        profile: usize,
        pod: &Arc<PodInfo>,
        pick: &impl Fn(usize) -> usize,
    ) -> Result<(Arc<str>, usize), Box<Rejection>> {
        let found = self.place(profile, pod, pick);
        let nomination = found.as_ref().err().and_then(|rejection| rejection.nomination.as_ref());
        if let Some(nomination) = nomination {
            self.cache.nominate(pod, &nomination.node);
        }
        found
    }
}

fn is_promised(tried: &Tried) -> bool {
    tried.found.as_ref().is_err_and(|rejection| rejection.nomination.is_some())
}

/// Who refuses any of the pods: what may change their minds may help the gang.
fn refusing(tried: &[Tried]) -> BTreeSet<&'static str> {
    let refused = tried.iter().filter_map(|tried| tried.found.as_ref().err());
    refused.flat_map(|rejection| rejection.rejected_by.iter().copied()).chain([NAME]).collect()
}
