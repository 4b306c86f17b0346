//! Which nodes a pod asks for: node selectors and the terms of node affinity.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
    VolumeNodeAffinity,
};
use orchestrator_core::scheduler::NodeInfo;

/// The only field of a node that can be selected by.
const NAME_FIELD: &str = "metadata.name";

/// One term of a node selector; all of its requirements must hold.
#[derive(Clone, Copy, Debug)]
pub struct NodeTerm<'a>(&'a NodeSelectorTerm);

impl<'a> NodeTerm<'a> {
    /// Reads a term.
    pub fn new(term: &'a NodeSelectorTerm) -> Self {
        Self(term)
    }

    /// Whether the term says nothing; such a term matches nothing.
    pub fn is_empty(self) -> bool {
        self.labels().next().is_none() && self.fields().next().is_none()
    }

    /// Whether `node` matches.
    pub fn matches(self, node: &NodeInfo) -> bool {
        let labels = node.labels();
        let by_label =
            |r: &NodeSelectorRequirement| holds(r, labels.get(&r.key).map(String::as_str));
        let by_name =
            |r: &NodeSelectorRequirement| r.key == NAME_FIELD && name_holds(r, &node.name);
        !self.is_empty() && self.labels().all(by_label) && self.fields().all(by_name)
    }

    /// The nodes that the term names; `None` where it does not select by name.
    fn names(self) -> Option<BTreeSet<String>> {
        let lists = self.fields().filter(|r| r.key == NAME_FIELD && r.operator == "In");
        let sets = lists.map(|r| r.values.iter().flatten().cloned().collect::<BTreeSet<_>>());
        sets.reduce(|a, b| a.intersection(&b).cloned().collect())
    }

    fn labels(self) -> impl Iterator<Item = &'a NodeSelectorRequirement> {
        self.0.match_expressions.iter().flatten()
    }

    fn fields(self) -> impl Iterator<Item = &'a NodeSelectorRequirement> {
        self.0.match_fields.iter().flatten()
    }
}

/// The nodes that a pod insists on: its node selector and its required node affinity.
#[derive(Clone, Copy, Debug)]
pub struct RequiredNodes<'a> {
    selector: Option<&'a BTreeMap<String, String>>,
    terms: Option<&'a NodeSelector>,
}

impl<'a> RequiredNodes<'a> {
    /// The nodes that a volume can be used on.
    pub fn of_volume(affinity: Option<&'a VolumeNodeAffinity>) -> Self {
        Self { selector: None, terms: affinity.and_then(|affinity| affinity.required.as_ref()) }
    }

    /// Reads what a pod asks for.
    pub fn of(spec: &'a PodSpec) -> Self {
        Self {
            selector: spec.node_selector.as_ref().filter(|labels| !labels.is_empty()),
            terms: required(node_affinity(spec.affinity.as_ref())),
        }
    }

    /// What an affinity asks for by itself.
    pub fn of_affinity(affinity: Option<&'a NodeAffinity>) -> Self {
        Self { selector: None, terms: required(affinity) }
    }

    /// Whether any node will do.
    pub fn is_everything(self) -> bool {
        self.selector.is_none() && self.terms.is_none()
    }

    /// Whether `node` will do: it has all labels of the selector and matches one of the terms.
    pub fn matches(self, node: &NodeInfo) -> bool {
        let labels = node.labels();
        let selected = self.selector.into_iter().flatten().all(|(k, v)| labels.get(k) == Some(v));
        let mut terms = self.terms.into_iter().flat_map(|terms| &terms.node_selector_terms);
        selected && (self.terms.is_none() || terms.any(|term| NodeTerm(term).matches(node)))
    }

    /// The nodes that the pod names; `None` where it would take others too.
    pub fn names(self) -> Option<BTreeSet<String>> {
        let terms = self.terms?.node_selector_terms.iter();
        let sets: Option<Vec<_>> = terms.map(|term| NodeTerm(term).names()).collect();
        sets.filter(|sets| !sets.is_empty()).map(|sets| sets.into_iter().flatten().collect())
    }
}

/// The part of an affinity that is about nodes.
fn node_affinity(affinity: Option<&Affinity>) -> Option<&NodeAffinity> {
    affinity?.node_affinity.as_ref()
}

fn required(affinity: Option<&NodeAffinity>) -> Option<&NodeSelector> {
    affinity?.required_during_scheduling_ignored_during_execution.as_ref()
}

/// Whether a label of this value, or its absence, meets a requirement.
fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let among = || value.is_some_and(|value| values.iter().any(|other| other == value));
    let compared = |compare: fn(&i64, &i64) -> bool| match (value, values) {
        (Some(value), [bound]) => match (value.parse(), bound.parse()) {
            (Ok(value), Ok(bound)) => compare(&value, &bound),
            _ => false,
        },
        _ => false,
    };
    match requirement.operator.as_str() {
        "In" => among(),
        "NotIn" => !values.is_empty() && !among(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared(i64::gt),
        "Lt" => compared(i64::lt),
        _ => false,
    }
}

/// Whether a node's name meets a requirement; names are compared with one value only.
fn name_holds(requirement: &NodeSelectorRequirement, name: &str) -> bool {
    let [value] = requirement.values.as_deref().unwrap_or_default() else { return false };
    match requirement.operator.as_str() {
        "In" => value == name,
        "NotIn" => value != name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use serde_json::{Value, json};

    fn node() -> NodeInfo {
        let meta = json!({"name": "n1", "labels": {"disk": "ssd", "cores": "8"}});
        NodeInfo::new(Arc::new(serde_json::from_value(json!({"metadata": meta})).unwrap()))
    }

    fn spec(terms: Value) -> PodSpec {
        let required = json!({"nodeSelectorTerms": terms});
        let affinity = json!({"requiredDuringSchedulingIgnoredDuringExecution": required});
        let spec = json!({"containers": [], "affinity": {"nodeAffinity": affinity}});
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn requirements_hold_as_the_api_defines_them() {
        for (key, operator, values, expected) in [
            ("disk", "In", json!(["ssd", "hdd"]), true),
            ("disk", "NotIn", json!(["ssd"]), false),
            ("zone", "NotIn", json!(["a"]), true),
            ("disk", "Exists", json!(null), true),
            ("zone", "DoesNotExist", json!(null), true),
            ("cores", "Gt", json!(["7"]), true),
            ("cores", "Gt", json!(["8"]), false),
            ("cores", "Lt", json!(["9"]), true),
            ("disk", "Lt", json!(["9"]), false),
            ("zone", "Gt", json!(["0"]), false),
        ] {
            let requirement = json!({"key": key, "operator": operator, "values": values});
            let spec = spec(json!([{"matchExpressions": [requirement]}]));
            assert_eq!(RequiredNodes::of(&spec).matches(&node()), expected, "{key} {operator}");
        }
    }

    #[test]
    fn terms_are_alternatives_and_an_empty_one_matches_nothing() {
        let named = |name: &str| json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]});
        for (terms, expected, names) in [
            (json!([{}]), false, None),
            (json!([]), false, None),
            (json!([{}, named("n1")]), true, None),
            (json!([named("n2")]), false, Some(vec!["n2"])),
            (json!([named("n2"), named("n1")]), true, Some(vec!["n1", "n2"])),
        ] {
            let spec = spec(terms.clone());
            let required = RequiredNodes::of(&spec);
            assert_eq!(required.matches(&node()), expected, "{terms}");
            let got = required.names().map(|names| names.into_iter().collect::<Vec<_>>());
            assert_eq!(got, names.map(|names| names.into_iter().map(str::to_owned).collect()));
        }
    }
}
