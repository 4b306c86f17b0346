//! What the failure of one pod means for its Job.

use k8s_openapi::api::batch::v1::{
    Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use orchestrator_client::KindExt;

/// What the failure of a pod means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It counts towards the limit.
    Count,
    /// It does not count.
    Ignore,
    /// The pod's index fails.
    FailIndex,
    /// The Job fails, for this reason.
    FailJob(String),
}

/// What the first rule that matches a failed pod says; without one, the failure counts.
pub(super) fn judge(job: &Job, pod: &Pod) -> Meaning {
    let policy = job.spec.as_ref().and_then(|spec| spec.pod_failure_policy.as_ref());
    for (index, rule) in policy.iter().flat_map(|policy| &policy.rules).enumerate() {
        let Some(matched) = matches(rule, pod) else { continue };
        return match rule.action.as_str() {
            "Ignore" => Meaning::Ignore,
            "FailIndex" => Meaning::FailIndex,
            "FailJob" => {
                Meaning::FailJob(format!("{matched} matching FailJob rule at index {index}"))
            }
            _ => Meaning::Count,
        };
    }
    Meaning::Count
}

/// What of the pod a rule matches, in words.
fn matches(rule: &PodFailurePolicyRule, pod: &Pod) -> Option<String> {
    if let Some(codes) = &rule.on_exit_codes {
        let (container, code) = exit_code(codes, pod)?;
        return Some(format!(
            "Container {container} for pod {} failed with exit code {code}",
            pod.key()
        ));
    }
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let patterns = rule.on_pod_conditions.as_deref()?;
    let holds = |condition: &&k8s_openapi::api::core::v1::PodCondition| {
        patterns.iter().any(|pattern| {
            let status = pattern.status.as_deref().unwrap_or("True");
            pattern.type_ == condition.type_ && status == condition.status
        })
    };
    let condition = conditions.iter().find(holds)?;
    Some(format!("Pod {} has condition {}", pod.key(), condition.type_))
}

/// The container whose exit code a requirement matches.
fn exit_code<'a>(
    requirement: &PodFailurePolicyOnExitCodesRequirement,
    pod: &'a Pod,
) -> Option<(&'a str, i32)> {
    let status = pod.status.as_ref()?;
    let all = status.container_statuses.iter().chain(&status.init_container_statuses).flatten();
    let code = |container: &ContainerStatus| {
        let terminated = container.state.as_ref()?.terminated.as_ref()?;
        Some(terminated.exit_code).filter(|code| *code != 0)
    };
    let named = |container: &&ContainerStatus| {
        requirement.container_name.as_ref().is_none_or(|name| *name == container.name)
    };
    all.filter(named).find_map(|container| {
        let code = code(container)?;
        let listed = requirement.values.contains(&code);
        (listed == (requirement.operator == "In")).then_some((container.name.as_str(), code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_first_matching_rule_decides() {
        let exit = |action: &str, operator: &str, values: Value| json!({"action": action, "onExitCodes": {"operator": operator, "values": values}});
        let disrupted = json!({"action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]});
        let failed = |code: i32, condition: &str| -> Pod {
            serde_json::from_value(json!({
                "metadata": {"namespace": "n", "name": "p"},
                "status": {"conditions": [{"type": condition, "status": "True"}],
                    "containerStatuses": [{"name": "c", "image": "", "imageID": "", "ready": false,
                        "restartCount": 0, "state": {"terminated": {"exitCode": code}}}]},
            }))
            .unwrap()
        };
        let fail = |text: &str| Meaning::FailJob(text.into());
        let cases = [
            (vec![], failed(1, "x"), Meaning::Count),
            (vec![exit("Ignore", "In", json!([1]))], failed(1, "x"), Meaning::Ignore),
            (vec![exit("Ignore", "In", json!([1]))], failed(2, "x"), Meaning::Count),
            (vec![exit("Ignore", "NotIn", json!([1]))], failed(2, "x"), Meaning::Ignore),
            (
                vec![disrupted.clone(), exit("FailJob", "In", json!([42]))],
                failed(42, "x"),
                fail(
                    "Container c for pod n/p failed with exit code 42 matching FailJob rule at index 1",
                ),
            ),
            (vec![disrupted], failed(42, "DisruptionTarget"), Meaning::Ignore),
        ];
        for (rules, pod, want) in cases {
            let job = json!({"metadata": {}, "spec": {"template": {}, "podFailurePolicy": {"rules": rules}}});
            let job: Job = serde_json::from_value(job).unwrap();
            assert_eq!(judge(&job, &pod), want);
        }
    }
}
