//! `pods/eviction`: deletes a pod if that leaves enough of its like.

use orchestrator_core::object::{Object, map_entry};
use orchestrator_core::request::{Body, Options};
use orchestrator_core::resource::GroupVersionKind;
use orchestrator_core::selector::LabelSelector;
use orchestrator_core::service::ResponseBody;
use orchestrator_core::{ApiRequest, GroupVersionResource, Json, Status, Verb};
use std::sync::Arc;

use super::success;
use crate::admission::Operation;
use crate::pipeline::Cx;
use crate::registry::{Replaced, Resource, Stored};
use crate::rest::{self, admit, body, delete_options, options};

/// How often the budget is read again when others take from it at the same time.
const MAX_TRIES: usize = 20;

/// How many evictions may be under way under one budget before its controller must catch up.
const MAX_DISRUPTED: usize = 2000;

/// When to ask again after a refusal that the budget's controller will lift.
const RETRY_AFTER_S: u32 = 10;

/// What a budget says to an eviction.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// The eviction may happen, and the budget is this afterwards.
    Take(Object),
    /// It may happen, and costs nothing.
    Free,
    /// It may not, for now.
    Wait(String, u32),
    /// It may not.
    Refuse(String),
}

/// Evicts the pod.
pub(super) async fn answer(cx: &Cx<'_>, body: Body) -> Result<ResponseBody, Status> {
    options::check_create(&cx.request.options)?;
    let eviction = body::read(cx, body, &GroupVersionKind::new("policy", "v1", "Eviction"))?;
    let name = eviction.name();
    if !name.is_empty() && name != cx.request.name {
        return Err(Status::bad_request("name in URL does not match name in Eviction object"));
    }
    let eviction = admit::part(cx, Operation::Create, eviction).await?;
    let mut request = cx.request.clone();
    request.body = match eviction.get("deleteOptions").and_then(Json::as_object) {
        Some(options) => Body::Object(Box::new(Object::from(options.clone()))),
        None => Body::None,
    };
    delete_options::take(&mut request)?;
    let dry_run = cx.request.options.is_dry_run() || request.options.is_dry_run();
    let stored = cx.server.objects.read(cx.key()).await?.ok_or_else(|| cx.not_found())?;
    let pod = Arc::clone(stored.tree()?);
    if !is_harmless(&pod) {
        charge(cx, &pod, dry_run).await?;
    }
    evict(cx, request, dry_run).await
}

/// Whether the pod does not count for any budget.
fn is_harmless(pod: &Object) -> bool {
    let phase = pod.text_at(&["status", "phase"]);
    pod.deletion_timestamp().is_some() || matches!(phase, "Succeeded" | "Failed" | "Pending")
}

async fn evict(cx: &Cx<'_>, request: ApiRequest, dry_run: bool) -> Result<ResponseBody, Status> {
    let options = Options {
        dry_run: if dry_run { vec!["All".into()] } else { Vec::new() },
        ..request.options
    };
    let delete = ApiRequest {
        verb: Verb::Delete,
        subresource: String::new(),
        options,
        body: Body::None,
        ..request
    };
    let delete = Cx::new(cx.server, Arc::clone(&cx.resource), delete);
    rest::remove(&delete, &delete.request.namespace, &delete.request.name).await?;
    Ok(success::created())
}

/// Takes the pod out of the budget that covers it.
async fn charge(cx: &Cx<'_>, pod: &Object, dry_run: bool) -> Result<(), Status> {
    let gvr = GroupVersionResource::new("policy", "v1", "poddisruptionbudgets");
    let Some(budgets) = cx.server.registry.get(&gvr) else { return Ok(()) };
    for _ in 0..MAX_TRIES {
        let Some(stored) = covering(cx, &budgets, pod).await? else { return Ok(()) };
        let now = cx.server.env.now_rfc3339();
        match verdict(stored.tree()?, pod, &now) {
            Verdict::Free => return Ok(()),
            Verdict::Wait(why, seconds) => return Err(wait(why, seconds)),
            Verdict::Refuse(why) => {
                let name = stored.tree()?.name();
                return Err(Status::forbidden(&budgets.group_resource, name, why));
            }
            Verdict::Take(_) if dry_run => return Ok(()),
            Verdict::Take(budget) => {
                match cx.server.objects.replace(&stored, budget.into()).await? {
                    Replaced::Done(_) => return Ok(()),
                    Replaced::Changed(_) => {}
                }
            }
        }
    }
    let why = "couldn't update PodDisruptionBudget due to conflicts".to_owned();
    Err(wait(why, RETRY_AFTER_S))
}

fn wait(why: String, seconds: u32) -> Status {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut status = Status::too_many_requests(message, seconds);
    if seconds == 0 {
        status.details.retry_after_s = None;
    }
    status.with_cause("DisruptionBudget", "", why)
}

/// The one budget that covers the pod.
async fn covering(cx: &Cx<'_>, budgets: &Resource, pod: &Object) -> Result<Option<Stored>, Status> {
    let range = orchestrator_core::store::Range::new(budgets.keys(&cx.request.namespace));
    let mut found = None;
    for kv in cx.server.objects.range(range).await?.kvs {
        let stored = Stored::from(kv);
        let selector = stored.tree()?.at(&["spec", "selector"]);
        let Ok(selector) = LabelSelector::from_json(selector) else { continue };
        if !selector.matches_json(pod.labels()) {
            continue;
        }
        if found.is_some() {
            return Err(Status::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                 does not support.",
            ));
        }
        found = Some(stored);
    }
    Ok(found)
}

/// What `budget` says to the eviction of `pod`.
fn verdict(budget: &Object, pod: &Object, now: &str) -> Verdict {
    let name = budget.name();
    let count = |field: &str| budget.int_at(&["status", field]).unwrap_or_default();
    if !is_ready(pod) {
        let enough =
            count("currentHealthy") >= count("desiredHealthy") && count("desiredHealthy") > 0;
        if enough || budget.text_at(&["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow" {
            return Verdict::Free;
        }
    }
    if count("observedGeneration") < budget.generation() {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Verdict::Wait(why, RETRY_AFTER_S);
    }
    let allowed = count("disruptionsAllowed");
    let disrupted = budget.at(&["status", "disruptedPods"]).and_then(Json::as_object);
    if allowed < 0 {
        return Verdict::Refuse("pdb disruptions allowed is negative".into());
    }
    if disrupted.is_some_and(|pods| pods.len() > MAX_DISRUPTED) {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Verdict::Refuse(why.into());
    }
    if allowed == 0 {
        let why = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            count("desiredHealthy"),
            count("currentHealthy")
        );
        return Verdict::Wait(why, 0);
    }
    let mut taken = budget.clone();
    let status = taken.map_mut("status");
    status.insert("disruptionsAllowed".into(), Json::from(allowed - 1));
    map_entry(status, "disruptedPods").insert(pod.name().into(), Json::from(now));
    if allowed == 1
        && let Some(conditions) = status.get_mut("conditions").and_then(Json::as_array_mut)
    {
        for condition in conditions.iter_mut().filter(|c| c["type"] == "DisruptionAllowed") {
            condition["status"] = Json::from("False");
            condition["reason"] = Json::from("InsufficientPods");
            condition["lastTransitionTime"] = Json::from(now);
        }
    }
    Verdict::Take(taken)
}

fn is_ready(pod: &Object) -> bool {
    let conditions = pod.at(&["status", "conditions"]).and_then(Json::as_array);
    let ready = |condition: &Json| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.is_some_and(|conditions| conditions.iter().any(ready))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn budget(status: Json) -> Object {
        let spec = json!({"minAvailable": 1});
        serde_json::from_value(json!({"metadata": {"name": "b", "generation": 2}, "spec": spec,
            "status": status}))
        .unwrap()
    }

    fn pod(ready: &str) -> Object {
        serde_json::from_value(json!({"metadata": {"name": "p"},
            "status": {"conditions": [{"type": "Ready", "status": ready}]}}))
        .unwrap()
    }

    #[test]
    fn a_budget_counts_down_and_then_refuses() {
        let one = budget(json!({"observedGeneration": 2, "disruptionsAllowed": 1,
            "desiredHealthy": 1, "currentHealthy": 2}));
        let Verdict::Take(taken) = verdict(&one, &pod("True"), "t") else { panic!() };
        assert_eq!(taken.int_at(&["status", "disruptionsAllowed"]), Some(0));
        assert_eq!(taken.text_at(&["status", "disruptedPods", "p"]), "t");
        let Verdict::Wait(why, 0) = verdict(&taken, &pod("True"), "t") else { panic!() };
        assert_eq!(why, "The disruption budget b needs 1 healthy pods and has 2 currently");
    }

    #[test]
    fn a_budget_that_is_behind_makes_everybody_wait_but_the_unhealthy_may_go() {
        let behind = budget(json!({"observedGeneration": 1, "desiredHealthy": 1,
            "currentHealthy": 1}));
        assert!(matches!(verdict(&behind, &pod("True"), "t"), Verdict::Wait(_, 10)));
        assert_eq!(verdict(&behind, &pod("False"), "t"), Verdict::Free);
    }
}
