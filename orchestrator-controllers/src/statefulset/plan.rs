//! The next step of a StatefulSet: in order, unless it may be done in parallel.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;

use super::pod::ordinal;
use crate::workload::history::HASH_LABEL;
use crate::workload::pods::{is_available, is_finished, is_ready, phase};
use crate::workload::scaled::{Round, scaled};

/// A StatefulSet with its pods.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub set: &'a StatefulSet,
    /// The names of the revision that pods have and of the one that they shall have.
    pub current: String,
    pub update: String,
    pub now: Timestamp,
    pods: BTreeMap<i32, Arc<Pod>>,
    first: i32,
    replicas: i32,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// Make the pod with this ordinal, of this revision.
    Create(i32, String),
    /// Delete a pod.
    Delete(Arc<Pod>),
    /// Delete a pod that has ended, so that it can be made anew.
    Recreate(Arc<Pod>),
}

impl<'a> View<'a> {
    pub(super) fn new(
        set: &'a StatefulSet,
        pods: Vec<Arc<Pod>>,
        (current, update): (String, String),
        now: Timestamp,
    ) -> Self {
        let spec = set.spec.as_ref();
        let first = spec.and_then(|spec| spec.ordinals.as_ref()?.start).unwrap_or(0);
        let replicas = spec.and_then(|spec| spec.replicas).unwrap_or(1).max(0);
        let pods = pods.into_iter().filter_map(|pod| Some((ordinal(set, &pod)?, pod))).collect();
        Self { set, current, update, now, pods, first, replicas }
    }

    /// What is to be done now.
    pub(super) fn plan(&self) -> Vec<Action> {
        let in_order = self.is_ordered();
        let mut actions = Vec::new();
        for ordinal in self.wanted() {
            let blocked = match self.pods.get(&ordinal) {
                None => {
                    actions.push(Action::Create(ordinal, self.revision_for(ordinal)));
                    true
                }
                Some(pod) if is_finished(pod) && !pod.is_terminating() => {
                    actions.push(Action::Recreate(Arc::clone(pod)));
                    true
                }
                Some(pod) => !self.is_up(pod),
            };
            if blocked && in_order {
                return actions;
            }
        }
        if let Some(stop) = self.shrink(in_order, &mut actions) {
            return stop;
        }
        if actions.is_empty() { self.roll() } else { actions }
    }

    /// Deletes pods beyond the size, the last one first; `Some` where nothing else may happen.
    fn shrink(&self, in_order: bool, actions: &mut Vec<Action>) -> Option<Vec<Action>> {
        let condemned: Vec<_> =
            self.pods.iter().filter(|(ordinal, _)| !self.wanted().contains(ordinal)).collect();
        let unhealthy = condemned.iter().find(|(_, pod)| !self.is_running_and_ready(pod));
        for (ordinal, pod) in condemned.iter().rev() {
            let is_first_unhealthy = unhealthy.is_some_and(|(first, _)| first == ordinal);
            let waits = pod.is_terminating()
                || (unhealthy.is_some() && !is_first_unhealthy && !self.is_running_and_ready(pod));
            if !waits {
                actions.push(Action::Delete(Arc::clone(pod)));
            }
            if in_order {
                return Some(std::mem::take(actions));
            }
        }
        None
    }

    /// Replaces pods of an older revision, the last one first, as many at a time as may be down.
    fn roll(&self) -> Vec<Action> {
        let spec = self.set.spec.clone().unwrap_or_default();
        let strategy = spec.update_strategy.unwrap_or_default();
        if strategy.type_.as_deref() == Some("OnDelete") {
            return Vec::new();
        }
        let rolling = strategy.rolling_update.unwrap_or_default();
        let limit = rolling.max_unavailable.and_then(|v| scaled(&v, self.replicas, Round::Up));
        let limit = usize::try_from(limit.unwrap_or(1)).unwrap_or(1).max(1);
        let lowest = self.first.saturating_add(rolling.partition.unwrap_or(0).max(0));
        let down = self.wanted().filter(|o| self.pods.get(o).is_none_or(|pod| !self.is_up(pod)));
        let mut down = down.count();
        let mut actions = Vec::new();
        for ordinal in self.wanted().rev().filter(|ordinal| *ordinal >= lowest) {
            let Some(pod) = self.pods.get(&ordinal) else { continue };
            if self.revision(pod) == self.update || pod.is_terminating() {
                continue;
            }
            // One that is down anyway is replaced first: the new template may be its cure.
            let up = self.is_up(pod);
            if up && down >= limit {
                break;
            }
            down += usize::from(up);
            actions.push(Action::Delete(Arc::clone(pod)));
        }
        actions
    }

    /// The pods that are there, by ordinal.
    pub(super) fn pods(&self) -> impl Iterator<Item = (i32, &Arc<Pod>)> {
        self.pods.iter().map(|(ordinal, pod)| (*ordinal, pod))
    }

    /// The ordinals that the set shall have.
    pub(super) fn wanted(&self) -> std::ops::Range<i32> {
        self.first..self.first.saturating_add(self.replicas)
    }

    fn is_ordered(&self) -> bool {
        let policy = self.set.spec.as_ref().and_then(|spec| spec.pod_management_policy.as_deref());
        policy != Some("Parallel")
    }

    /// The revision that a pod that is made now gets: below the partition it comes back as it was.
    fn revision_for(&self, ordinal: i32) -> String {
        let spec = self.set.spec.clone().unwrap_or_default();
        let rolling = spec.update_strategy.unwrap_or_default().rolling_update.unwrap_or_default();
        let partition = rolling.partition.unwrap_or(0).max(0);
        match ordinal < self.first.saturating_add(partition) {
            true => self.current.clone(),
            false => self.update.clone(),
        }
    }

    fn revision<'p>(&self, pod: &'p Pod) -> &'p str {
        pod.label(HASH_LABEL).unwrap_or_default()
    }

    fn is_running_and_ready(&self, pod: &Pod) -> bool {
        phase(pod) == "Running" && is_ready(pod)
    }

    fn min_ready(&self) -> i32 {
        self.set.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    fn is_up(&self, pod: &Pod) -> bool {
        !pod.is_terminating()
            && self.is_running_and_ready(pod)
            && is_available(pod, self.min_ready(), self.now)
    }

    /// The status as the pods are.
    pub(super) fn status(&self, collisions: Option<i32>) -> StatefulSetStatus {
        let count = |test: &dyn Fn(&Pod) -> bool| {
            let count = self.pods.values().filter(|pod| test(pod)).count();
            i32::try_from(count).unwrap_or(i32::MAX)
        };
        let shown = |number: i32| Some(number).filter(|number| *number != 0);
        let of =
            |revision: &str| count(&|pod| !pod.is_terminating() && self.revision(pod) == revision);
        let (total, updated) = (count(&|_| true), of(&self.update));
        let ready = count(&|pod| self.is_running_and_ready(pod));
        // The update is complete: what was new is current from now on.
        let complete = updated == self.replicas && ready == self.replicas && total == self.replicas;
        let current = if complete { &self.update } else { &self.current };
        StatefulSetStatus {
            replicas: total,
            ready_replicas: shown(ready),
            available_replicas: Some(count(&|pod| self.is_up(pod))),
            current_replicas: shown(of(current)),
            updated_replicas: shown(updated),
            current_revision: Some(current.clone()),
            update_revision: Some(self.update.clone()),
            observed_generation: self.set.metadata.generation,
            collision_count: Some(collisions.unwrap_or(0)),
            conditions: self.set.status.as_ref().and_then(|status| status.conditions.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::set;
    use super::*;
    use serde_json::{Value, json};

    /// Pods as `ordinal:revision:state`, with the states `up`, `down`, `gone` (terminating),
    /// `failed`.
    fn pods(text: &str) -> Vec<Arc<Pod>> {
        let pod = |word: &str| {
            let parts: Vec<_> = word.split(':').collect();
            let ready = if parts[2] == "up" { "True" } else { "False" };
            let phase = if parts[2] == "failed" { "Failed" } else { "Running" };
            let deleted = (parts[2] == "gone").then_some("2026-01-01T00:00:00Z");
            let pod = json!({
                "metadata": {"name": format!("s-{}", parts[0]), "labels": {HASH_LABEL: parts[1]},
                    "deletionTimestamp": deleted},
                "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        text.split_whitespace().map(pod).collect()
    }

    fn run(spec: Value, text: &str) -> String {
        let set = set(spec);
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let revisions = ("old".to_owned(), "new".to_owned());
        let actions = View::new(&set, pods(text), revisions, now).plan();
        let word = |action: &Action| match action {
            Action::Create(ordinal, revision) => format!("+{ordinal}:{revision}"),
            Action::Delete(pod) => format!("-{}", pod.name()),
            Action::Recreate(pod) => format!("!{}", pod.name()),
        };
        actions.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pods_come_one_after_the_other_and_go_in_reverse() {
        let three = || json!({"replicas": 3});
        let cases = [
            (three(), "", "+0:new"),
            (three(), "0:new:down", ""),
            (three(), "0:new:up", "+1:new"),
            (three(), "0:new:up 1:new:gone", ""),
            (three(), "0:new:failed", "!s-0"),
            (json!({"replicas": 1}), "0:new:up 1:new:up 2:new:up", "-s-2"),
            (json!({"replicas": 1}), "0:new:up 1:new:up 2:new:gone", ""),
            (json!({"replicas": 1}), "0:new:down 1:new:up", ""),
            (json!({"replicas": 0}), "0:new:up", "-s-0"),
            (json!({"replicas": 2, "ordinals": {"start": 4}}), "4:new:up", "+5:new"),
        ];
        for (spec, text, want) in cases {
            assert_eq!(run(spec, text), want, "{text}");
        }
    }

    #[test]
    fn in_parallel_all_come_and_go_at_once() {
        let parallel =
            |replicas: i32| json!({"replicas": replicas, "podManagementPolicy": "Parallel"});
        assert_eq!(run(parallel(3), "1:new:down"), "+0:new +2:new");
        assert_eq!(run(parallel(1), "0:new:up 1:new:up 2:new:up"), "-s-2 -s-1");
    }

    #[test]
    fn an_update_goes_from_the_last_pod_to_the_partition() {
        let update = |rolling: Value| json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}});
        let old = "0:old:up 1:old:up 2:old:up";
        assert_eq!(run(update(json!({})), old), "-s-2");
        assert_eq!(run(update(json!({})), "0:old:up 1:old:up 2:new:up"), "-s-1");
        assert_eq!(run(update(json!({"partition": 2})), "0:old:up 1:old:up 2:new:up"), "");
        assert_eq!(run(update(json!({"partition": 2})), "1:old:up 2:new:up"), "+0:old");
        assert_eq!(run(update(json!({"maxUnavailable": 2})), old), "-s-2 -s-1");
        let on_delete = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
        assert_eq!(run(on_delete, old), "");
    }
}
