//! Role and ClusterRole: what may be done.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::labels::check_selector;
use crate::format::names::{NameRule, path_segment};
use crate::report::Report;
use crate::rules::Rules;

/// The rules of a Role, or of a ClusterRole.
#[derive(Debug)]
pub struct Role {
    /// Whether the role is for the cluster as a whole.
    pub cluster: bool,
}

impl Rules for Role {
    fn names(&self) -> NameRule {
        path_segment
    }

    fn defaults(&self, object: &mut Object) {
        object.as_map_mut().null_list("rules");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let path = Path::new("rules");
        for (i, rule) in new.list("rules").iter().enumerate() {
            check_rule(rule, self.cluster, &path.index(i), errors);
        }
        if let Some(aggregation) = new.get_set("aggregationRule").filter(|_| self.cluster) {
            check_aggregation(aggregation, errors);
        }
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn check_rule(rule: &Json, cluster: bool, path: &Path<'_>, errors: &mut FieldErrors) {
    let is_empty = |list: &str| rule.list(list).is_empty();
    if is_empty("verbs") {
        errors.required(&path.child("verbs"), "verbs must contain at least one value");
    }
    if !is_empty("nonResourceURLs") {
        let path = path.child("nonResourceURLs");
        let urls = rule.sub("nonResourceURLs");
        if !cluster {
            errors.invalid(&path, urls, "namespaced rules cannot apply to non-resource URLs");
        }
        if !is_empty("apiGroups") || !is_empty("resources") || !is_empty("resourceNames") {
            const DETAIL: &str =
                "rules cannot apply to both regular resources and non-resource URLs";
            errors.invalid(&path, urls, DETAIL);
        }
        return;
    }
    if is_empty("apiGroups") {
        let detail = "resource rules must supply at least one api group";
        errors.required(&path.child("apiGroups"), detail);
    }
    if is_empty("resources") {
        let detail = "resource rules must supply at least one resource";
        errors.required(&path.child("resources"), detail);
    }
}

fn check_aggregation(aggregation: &Json, errors: &mut FieldErrors) {
    let path = Path::new("aggregationRule");
    let path = path.child("clusterRoleSelectors");
    let selectors = aggregation.list("clusterRoleSelectors");
    if selectors.is_empty() {
        let detail = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errors.required(&path, detail);
    }
    for (i, selector) in selectors.iter().enumerate() {
        check_selector(selector, &path.index(i), errors);
    }
}
