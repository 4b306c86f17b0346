//! `ResourceQuota`: how much all objects of a namespace may take together.
//!
//! A quota counts only what its controller has taken into the status; the step adds to that before
//! an object is made or grows, and the controller takes away again what was not made after all.

use async_trait::async_trait;
use orchestrator_core::object::{Object, map_entry};
use orchestrator_core::quota::{Amounts, amounts, covers, missing, usage};
use orchestrator_core::store::Range;
use orchestrator_core::{GroupVersionResource, Json, Quantity, Status};

use super::{Admission, AdmissionRequest, Operation};
use crate::registry::{Replaced, Stored};

/// How often a quota is charged when others charge it at the same time.
const MAX_TRIES: usize = 16;

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceQuota;

#[async_trait]
impl Admission for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        let counts = match request.operation {
            Operation::Create => {
                request.subresource.is_empty()
                    && !request.is_for("", "resourcequotas")
                    && !request.is_for("", "events")
            }
            Operation::Update => may_grow(request),
            _ => false,
        };
        counts && !request.namespace.is_empty()
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let gvr = GroupVersionResource::new("", "v1", "resourcequotas");
        let Some(quotas) = request.objects.resource(&gvr) else { return Ok(()) };
        let range = Range::new(quotas.keys(request.namespace));
        let stored = request.objects.range(range).await?.kvs;
        if stored.is_empty() {
            return Ok(());
        }
        let resource = &request.resource.group_resource;
        let mut usage = usage(resource, &request.object);
        if let Some(old) = request.old {
            usage = growth(&usage, &self::usage(resource, old));
            if usage.is_empty() {
                return Ok(());
            }
        }
        for quota in stored {
            charge(request, Stored::from(quota), &usage).await?;
        }
        Ok(())
    }
}

/// Whether an update may make the object take more than before.
fn may_grow(request: &AdmissionRequest<'_>) -> bool {
    let def = &request.resource.def;
    let part = (&*def.gvr.group, &*def.gvr.resource, request.subresource);
    matches!(part, ("", "services" | "persistentvolumeclaims", "") | ("", "pods", "resize"))
}

/// What is taken now and was not before.
fn growth(now: &Amounts, before: &Amounts) -> Amounts {
    let grown = now.iter().filter_map(|(word, amount)| {
        let grown = before.get(word).map_or(*amount, |before| *amount - *before);
        (grown > Quantity::default()).then(|| (word.clone(), grown))
    });
    grown.collect()
}

/// Adds the usage to one quota, or refuses the request.
async fn charge(
    request: &AdmissionRequest<'_>,
    mut quota: Stored,
    usage: &Amounts,
) -> Result<(), Status> {
    for _ in 0..MAX_TRIES {
        let charged = match charged(quota.tree()?, &request.object, usage) {
            Ok(Some(charged)) if !request.is_dry_run() => charged,
            Ok(_) => return Ok(()),
            Err(why) => return Err(request.forbidden(why)),
        };
        match request.objects.replace(&quota, charged.into()).await? {
            Replaced::Done(_) | Replaced::Changed(None) => return Ok(()),
            Replaced::Changed(Some(now)) => quota = now,
        }
    }
    let name = quota.tree()?.name().to_owned();
    Err(Status::conflict(
        &request.resource.group_resource,
        request.shown_name(),
        format!("quota {name:?} changes too often"),
    ))
}

/// The quota with the usage added; `None` where it does not count, and words where it is too much.
fn charged(quota: &Object, object: &Object, usage: &Amounts) -> Result<Option<Object>, String> {
    if !covers(quota, object) {
        return Ok(None);
    }
    let name = quota.name();
    let hard = amounts(quota.at(&["status", "hard"]));
    let missing = missing(object, hard.keys());
    if !missing.is_empty() {
        return Err(format!("failed quota: {name}: must specify {}", missing.join("; ")));
    }
    let used = amounts(quota.at(&["status", "used"]));
    let counted: Amounts = usage
        .iter()
        .filter(|(key, amount)| hard.contains_key(*key) && !amount.is_zero())
        .map(|(key, amount)| (key.clone(), *amount))
        .collect();
    if counted.is_empty() {
        return Ok(None);
    }
    let unknown: Vec<&str> =
        counted.keys().filter(|key| !used.contains_key(*key)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(format!("status unknown for quota: {name}, resources: {}", unknown.join(",")));
    }
    let exceeded: Vec<&String> =
        counted.keys().filter(|key| used[*key] + counted[*key] > hard[*key]).collect();
    if !exceeded.is_empty() {
        let told = |amounts: &Amounts| -> String {
            let all = exceeded.iter().map(|key| format!("{key}={}", amounts[*key]));
            all.collect::<Vec<_>>().join(",")
        };
        return Err(format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            told(&counted),
            told(&used),
            told(&hard)
        ));
    }
    let mut charged = quota.clone();
    let target = map_entry(charged.map_mut("status"), "used");
    for (key, amount) in &counted {
        target.insert(key.into(), Json::from((used[key] + *amount).to_string()));
    }
    Ok(Some(charged))
}

#[cfg(test)]
mod tests {
    use orchestrator_core::GroupResource;
    use serde_json::json;

    use super::*;

    fn object(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    fn charge(hard: Json, used: Json, pod: &Object) -> Result<Option<Object>, String> {
        let quota = json!({"metadata": {"name": "q"}, "status": {"hard": hard, "used": used}});
        charged(&object(quota), pod, &usage(&GroupResource::new("", "pods"), pod))
    }

    fn pod(requests: Json) -> Object {
        object(json!({"kind": "Pod", "spec": {"containers":
            [{"name": "c", "resources": {"requests": requests}}]}}))
    }

    #[test]
    fn a_quota_counts_up_to_its_limit() {
        let asks = pod(json!({"cpu": "2"}));
        let charged = charge(
            json!({"pods": "2", "requests.cpu": "3"}),
            json!({"pods": "0", "requests.cpu": "500m"}),
            &asks,
        );
        let used = charged.unwrap().unwrap().at(&["status", "used"]).cloned();
        assert_eq!(used, Some(json!({"pods": "1", "requests.cpu": "2500m"})));
        let refused = charge(json!({"requests.cpu": "1"}), json!({"requests.cpu": "500m"}), &asks);
        assert_eq!(
            refused.unwrap_err(),
            "exceeded quota: q, requested: requests.cpu=2, used: requests.cpu=500m, limited: \
             requests.cpu=1"
        );
        assert_eq!(charge(json!({"secrets": "1"}), json!({}), &asks), Ok(None));
    }

    #[test]
    fn only_what_grows_is_charged() {
        let all = |pairs: &[(&str, &str)]| -> Amounts {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), v.parse().unwrap())).collect()
        };
        let before = all(&[("pods", "1"), ("cpu", "1"), ("memory", "1Gi")]);
        let now = all(&[("pods", "1"), ("cpu", "1500m"), ("memory", "512Mi"), ("x", "2")]);
        assert_eq!(growth(&now, &before), all(&[("cpu", "500m"), ("x", "2")]));
    }

    #[test]
    fn a_pod_must_say_what_is_counted() {
        let refused = charge(
            json!({"requests.cpu": "1", "limits.memory": "1Gi"}),
            json!({}),
            &pod(json!({})),
        );
        assert_eq!(
            refused.unwrap_err(),
            "failed quota: q: must specify limits.memory for: c; requests.cpu for: c"
        );
    }
}
