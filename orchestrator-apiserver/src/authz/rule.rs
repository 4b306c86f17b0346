//! One rule: verbs on resources or on paths, and whether it allows a request.

use std::fmt::Write;

use orchestrator_core::Json;
use serde_json::{Map, json};

use super::{Attributes, ResourceTarget, Target};

/// The word that stands for all.
const ALL: &str = "*";

/// What may be done to some resources, or to some paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The verbs, `*` for all.
    pub verbs: Vec<String>,
    /// The groups of the resources, `*` for all; empty for a rule about paths.
    pub api_groups: Vec<String>,
    /// The resources: `pods`, `pods/log`, `*/scale`, `*`.
    pub resources: Vec<String>,
    /// The names of the objects; empty for all.
    pub resource_names: Vec<String>,
    /// The paths; empty for a rule about resources. One that ends with `*` stands for all that
    /// begin so.
    pub paths: Vec<String>,
}

impl Rule {
    /// The two rules that together allow everything.
    pub fn everything() -> [Self; 2] {
        let all = || vec![ALL.to_owned()];
        let objects = Self { verbs: all(), api_groups: all(), resources: all(), ..Self::default() };
        [objects, Self { verbs: all(), paths: all(), ..Self::default() }]
    }

    /// Reads a rule of a stored role; what is no list of texts is empty.
    pub(crate) fn read(rule: &Json) -> Self {
        let texts = |name: &str| -> Vec<String> {
            let list = rule.get(name).and_then(Json::as_array);
            list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
        };
        Self {
            verbs: texts("verbs"),
            api_groups: texts("apiGroups"),
            resources: texts("resources"),
            resource_names: texts("resourceNames"),
            paths: texts("nonResourceURLs"),
        }
    }

    /// The rule as roles and reviews have it.
    pub(crate) fn to_json(&self) -> Json {
        let mut map = Map::new();
        map.insert("verbs".into(), json!(self.verbs));
        for (name, list) in [
            ("apiGroups", &self.api_groups),
            ("resources", &self.resources),
            ("resourceNames", &self.resource_names),
            ("nonResourceURLs", &self.paths),
        ] {
            if !list.is_empty() {
                map.insert(name.into(), json!(list));
            }
        }
        Json::Object(map)
    }

    /// Whether the rule allows a request.
    pub fn allows(&self, attributes: Attributes<'_>) -> bool {
        has_or_all(&self.verbs, attributes.verb)
            && match attributes.target {
                Target::Path(path) => self.paths.iter().any(|known| path_covers(known, path)),
                Target::Resource(to) => self.allows_resource(to),
            }
    }

    fn allows_resource(&self, to: ResourceTarget<'_>) -> bool {
        has_or_all(&self.api_groups, to.group)
            && self.resources.iter().any(|known| resource_covers(known, to))
            && (self.resource_names.is_empty() || has(&self.resource_names, to.name))
    }

    /// The rule in one line, as refusals show it.
    pub(crate) fn shown(&self) -> String {
        let mut shown = String::from("{");
        for (name, list) in [
            ("APIGroups", &self.api_groups),
            ("Resources", &self.resources),
            ("NonResourceURLs", &self.paths),
            ("ResourceNames", &self.resource_names),
            ("Verbs", &self.verbs),
        ] {
            if list.is_empty() {
                continue;
            }
            let comma = if shown.len() > 1 { ", " } else { "" };
            let quoted: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
            let _ = write!(shown, "{comma}{name}:[{}]", quoted.join(" "));
        }
        shown.push('}');
        shown
    }
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|known| known == wanted)
}

/// Whether a list names `wanted` or all.
pub(super) fn has_or_all(list: &[String], wanted: &str) -> bool {
    list.iter().any(|known| known == ALL || known == wanted)
}

/// Whether a resource of a rule stands for the one asked about.
fn resource_covers(known: &str, to: ResourceTarget<'_>) -> bool {
    if known == ALL {
        return true;
    }
    if to.subresource.is_empty() {
        return known == to.resource;
    }
    match known.split_once('/') {
        Some((resource, part)) => {
            part == to.subresource && (resource == ALL || resource == to.resource)
        }
        None => false,
    }
}

/// Whether a path of a rule stands for the one asked about.
pub(super) fn path_covers(known: &str, path: &str) -> bool {
    known == ALL
        || known == path
        || known.ends_with('*') && path.starts_with(known.trim_end_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::UserInfo;

    fn rule(rule: Json) -> Rule {
        Rule::read(&rule)
    }

    fn allows(rule: &Rule, verb: &str, target: Target<'_>) -> bool {
        rule.allows(Attributes { user: &UserInfo::anonymous(), verb, target })
    }

    #[test]
    fn resources_parts_names_and_wildcards() {
        let rules = [
            json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"]}),
            json!({"verbs": ["*"], "apiGroups": ["apps"], "resources": ["*"]}),
            json!({"verbs": ["get"], "apiGroups": ["*"], "resources": ["*/scale"]}),
            json!({"verbs": ["update"], "apiGroups": [""], "resources": ["configmaps"],
                "resourceNames": ["only"]}),
        ];
        let rules = rules.map(rule);
        for (which, verb, path, wanted) in [
            (0, "get", "/pods//", true),
            (0, "get", "/pods/log/", true),
            (0, "get", "/pods/exec/", false),
            (0, "list", "/pods//", false),
            (0, "get", "apps/pods//", false),
            (1, "frob", "apps/anything//", true),
            (1, "get", "apps/anything/status/", true),
            (1, "get", "/anything//", false),
            (2, "get", "apps/deployments/scale/x", true),
            (2, "get", "apps/deployments//x", false),
            (3, "update", "/configmaps//only", true),
            (3, "update", "/configmaps//other", false),
            (3, "update", "/configmaps//", false),
        ] {
            let parts: Vec<&str> = path.split('/').collect();
            let [group, resource, subresource, name] = parts[..] else { panic!("{path}") };
            let to =
                ResourceTarget { group, resource, subresource, name, ..ResourceTarget::default() };
            let allowed = allows(&rules[which], verb, Target::Resource(to));
            assert_eq!(allowed, wanted, "rule {which}: {verb} {path}");
        }
    }

    #[test]
    fn paths_and_their_wildcards() {
        let rule = rule(json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/frob/*"]}));
        for (path, wanted) in [
            ("/healthz", true),
            ("/healthz/x", false),
            ("/frob/x", true),
            ("/frob/", true),
            ("/frob", false),
            ("/frobnicate", false),
        ] {
            assert_eq!(allows(&rule, "get", Target::Path(path)), wanted, "{path}");
            assert!(!allows(&rule, "post", Target::Path(path)));
        }
        let pods = ResourceTarget { resource: "pods", ..ResourceTarget::default() };
        assert!(!allows(&rule, "get", Target::Resource(pods)));
    }

    #[test]
    fn a_rule_is_shown_in_one_line() {
        let rule = rule(json!({"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"],
            "resourceNames": ["a"]}));
        let wanted =
            r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}"#;
        assert_eq!(rule.shown(), wanted);
        assert_eq!(Rule::read(&rule.to_json()), rule);
    }
}
