//! One rule: operations, resources, and which of their objects.

use orchestrator_core::{GroupVersionResource, Json};

use crate::admission::{AdmissionRequest, Operation};

/// A rule of a policy or a webhook.
#[derive(Debug, Default)]
pub(crate) struct Rule {
    operations: Vec<String>,
    groups: Vec<String>,
    versions: Vec<String>,
    resources: Vec<String>,
    scope: String,
    names: Vec<String>,
}

fn texts(rule: &Json, name: &str) -> Vec<String> {
    let items = rule.get(name).and_then(Json::as_array).into_iter().flatten();
    items.filter_map(Json::as_str).map(str::to_owned).collect()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|item| item == "*" || item == wanted)
}

impl Rule {
    /// The rules of a list.
    pub(super) fn all(list: Option<&Json>) -> Vec<Self> {
        list.and_then(Json::as_array).into_iter().flatten().map(Self::read).collect()
    }

    fn read(rule: &Json) -> Self {
        Self {
            operations: texts(rule, "operations"),
            groups: texts(rule, "apiGroups"),
            versions: texts(rule, "apiVersions"),
            resources: texts(rule, "resources"),
            scope: rule.get("scope").and_then(Json::as_str).unwrap_or("*").to_owned(),
            names: texts(rule, "resourceNames"),
        }
    }

    /// Whether the rule names `request`, seen as one to the resource `gvr`.
    pub(super) fn matches(
        &self,
        request: &AdmissionRequest<'_>,
        gvr: &GroupVersionResource,
    ) -> bool {
        has(&self.groups, &gvr.group)
            && has(&self.versions, &gvr.version)
            && has(&self.operations, operation_word(request.operation))
            && self.names_resource(&gvr.resource, request.subresource)
            && self.in_scope(request)
            && (self.names.is_empty() || self.names.iter().any(|name| name == request.known_name()))
    }

    fn names_resource(&self, resource: &str, part: &str) -> bool {
        self.resources.iter().any(|item| {
            let (whole, wanted) = item.split_once('/').unwrap_or((item, ""));
            (whole == "*" || whole == resource) && (wanted == "*" || wanted == part)
        })
    }

    fn in_scope(&self, request: &AdmissionRequest<'_>) -> bool {
        let namespaced = request.resource.def.is_namespaced();
        match self.scope.as_str() {
            "Namespaced" => namespaced,
            "Cluster" => !namespaced,
            _ => true,
        }
    }
}

/// The word for an operation in rules, reviews and expressions.
pub(crate) fn operation_word(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "CREATE",
        Operation::Update => "UPDATE",
        Operation::Delete => "DELETE",
        Operation::Connect => "CONNECT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rule_names_resources_and_their_parts() {
        let check = |item: &str, resource: &str, part: &str| {
            let rule = json!({"resources": [item]});
            Rule::read(&rule).names_resource(resource, part)
        };
        assert!(check("pods", "pods", "") && !check("pods", "pods", "exec"));
        assert!(check("pods/exec", "pods", "exec") && !check("pods/exec", "pods", ""));
        assert!(check("*", "pods", "") && !check("*", "pods", "exec"));
        assert!(check("*/*", "pods", "") && check("*/*", "pods", "exec"));
        assert!(check("pods/*", "pods", "") && check("*/scale", "deployments", "scale"));
        assert!(!check("services", "pods", ""));
    }
}
