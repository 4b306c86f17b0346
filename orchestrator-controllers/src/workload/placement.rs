//! Whether a pod may be on a node: selectors, affinity, taints.

use k8s_openapi::api::core::v1::{
    Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration,
};
use orchestrator_client::KindExt;

/// Whether the node selector and the required node affinity of a pod hold for `node`.
pub(crate) fn fits(spec: &PodSpec, node: &Node) -> bool {
    let name = spec.node_name.as_deref().unwrap_or_default();
    if !name.is_empty() && name != node.name() {
        return false;
    }
    let selected = spec.node_selector.iter().flatten();
    let selected = selected.into_iter().all(|(key, value)| node.label(key) == Some(value));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    selected && required.is_none_or(|r| r.node_selector_terms.iter().any(|term| holds(term, node)))
}

/// A term without requirements holds for nothing.
fn holds(term: &NodeSelectorTerm, node: &Node) -> bool {
    let labels = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let field = |key: &str| (key == "metadata.name").then(|| node.name());
    !(labels.is_empty() && fields.is_empty())
        && labels.iter().all(|requirement| is_met(requirement, node.label(&requirement.key)))
        && fields.iter().all(|requirement| is_met(requirement, field(&requirement.key)))
}

fn is_met(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = || value.is_some_and(|value| values.iter().any(|v| v == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let compare = |greater: bool| {
        let (value, bound) = (value.and_then(number), values.first().and_then(|v| number(v)));
        value
            .zip(bound)
            .is_some_and(|(value, bound)| if greater { value > bound } else { value < bound })
    };
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(true),
        "Lt" => compare(false),
        _ => false,
    }
}

/// The taints of a node.
pub(crate) fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

/// Whether one of `tolerations` tolerates `taint`.
pub(crate) fn is_tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    tolerations.iter().any(|toleration| tolerates(toleration, taint))
}

/// Whether `toleration` tolerates `taint`.
pub(crate) fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (effect, key) = (text(&toleration.effect), text(&toleration.key));
    let values = match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => text(&toleration.value) == text(&taint.value),
        _ => false,
    };
    values && (effect.is_empty() || effect == taint.effect) && (key.is_empty() || key == taint.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn selector_and_one_term_of_the_affinity_must_hold() {
        let node = json!({"metadata": {"name": "n", "labels": {"zone": "a", "cpus": "8"}}});
        let node: Node = serde_json::from_value(node).unwrap();
        let affinity = |term: Value| {
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [term]}}}})
        };
        let expression = |key: &str, operator: &str, values: Value| {
            affinity(
                json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]}),
            )
        };
        let field = |name: &str| {
            affinity(
                json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}),
            )
        };
        let cases = [
            (json!({}), true),
            (json!({"nodeName": "other"}), false),
            (json!({"nodeSelector": {"zone": "a"}}), true),
            (json!({"nodeSelector": {"zone": "b"}}), false),
            (expression("zone", "In", json!(["a", "b"])), true),
            (expression("zone", "NotIn", json!(["a"])), false),
            (expression("zone", "Exists", json!(null)), true),
            (expression("gpu", "DoesNotExist", json!(null)), true),
            (expression("cpus", "Gt", json!(["4"])), true),
            (expression("cpus", "Lt", json!(["4"])), false),
            (field("n"), true),
            (field("other"), false),
            (affinity(json!({})), false),
        ];
        for (mut spec, want) in cases {
            spec["containers"] = json!([]);
            let typed: PodSpec = serde_json::from_value(spec.clone()).unwrap();
            assert_eq!(fits(&typed, &node), want, "{spec}");
        }
    }
}
