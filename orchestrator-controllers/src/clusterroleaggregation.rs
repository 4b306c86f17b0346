//! Aggregated ClusterRoles: their rules are those of all roles that their selectors select.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use orchestrator_client::{Api, Informer, KindExt, Patch, gvr};
use orchestrator_core::controller::{Change, Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};
use serde_json::json;

use crate::deps::ControllerDeps;
use crate::workload::selector::{is_empty, selects};

/// Who owns the rules of an aggregated role.
const MANAGER: &str = "clusterrole-aggregation-controller";

/// Fills in aggregated ClusterRoles.
#[derive(Debug)]
pub struct ClusterRoleAggregationController {
    roles: Informer<ClusterRole>,
    api: Api<ClusterRole>,
}

impl ClusterRoleAggregationController {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { roles: deps.informers.of(), api: deps.client().api() }
    }
}

/// The rules that `role` shall have, each once, in the order of selectors and of the names of
/// the roles; `None` where it does not aggregate. `roles` are all roles, by name.
fn aggregated(role: &ClusterRole, roles: &[Arc<ClusterRole>]) -> Option<Vec<PolicyRule>> {
    let aggregation = role.aggregation_rule.as_ref()?;
    let mut rules: Vec<PolicyRule> = Vec::new();
    for selector in aggregation.cluster_role_selectors.iter().flatten() {
        // Here, unlike in a workload, an empty selector selects everything.
        let selected = roles.iter().filter(|other| {
            other.name() != role.name()
                && (is_empty(selector) || selects(selector, other.metadata.labels.as_ref()))
        });
        for rule in selected.flat_map(|other| other.rules.iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    Some(rules)
}

/// All roles that aggregate, since any other may be a part of them; none where nothing has
/// changed that counts.
fn concerned(roles: &Informer<ClusterRole>, change: &Change) -> Vec<ObjectKey> {
    let role = |item: &Option<orchestrator_core::Item>| item.as_ref()?.typed::<ClusterRole>().ok();
    let matters = |role: &ClusterRole| {
        (role.rules.clone(), role.metadata.labels.clone(), role.aggregation_rule.clone())
    };
    let (old, new) = (role(&change.old), role(&change.new));
    if old.as_deref().map(matters) == new.as_deref().map(matters) {
        return Vec::new();
    }
    let aggregates = |role: &Arc<ClusterRole>| role.aggregation_rule.is_some();
    roles.list().into_iter().chain(new).filter(aggregates).map(|role| role.key()).collect()
}

#[async_trait]
impl Controller for ClusterRoleAggregationController {
    fn name(&self) -> &str {
        "clusterrole-aggregation"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        let roles = self.roles.clone();
        vec![WatchSpec::new(gvr::<ClusterRole>(), move |change| concerned(&roles, change))]
    }

    async fn reconcile(&self, key: &ObjectKey, _: &ReconcileContext) -> Result<Outcome, Status> {
        let Some(role) = self.roles.get(key) else { return Ok(Outcome::Done) };
        let Some(rules) = aggregated(&role, &self.roles.list()) else { return Ok(Outcome::Done) };
        if role.rules.as_deref().unwrap_or_default() == rules {
            return Ok(Outcome::Done);
        }
        let mut object = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": role.name()},
        });
        if !rules.is_empty() {
            object["rules"] = json!(rules);
        }
        let patch = Patch::Apply { object, manager: MANAGER.into(), force: true };
        match self.api.patch(key, patch).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(Outcome::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn role(name: &str, label: &str, resources: &[u8], aggregates: &[&str]) -> Arc<ClusterRole> {
        let rule =
            |r: &u8| json!({"apiGroups": [""], "resources": [r.to_string()], "verbs": ["get"]});
        let selector = |label: &&str| match *label {
            "" => json!({}),
            label => json!({"matchLabels": {"l": label}}),
        };
        let aggregation = (!aggregates.is_empty()).then(|| {
            json!({"clusterRoleSelectors": aggregates.iter().map(selector).collect::<Vec<Value>>()})
        });
        let rules: Vec<Value> = resources.iter().map(rule).collect();
        let role = json!({"metadata": {"name": name, "labels": {"l": label}},
            "rules": rules, "aggregationRule": aggregation});
        Arc::new(serde_json::from_value(role).unwrap())
    }

    fn shown(rules: &[PolicyRule]) -> String {
        rules.iter().map(|rule| rule.resources.clone().unwrap()[0].clone()).collect()
    }

    #[test]
    fn rules_come_by_selector_and_name_and_each_once() {
        let roles = [
            role("a", "x", &[1, 2], &[]),
            role("b", "y", &[3], &[]),
            role("c", "x", &[2, 4], &[]),
            role("sum", "x", &[9], &["y", "x"]),
        ];
        let of = |role: &ClusterRole| aggregated(role, &roles).map(|rules| shown(&rules));
        assert_eq!(of(&roles[3]).as_deref(), Some("3124"));
        assert_eq!(of(&roles[0]), None);
        let all = role("all", "", &[], &[""]);
        assert_eq!(of(&all).as_deref(), Some("12349"));
        let none = role("none", "", &[7], &["z"]);
        assert_eq!(of(&none).as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn what_an_aggregated_role_says_does_not_depend_on_what_it_said(
            parts in prop::collection::vec(prop::collection::vec(0u8..5, 0..4), 0..5),
            before in prop::collection::vec(0u8..9, 0..4),
        ) {
            let mut roles: Vec<_> = parts
                .iter()
                .enumerate()
                .map(|(index, rules)| role(&format!("r{index}"), "x", rules, &[]))
                .collect();
            let sum = role("sum", "x", &before, &["x"]);
            roles.push(Arc::clone(&sum));
            let once = aggregated(&sum, &roles).unwrap();
            let last = roles.len() - 1;
            roles[last] = Arc::new(ClusterRole { rules: Some(once.clone()), ..(*sum).clone() });
            prop_assert_eq!(aggregated(&roles[last], &roles).unwrap(), once.clone());
            let mut seen = once.clone();
            seen.dedup();
            prop_assert_eq!(seen.len(), once.len());
        }
    }
}
