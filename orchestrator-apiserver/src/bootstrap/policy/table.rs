//! The table of roles and bindings, as objects.

use orchestrator_core::Json;
use orchestrator_core::object::Object;
use serde_json::json;

use crate::authz::Rule;

/// The group of roles and bindings.
pub(super) const GROUP: &str = "rbac.authorization.k8s.io";

/// The table; `policy.py` beside it writes it and tells what its lines mean.
const TABLE: &str = include_str!("../policy.txt");

/// The annotation by which an object says whether it may be mended.
pub(super) const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// All roles and bindings of the table.
pub(super) fn objects() -> Vec<Object> {
    let mut objects: Vec<Object> = Vec::new();
    for line in TABLE.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["role", name, ref more @ ..] => objects.push(role(name, more)),
            ["bind", name, role, ref subjects @ ..] => objects.push(binding(name, role, subjects)),
            _ => {
                let rule = rule(&words).to_json();
                let role = objects.last_mut().expect("a rule follows its role");
                let rules = role.as_map_mut().get_mut("rules").and_then(Json::as_array_mut);
                rules.expect("a role that gathers has no rules of its own").push(rule);
            }
        }
    }
    objects
}

/// The rules of a role of the cluster.
pub(crate) fn rules_of(name: &str) -> Vec<Rule> {
    let lines = TABLE.lines().skip_while(|line| line.strip_prefix("role ") != Some(name)).skip(1);
    let rules = lines.take_while(|line| line.starts_with("may ") || line.starts_with("path "));
    rules.map(|line| rule(&line.split(' ').collect::<Vec<_>>())).collect()
}

fn rule(words: &[&str]) -> Rule {
    let texts = |at: usize| -> Vec<String> {
        let list = words.get(at).into_iter().flat_map(|word| word.split(','));
        list.map(|text| if text == "core" { "" } else { text }.to_owned()).collect()
    };
    match words.first() {
        Some(&"path") => Rule { verbs: texts(1), paths: texts(2), ..Rule::default() },
        _ => Rule {
            verbs: texts(1),
            api_groups: texts(2),
            resources: texts(3),
            resource_names: texts(4),
            ..Rule::default()
        },
    }
}

fn role(name: &str, more: &[&str]) -> Object {
    let mut role = begin(name, "ClusterRole", "Role");
    let (labels, gathers) = match more.iter().position(|word| *word == "gathers") {
        Some(at) => (&more[..at], &more[at..]),
        None => (more, &more[..0]),
    };
    for label in labels {
        let key = format!("{GROUP}/{label}");
        role.meta_mut()["labels"][key.as_str()] = Json::from("true");
    }
    let selectors = gathers.iter().filter(|word| **word != "gathers").map(|label| {
        let key = format!("{GROUP}/{label}");
        json!({"matchLabels": {key: "true"}})
    });
    let selectors: Vec<Json> = selectors.collect();
    match selectors.is_empty() {
        true => role.set("rules", json!([])),
        false => {
            role.set("aggregationRule", json!({"clusterRoleSelectors": selectors}));
            role.set("rules", Json::Null);
        }
    }
    role
}

fn binding(name: &str, role: &str, subjects: &[&str]) -> Object {
    let mut binding = begin(name, "ClusterRoleBinding", "RoleBinding");
    let kind = if binding.namespace().is_empty() { "ClusterRole" } else { "Role" };
    let subjects: Vec<Json> = subjects.iter().map(|subject| named(subject)).collect();
    if !subjects.is_empty() {
        binding.set("subjects", subjects);
    }
    binding.set("roleRef", json!({"apiGroup": GROUP, "kind": kind, "name": role}));
    binding
}

/// Whom a word of a binding names.
fn named(word: &str) -> Json {
    let (letter, name) = word.split_once(':').unwrap_or_default();
    match letter {
        "A" => {
            let (namespace, name) = name.split_once('/').unwrap_or_default();
            json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
        }
        "G" => json!({"kind": "Group", "apiGroup": GROUP, "name": name}),
        _ => json!({"kind": "User", "apiGroup": GROUP, "name": name}),
    }
}

/// An object with the metadata that all of the table have.
fn begin(name: &str, cluster: &str, namespaced: &str) -> Object {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    let kind = if namespace.is_empty() { cluster } else { namespaced };
    let mut object = Object::new(format!("{GROUP}/v1"), kind);
    object.set_meta("name", name);
    if !namespace.is_empty() {
        object.set_meta("namespace", namespace);
    }
    object.set_meta("labels", json!({"kubernetes.io/bootstrapping": "rbac-defaults"}));
    object.set_meta("annotations", json!({AUTO_UPDATE: "true"}));
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_roles_of_a_cluster() {
        let objects = objects();
        let count = |kind: &str| objects.iter().filter(|object| object.kind() == kind).count();
        let counts = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"].map(count);
        assert_eq!(counts, [70, 51, 7, 7]);
        let named = |name: &str| objects.iter().find(|object| object.name() == name).unwrap();
        let viewer = named("system:public-info-viewer");
        let paths = json!(["/healthz", "/livez", "/readyz", "/version", "/version/"]);
        assert_eq!(viewer.get("rules").unwrap()[0]["nonResourceURLs"], paths);
        assert_eq!(named("view").get("rules"), Some(&Json::Null));
        let label = "rbac.authorization.k8s.io/aggregate-to-edit";
        assert_eq!(named("system:aggregate-to-edit").label(label), Some("true"));
        let locking = named("system::leader-locking-kube-scheduler");
        assert_eq!(locking.namespace(), "kube-system");
        assert!(rules_of("system:node").len() > 10);
        assert!(rules_of("nobody").is_empty());
    }
}
