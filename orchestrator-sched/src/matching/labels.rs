//! Label selectors, checked and sorted once so that they can be matched many times.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

/// A label selector in a form that matches fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelMatcher {
    /// All must hold; `None` matches nothing.
    requirements: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

impl LabelMatcher {
    /// Reads a selector: none matches nothing, an empty one everything, an invalid one nothing.
    pub fn new(selector: Option<&LabelSelector>) -> Self {
        Self { requirements: selector.and_then(requirements) }
    }

    /// Matches objects that have all of `labels`.
    pub fn equal(labels: &BTreeMap<String, String>) -> Self {
        Self { requirements: Some(labels.iter().map(equals).collect()) }
    }

    /// Adds a label that must have this value.
    pub fn require(&mut self, key: &str, value: &str) {
        if let Some(requirements) = &mut self.requirements {
            requirements.push(equals((&key.to_owned(), &value.to_owned())));
        }
    }

    /// Whether everything matches.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }

    /// Whether `labels` match.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let Some(requirements) = &self.requirements else { return false };
        requirements.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            match &requirement.test {
                Test::In(values) => value.is_some_and(|value| values.contains(value)),
                Test::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
                Test::Exists => value.is_some(),
                Test::DoesNotExist => value.is_none(),
            }
        })
    }
}

fn equals((key, value): (&String, &String)) -> Requirement {
    Requirement { key: key.clone(), test: Test::In(vec![value.clone()]) }
}

fn requirements(selector: &LabelSelector) -> Option<Vec<Requirement>> {
    let equal = selector.match_labels.iter().flatten().map(|pair| Some(equals(pair)));
    let tested = selector.match_expressions.iter().flatten().map(|expression| {
        let values = expression.values.clone().unwrap_or_default();
        let test = match (expression.operator.as_str(), values.is_empty()) {
            ("In", false) => Test::In(values),
            ("NotIn", false) => Test::NotIn(values),
            ("Exists", true) => Test::Exists,
            ("DoesNotExist", true) => Test::DoesNotExist,
            _ => return None,
        };
        Some(Requirement { key: expression.key.clone(), test })
    });
    equal.chain(tested).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn matches(selector: Value) -> bool {
        let selector: Option<LabelSelector> = serde_json::from_value(selector).unwrap();
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        LabelMatcher::new(selector.as_ref()).matches(&labels)
    }

    #[test]
    fn no_selector_matches_nothing_and_an_empty_one_everything() {
        assert!(!matches(json!(null)));
        assert!(matches(json!({})));
        assert!(matches(json!({"matchLabels": {"app": "web"}})));
        assert!(!matches(json!({"matchLabels": {"app": "db"}})));
    }

    #[test]
    fn operators_hold_as_the_api_defines_them() {
        for (key, operator, values, expected) in [
            ("app", "In", json!(["web", "db"]), true),
            ("app", "NotIn", json!(["web"]), false),
            ("tier", "NotIn", json!(["a"]), true),
            ("app", "Exists", json!(null), true),
            ("tier", "DoesNotExist", json!([]), true),
            ("app", "Like", json!(["web"]), false),
            ("app", "In", json!([]), false),
        ] {
            let expression = json!({"key": key, "operator": operator, "values": values});
            assert_eq!(matches(json!({"matchExpressions": [expression]})), expected, "{operator}");
        }
    }
}
