//! Whether a pod's node selector and required node affinity choose a node.

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, Pod};

/// Whether the pod may be on the node.
pub(super) fn matches(pod: &Pod, node: &Node) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let selected = spec.node_selector.iter().flatten().all(|(k, v)| labels.get(k) == Some(v));
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required =
        affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    selected && required.is_none_or(|r| r.node_selector_terms.iter().any(|t| term(t, node)))
}

/// Whether all requirements of a term hold; a term without any chooses nothing.
fn term(term: &NodeSelectorTerm, node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).map(String::as_str);
    let field =
        |key: &str| (key == "metadata.name").then_some(node.metadata.name.as_deref()).flatten();
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|r| holds(r, label(&r.key)))
        && fields.iter().all(|r| holds(r, field(&r.key)))
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = || value.is_some_and(|value| values.iter().any(|v| v == value));
    let compared = |compare: fn(i64, i64) -> bool| {
        let (ours, theirs) = (value.map(str::parse), values.first().map(|v| v.parse()));
        matches!((ours, theirs), (Some(Ok(ours)), Some(Ok(theirs))) if compare(ours, theirs))
    };
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(|ours, theirs| ours > theirs),
        "Lt" => compared(|ours, theirs| ours < theirs),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_operator_decides() {
        let labels = json!({"zone": "a", "cores": "8"});
        let node: Node =
            serde_json::from_value(json!({"metadata": {"name": "n", "labels": labels}})).unwrap();
        let cases = [
            (json!({"key": "zone", "operator": "In", "values": ["a", "b"]}), true),
            (json!({"key": "zone", "operator": "In", "values": ["b"]}), false),
            (json!({"key": "zone", "operator": "NotIn", "values": ["b"]}), true),
            (json!({"key": "none", "operator": "NotIn", "values": ["b"]}), true),
            (json!({"key": "zone", "operator": "Exists"}), true),
            (json!({"key": "none", "operator": "DoesNotExist"}), true),
            (json!({"key": "cores", "operator": "Gt", "values": ["4"]}), true),
            (json!({"key": "cores", "operator": "Lt", "values": ["8"]}), false),
            (json!({"key": "zone", "operator": "Gt", "values": ["4"]}), false),
        ];
        for (requirement, expected) in cases {
            let terms = json!([{"matchExpressions": [requirement]}]);
            let required = json!({"nodeSelectorTerms": terms});
            let affinity = json!({"nodeAffinity":
                {"requiredDuringSchedulingIgnoredDuringExecution": required}});
            let spec = json!({"containers": [], "affinity": affinity});
            let pod = serde_json::from_value(json!({"spec": spec})).unwrap();
            assert_eq!(matches(&pod, &node), expected, "{requirement}");
        }
    }
}
