//! PodDisruptionBudgets: how many pods of a workload may be evicted now.
//!
//! The API server admits an eviction while the status of the budget allows it, and counts it
//! down at once; this controller counts anew when pods come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{
    PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use orchestrator_client::{Api, Informer, KindExt, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Item, ObjectKey, Status};

use crate::clock;
use crate::deps::ControllerDeps;
use crate::workload::pods::{is_finished, is_ready};
use crate::workload::scaled::{Round, scaled};
use crate::workload::selector::{is_empty, selects};

/// How long an evicted pod counts as going although it is still there.
const EVICTION_S: i64 = 120;

/// Keeps the statuses of budgets.
#[derive(Debug)]
pub struct DisruptionController {
    budgets: Informer<PodDisruptionBudget>,
    pods: Informer<Pod>,
    deployments: Informer<Deployment>,
    sets: Informer<ReplicaSet>,
    stateful: Informer<StatefulSet>,
    api: Api<PodDisruptionBudget>,
}

/// The pods that a budget is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    /// How many pods there shall be.
    expected: i32,
    /// How many are ready and not being evicted.
    healthy: i32,
    /// How many are selected.
    selected: i32,
}

impl DisruptionController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            budgets: deps.informers.of(),
            pods: deps.informers.of(),
            deployments: deps.informers.of(),
            sets: deps.informers.of(),
            stateful: deps.informers.of(),
            api: deps.client().api(),
        }
    }

    /// The size of a pod's workload, with the uid that tells workloads apart.
    fn scale(&self, pod: &Pod) -> Option<(String, i32)> {
        let owner = pod.controller()?;
        let key = ObjectKey::new(pod.namespace(), &*owner.name);
        if owner.kind == "StatefulSet" {
            let set = self.stateful.get(&key)?;
            return Some((set.uid().to_owned(), set.spec.as_ref()?.replicas.unwrap_or(1)));
        }
        let set = self.sets.get(&key).filter(|_| owner.kind == "ReplicaSet")?;
        let Some(owner) = set.controller().filter(|owner| owner.kind == "Deployment") else {
            return Some((set.uid().to_owned(), set.spec.as_ref()?.replicas.unwrap_or(1)));
        };
        let deployment = self.deployments.get(&ObjectKey::new(set.namespace(), &*owner.name))?;
        Some((deployment.uid().to_owned(), deployment.spec.as_ref()?.replicas.unwrap_or(1)))
    }

    /// How many pods there shall be: what the workloads say where the budget is relative to it,
    /// else as many as there are.
    fn expected(&self, spec: &PodDisruptionBudgetSpec, pods: &[Arc<Pod>]) -> Result<i32, String> {
        let count = i32::try_from(pods.len()).unwrap_or(i32::MAX);
        let absolute = |value: &k8s_openapi::apimachinery::pkg::util::intstr::IntOrString| {
            matches!(value, k8s_openapi::apimachinery::pkg::util::intstr::IntOrString::Int(_))
        };
        if spec.max_unavailable.is_none() && spec.min_available.as_ref().is_none_or(absolute) {
            return Ok(count);
        }
        let mut scales = BTreeMap::new();
        for pod in pods {
            let (uid, scale) = self
                .scale(pod)
                .ok_or_else(|| format!("found no controllers for pod {:?}", pod.name()))?;
            scales.insert(uid, scale);
        }
        Ok(scales.into_values().sum())
    }
}

/// The status of a budget; the second value is when an eviction is forgotten.
fn status(
    budget: &PodDisruptionBudget,
    pods: &[Arc<Pod>],
    expected: Result<i32, String>,
    now: &Time,
) -> (PodDisruptionBudgetStatus, Option<Duration>) {
    let before = budget.status.clone().unwrap_or_default();
    let (disrupted, wait) = disrupted(&before, pods, now.0);
    let going = |pod: &Pod| disrupted.contains_key(pod.name()) || pod.is_terminating();
    let healthy = pods.iter().filter(|pod| is_ready(pod) && !going(pod)).count();
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let counts = Counts {
        expected: *expected.as_ref().unwrap_or(&0),
        healthy: number(healthy),
        selected: number(pods.len()),
    };
    let desired = desired(budget.spec.as_ref(), counts);
    let allowed = match &expected {
        Ok(expected) if *expected > 0 => (counts.healthy - desired).max(0),
        _ => 0,
    };
    let (reason, message) = match &expected {
        Err(why) => ("SyncFailed", why.clone()),
        Ok(_) if allowed > 0 => ("SufficientPods", String::new()),
        Ok(_) => ("InsufficientPods", String::new()),
    };
    let holds = if allowed > 0 { "True" } else { "False" };
    let conditions = before.conditions.unwrap_or_default();
    let stands = conditions.iter().find(|c| c.type_ == "DisruptionAllowed" && c.status == holds);
    let condition = Condition {
        type_: "DisruptionAllowed".into(),
        status: holds.into(),
        reason: reason.into(),
        message,
        observed_generation: budget.metadata.generation,
        last_transition_time: stands.map_or(now.clone(), |c| c.last_transition_time.clone()),
    };
    let others = conditions.iter().filter(|c| c.type_ != "DisruptionAllowed").cloned();
    let status = PodDisruptionBudgetStatus {
        current_healthy: Some(counts.healthy),
        desired_healthy: Some(desired),
        expected_pods: Some(counts.expected),
        disruptions_allowed: Some(allowed),
        disrupted_pods: Some(disrupted).filter(|disrupted| !disrupted.is_empty()),
        observed_generation: budget.metadata.generation,
        conditions: Some(others.chain([condition]).collect()),
    };
    (status, wait)
}

/// How many pods must stay healthy.
fn desired(spec: Option<&PodDisruptionBudgetSpec>, counts: Counts) -> i32 {
    let resolve = |value, total| scaled(value, total, Round::Up).unwrap_or(total).max(0);
    let Some(spec) = spec else { return counts.expected };
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(max), _) => (counts.expected - resolve(max, counts.expected)).max(0),
        (None, Some(min)) => resolve(min, counts.expected),
        (None, None) => 1.min(counts.selected),
    }
}

/// The evicted pods that are still there, and when the next of them is forgotten.
fn disrupted(
    before: &PodDisruptionBudgetStatus,
    pods: &[Arc<Pod>],
    now: Timestamp,
) -> (BTreeMap<String, Time>, Option<Duration>) {
    let present: BTreeSet<&str> =
        pods.iter().filter(|pod| !pod.is_terminating()).map(|pod| pod.name()).collect();
    let mut wait = None;
    let evicted = before.disrupted_pods.clone().unwrap_or_default();
    let kept = evicted.into_iter().filter(|(name, at)| {
        let left = clock::until(now, clock::plus(at, EVICTION_S));
        let counts = present.contains(name.as_str()) && left.is_some();
        if counts {
            wait = clock::sooner(wait, left);
        }
        counts
    });
    (kept.collect(), wait)
}

/// The budgets that a change of a pod concerns.
fn budgets_of(budgets: &Informer<PodDisruptionBudget>, change: &Change) -> Vec<ObjectKey> {
    let typed = |item: &Option<Item>| item.as_ref().and_then(|item| item.typed::<Pod>().ok());
    let pods: Vec<Arc<Pod>> =
        [typed(&change.old), typed(&change.new)].into_iter().flatten().collect();
    let Some(namespace) = pods.first().map(|pod| pod.namespace()) else { return Vec::new() };
    let all = budgets.namespace(namespace);
    let about = |budget: &Arc<PodDisruptionBudget>| {
        pods.iter().any(|pod| is_about(budget.spec.as_ref(), pod))
    };
    all.iter().filter(|budget| about(budget)).map(|budget| budget.key()).collect()
}

/// Whether a budget is about a pod; one with an empty selector is about all of its namespace.
fn is_about(spec: Option<&PodDisruptionBudgetSpec>, pod: &Pod) -> bool {
    let selector = spec.and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|s| is_empty(s) || selects(s, pod.metadata.labels.as_ref()))
}

#[async_trait]
impl Controller for DisruptionController {
    fn name(&self) -> &str {
        "disruption"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let budgets = self.budgets.clone();
        vec![
            WatchSpec::own(gvr::<PodDisruptionBudget>()),
            WatchSpec::new(gvr::<Pod>(), move |change| budgets_of(&budgets, change)),
        ]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(budget) = self.budgets.get(key) else { return Ok(Outcome::Done) };
        let mut pods = self.pods.namespace(&key.namespace);
        pods.retain(|pod| !is_finished(pod) && is_about(budget.spec.as_ref(), pod));
        let expected = self.expected(&budget.spec.clone().unwrap_or_default(), &pods);
        let now = clock::now(self.api.client().env());
        let (status, wait) = status(&budget, &pods, expected, &now);
        if budget.status.as_ref() != Some(&status) {
            let budget = PodDisruptionBudget { status: Some(status), ..(*budget).clone() };
            self.api.update_status(&budget).await?;
        }
        Ok(wait.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::tests::at;
    use serde_json::{Value, json};

    fn pods(count: usize, ready: usize) -> Vec<Arc<Pod>> {
        let pod = |index: usize| {
            let ready = if index < ready { "True" } else { "False" };
            let pod = json!({"metadata": {"name": format!("p{index}")},
                "status": {"conditions": [{"type": "Ready", "status": ready}]}});
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        (0..count).map(pod).collect()
    }

    fn budget(spec: Value, status: Value) -> PodDisruptionBudget {
        serde_json::from_value(json!({"metadata": {}, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn what_is_healthy_beyond_what_must_be_may_go() {
        let cases = [
            (json!({"minAvailable": 2}), 3, 3, Ok(3), (2, 1)),
            (json!({"minAvailable": "50%"}), 3, 3, Ok(5), (3, 0)),
            (json!({"maxUnavailable": 1}), 3, 3, Ok(3), (2, 1)),
            (json!({"maxUnavailable": "34%"}), 3, 3, Ok(3), (1, 2)),
            (json!({"maxUnavailable": 1}), 3, 2, Ok(3), (2, 0)),
            (json!({"maxUnavailable": 1}), 0, 0, Ok(0), (0, 0)),
            (json!({"maxUnavailable": 1}), 3, 3, Err("no".to_owned()), (0, 0)),
        ];
        for (spec, count, ready, expected, want) in cases {
            let budget = budget(spec.clone(), json!({}));
            let (status, _) =
                status(&budget, &pods(count, ready), expected, &at("2026-01-01T00:00:00Z"));
            let got = (status.desired_healthy.unwrap(), status.disruptions_allowed.unwrap());
            assert_eq!(got, want, "{spec}");
        }
    }

    #[test]
    fn an_evicted_pod_counts_as_gone_for_a_while() {
        let evicted =
            json!({"disruptedPods": {"p0": "2026-01-01T00:00:00Z", "x": "2026-01-01T00:00:00Z"}});
        let budget = budget(json!({"minAvailable": 1}), evicted);
        let look = |now: &str| {
            let (status, wait) = status(&budget, &pods(2, 2), Ok(2), &at(now));
            (status.current_healthy.unwrap(), wait.map(|wait| wait.as_secs()))
        };
        assert_eq!(look("2026-01-01T00:01:00Z"), (1, Some(60)));
        assert_eq!(look("2026-01-01T00:02:00Z"), (2, None));
    }
}
