//! Label selectors of workloads on typed labels.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

type Labels = BTreeMap<String, String>;

/// Whether `selector` selects an object with these labels. An empty selector selects nothing:
/// a workload that owned every pod of its namespace would be a mistake.
pub(crate) fn selects(selector: &LabelSelector, labels: Option<&Labels>) -> bool {
    let empty = Labels::new();
    let labels = labels.unwrap_or(&empty);
    let equal = selector.match_labels.iter().flatten();
    let required = selector.match_expressions.iter().flatten();
    !is_empty(selector)
        && equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && required.into_iter().all(|requirement| holds(requirement, labels))
}

/// Whether a selector has no requirement.
pub(crate) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.iter().flatten().next().is_none()
        && selector.match_expressions.iter().flatten().next().is_none()
}

/// An unknown operator holds for nothing; validation keeps such selectors out.
fn holds(requirement: &LabelSelectorRequirement, labels: &Labels) -> bool {
    let value = labels.get(&requirement.key);
    let listed = || value.is_some_and(|v| requirement.values.iter().flatten().any(|w| w == v));
    match requirement.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_requirement_must_hold_and_an_empty_selector_selects_nothing() {
        let cases = [
            (json!({"matchLabels": {"a": "1"}}), true),
            (json!({"matchLabels": {"a": "1", "b": "1"}}), false),
            (json!({}), false),
            (json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}]}), true),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "z", "operator": "NotIn", "values": ["1"]}]}),
                true,
            ),
            (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}), false),
            (json!({"matchExpressions": [{"key": "a", "operator": "Near"}]}), false),
        ];
        let labels = Labels::from([("a".to_owned(), "1".to_owned())]);
        for (selector, want) in cases {
            let typed: LabelSelector = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(selects(&typed, Some(&labels)), want, "{selector}");
        }
    }
}
