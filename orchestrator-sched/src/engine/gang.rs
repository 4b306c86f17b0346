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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Backoff, Decider};
    use crate::plugins::{self, GangScheduling};
    use crate::testing::{node, pod};
    use orchestrator_core::env::Activity;
    use proptest::prelude::*;
    use serde_json::json;

    const NAME: &str = "default-scheduler";

    /// An engine that knows nodes with so many CPUs.
    fn engine(nodes: &[u8]) -> Engine {
        let framework = plugins::defaults(NAME).with(GangScheduling::default()).build().unwrap();
        let gangs = BTreeMap::from([(NAME.to_owned(), framework.gangs().unwrap().clone())]);
        let deciders = [Decider::from(Arc::new(framework))];
        let engine = Engine::new(deciders, Backoff::default(), &Activity::default());
        let mut engine = engine.with_gangs(gangs);
        for (n, cpu) in nodes.iter().enumerate() {
            let room = json!({"cpu": cpu.to_string(), "memory": "8Gi", "pods": "20"});
            let node = node(&format!("n{n}"), json!({"status": {"allocatable": room}}));
            engine.set_node(&node.name, Some(Arc::clone(&node.node)), Duration::ZERO);
        }
        engine
    }

    fn key(group: usize) -> ObjectKey {
        ObjectKey::new("default", format!("g{group}"))
    }

    /// How many pods of a group have room.
    fn placed(engine: &Engine, group: usize) -> usize {
        let pods = engine.snapshot().nodes().iter().flat_map(|node| &node.pods);
        let name = |pod: &&Arc<PodInfo>| pod.spec()?.scheduling_group.clone()?.pod_group_name;
        pods.filter(|pod| name(pod).as_deref() == Some(&*key(group).name)).count()
    }

    proptest! {
        /// Whatever pods come in which order, alone or of several gangs, a gang has room for
        /// enough of its pods or for none; so no two can hold what the other lacks.
        #[test]
        fn a_gang_has_room_for_enough_of_its_pods_or_for_none(
            nodes in prop::collection::vec(1..5u8, 1..4),
            mins in prop::collection::vec(1..5usize, 3),
            pods in prop::collection::vec((0..4usize, 1..3u8), 1..16),
        ) {
            let mut engine = engine(&nodes);
            let gangs = engine.gangs[NAME].clone();
            for (group, min) in mins.iter().enumerate() {
                gangs.set_group(&key(group), Some(Some(*min)));
            }
            for (n, (group, cpu)) in pods.iter().enumerate() {
                let requests = json!({"requests": {"cpu": cpu.to_string()}});
                let mut spec = json!({"containers": [{"name": "c", "resources": requests}]});
                if *group < mins.len() {
                    spec["schedulingGroup"] = json!({"podGroupName": key(*group).name});
                }
                let pod = pod(&format!("p{n}"), spec);
                let others = gangs.set_pod(&pod.key, Some(&pod.pod));
                engine.set_pod(&pod.key, Some(Arc::clone(&pod.pod)), Duration::ZERO);
                engine.look_again(&others, Duration::ZERO);
                while let Some(attempt) = engine.next(Duration::ZERO, |_| 0) {
                    drop(attempt);
                }
                for (group, min) in mins.iter().enumerate() {
                    let placed = placed(&engine, group);
                    prop_assert!(placed == 0 || placed >= *min, "{placed} of {min}");
                }
            }
        }
    }
}
