//! Operations: one method of one path, with its parameters, body and answer.

use orchestrator_core::{GroupVersionKind, Json, ResourceDef, Verb};
use serde_json::json;

use super::Dialect;
use super::definition::Definitions;

/// What an operation does.
pub(super) struct Operation<'a> {
    pub(super) verb: Verb,
    pub(super) def: &'a ResourceDef,
    /// The subresource; empty for the whole.
    pub(super) part: &'a str,
    pub(super) path: &'a str,
    /// The kind that is read or written.
    pub(super) gvk: &'a GroupVersionKind,
    /// The schema of the answer.
    pub(super) answer: &'a Json,
    /// The schema of the body.
    pub(super) kind: &'a Json,
}

const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

const ENCODINGS: [&str; 2] = ["application/json", "application/yaml"];

/// The operation in the dialect of `definitions`, which gains the kinds of bodies.
pub(super) fn operation(what: Operation<'_>, definitions: &mut Definitions) -> Json {
    let dialect = definitions.dialect;
    let mut parameters: Vec<Json> =
        parameters(what.verb).iter().map(|(name, ty)| query(name, ty, dialect)).collect();
    let mut operation = json!({
        "operationId": id(&what),
        "x-kubernetes-action": action(what.verb, what.part),
        "x-kubernetes-group-version-kind":
            {"group": what.gvk.group, "version": what.gvk.version, "kind": what.gvk.kind},
    });
    let body = match what.verb {
        Verb::Create | Verb::Update => Some((what.kind.clone(), &ENCODINGS[..])),
        Verb::Patch => {
            let patch = definitions.builtin("io.k8s.apimachinery.pkg.apis.meta.v1.Patch");
            Some((patch, &PATCHES[..]))
        }
        Verb::Delete | Verb::DeleteCollection => {
            let options = definitions.builtin("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
            Some((options, &ENCODINGS[..]))
        }
        _ => None,
    };
    let answer = match what.verb {
        Verb::Delete | Verb::DeleteCollection => {
            definitions.builtin("io.k8s.apimachinery.pkg.apis.meta.v1.Status")
        }
        _ => what.answer.clone(),
    };
    match dialect {
        Dialect::V3 => {
            if let Some((schema, types)) = body {
                operation["requestBody"] = json!({"content": content(&schema, types)});
            }
            operation["responses"] =
                json!({"200": {"description": "OK", "content": content(&answer, &ENCODINGS)}});
        }
        Dialect::V2 => {
            if let Some((schema, types)) = body {
                operation["consumes"] = json!(types);
                parameters.push(json!({"name": "body", "in": "body", "schema": schema}));
            }
            operation["produces"] = json!(ENCODINGS);
            operation["responses"] = json!({"200": {"description": "OK", "schema": answer}});
        }
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation
}

fn content(schema: &Json, types: &[&str]) -> Json {
    let entries = types.iter().map(|media| ((*media).to_owned(), json!({"schema": schema})));
    Json::Object(entries.collect())
}

/// The query parameters of a verb, with their types.
fn parameters(verb: Verb) -> &'static [(&'static str, &'static str)] {
    const WRITE: [(&str, &str); 3] =
        [("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")];
    match verb {
        Verb::List | Verb::Watch => &[
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ],
        Verb::Create | Verb::Update => &WRITE,
        Verb::Patch => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
            ("force", "boolean"),
        ],
        Verb::Delete | Verb::DeleteCollection => &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ],
        Verb::Get | Verb::Connect => &[],
    }
}

fn query(name: &str, ty: &str, dialect: Dialect) -> Json {
    parameter(name, "query", ty, dialect)
}

fn parameter(name: &str, place: &str, ty: &str, dialect: Dialect) -> Json {
    let mut parameter = match dialect {
        Dialect::V2 => json!({"name": name, "in": place, "type": ty, "uniqueItems": true}),
        Dialect::V3 => {
            json!({"name": name, "in": place, "schema": {"type": ty, "uniqueItems": true}})
        }
    };
    if place == "path" {
        parameter["required"] = true.into();
    }
    parameter
}

/// The parameters within a path.
pub(super) fn path_parameters(path: &str, dialect: Dialect) -> Json {
    let mut parameters = Vec::new();
    for name in ["name", "namespace"] {
        if path.contains(&format!("{{{name}}}")) {
            parameters.push(parameter(name, "path", "string", dialect));
        }
    }
    parameters.push(query("pretty", "string", dialect));
    parameters.into()
}

/// The word for what an operation does.
fn action(verb: Verb, part: &str) -> &'static str {
    if matches!(part, "attach" | "exec" | "portforward" | "proxy") {
        return "connect";
    }
    match verb {
        Verb::Create => "post",
        Verb::Update => "put",
        other => other.word(),
    }
}

/// A name that no other operation of the document has.
fn id(what: &Operation<'_>) -> String {
    let gvr = &what.def.gvr;
    let group = gvr.group.split('.').next().filter(|group| !group.is_empty()).unwrap_or("core");
    let verb = match what.verb {
        Verb::Get => "read",
        Verb::Update => "replace",
        Verb::DeleteCollection => "deleteCollection",
        other => other.word(),
    };
    let scope = match (what.def.is_namespaced(), what.path.contains("{namespace}")) {
        (true, true) => "Namespaced",
        (true, false) => "ForAllNamespaces",
        (false, _) => "",
    };
    let [group, version, part] = [group, &gvr.version, what.part].map(capital);
    format!("{verb}{group}{version}{scope}{}{part}", what.def.kind)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
