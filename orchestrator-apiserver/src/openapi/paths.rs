//! The paths of a group and version: one operation per verb.

use orchestrator_core::object::Map;
use orchestrator_core::resource::SubresourceDef;
use orchestrator_core::{GroupVersionKind, Json, ResourceDef, Verb};
use serde_json::json;

use super::types::SCHEMAS;

/// Body and answer of an operation: a definition name, where there is one.
struct Shapes {
    object: Option<String>,
    list: Option<String>,
}

/// The path that tells the server's version.
pub(super) fn version() -> Map {
    let answer = json!({"200": {"description": "OK",
        "content": {"application/json": {"schema": {"type": "object"}}}}});
    let get = json!({"description": "get the version information for this server",
        "operationId": "getCodeVersion", "responses": answer});
    Map::from_iter([("/version/".to_owned(), json!({"get": get}))])
}

/// All paths of `def` below `root`, as in `/apis/apps/v1`.
pub(super) fn add(paths: &mut Map, root: &str, def: &ResourceDef) {
    let shapes = Shapes { object: name_of(def), list: name_of(def).map(|name| name + "List") };
    let gvk = def.gvk();
    let plural = &def.gvr.resource;
    let collection = match def.is_namespaced() {
        true => format!("{root}/namespaces/{{namespace}}/{plural}"),
        false => format!("{root}/{plural}"),
    };
    let single = format!("{collection}/{{name}}");
    let on_collection = [Verb::List, Verb::Create, Verb::DeleteCollection];
    let on_single = [Verb::Get, Verb::Update, Verb::Patch, Verb::Delete];
    put(paths, &collection, &on_collection, &def.verbs, &gvk, &shapes);
    put(paths, &single, &on_single, &def.verbs, &gvk, &shapes);
    if def.is_namespaced() {
        put(paths, &format!("{root}/{plural}"), &[Verb::List], &def.verbs, &gvk, &shapes);
    }
    for sub in &def.subresources {
        let shapes = Shapes { object: sub_name(def, sub), list: None };
        let path = format!("{single}/{}", sub.name);
        let all = [Verb::Get, Verb::Create, Verb::Update, Verb::Patch, Verb::Delete];
        put(paths, &path, &all, &sub.verbs, &sub.kind, &shapes);
    }
}

/// The definition of a kind, named as documents name it.
pub(super) fn name_of(def: &ResourceDef) -> Option<String> {
    def.definition.as_ref().map(ToString::to_string)
}

/// The definition of a subresource's kind.
pub(super) fn sub_name(def: &ResourceDef, sub: &SubresourceDef) -> Option<String> {
    let GroupVersionKind { group, version, kind } = &sub.kind;
    let builtin = orchestrator_core::schema::Schema::builtin();
    let found =
        def.schema.kind(group, version, kind).or_else(|| builtin.kind(group, version, kind));
    found.map(|definition| definition.name.to_string())
}

fn put(
    paths: &mut Map,
    path: &str,
    candidates: &[Verb],
    served: &[Verb],
    gvk: &GroupVersionKind,
    shapes: &Shapes,
) {
    let verbs: Vec<Verb> =
        candidates.iter().copied().filter(|verb| served.contains(verb)).collect();
    if verbs.is_empty() {
        return;
    }
    let mut item = Map::new();
    for verb in verbs {
        item.insert(method(verb).into(), operation(path, verb, gvk, shapes));
    }
    let mut parameters: Vec<Json> = Vec::new();
    for name in ["name", "namespace"] {
        if path.contains(&format!("{{{name}}}")) {
            let schema = json!({"type": "string", "uniqueItems": true});
            parameters
                .push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        }
    }
    parameters.push(query("pretty", "string"));
    item.insert("parameters".into(), parameters.into());
    paths.insert(path.into(), Json::Object(item));
}

fn method(verb: Verb) -> &'static str {
    match verb {
        Verb::Get | Verb::List | Verb::Watch | Verb::Connect => "get",
        Verb::Create => "post",
        Verb::Update => "put",
        Verb::Patch => "patch",
        Verb::Delete | Verb::DeleteCollection => "delete",
    }
}

fn action(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "post",
        Verb::Update => "put",
        verb => verb.word(),
    }
}

fn operation(path: &str, verb: Verb, gvk: &GroupVersionKind, shapes: &Shapes) -> Json {
    let answer = match verb {
        Verb::List => shapes.list.clone(),
        Verb::DeleteCollection | Verb::Delete => Some(STATUS.into()),
        _ => shapes.object.clone(),
    };
    let content = |name: &Option<String>| match name {
        Some(name) => json!({"schema": {"$ref": format!("{SCHEMAS}{name}")}}),
        None => json!({"schema": {"type": "object"}}),
    };
    let mut operation = json!({
        "operationId": operation_id(path, verb, gvk),
        "parameters": parameters(verb),
        "responses": {"200": {"description": "OK", "content": {"application/json": content(&answer)}}},
        "x-kubernetes-action": action(verb),
        "x-kubernetes-group-version-kind":
            {"group": gvk.group, "version": gvk.version, "kind": gvk.kind},
    });
    let body = match verb {
        Verb::Create | Verb::Update => Some(json!({"*/*": content(&shapes.object)})),
        Verb::Delete | Verb::DeleteCollection => {
            Some(json!({"*/*": content(&Some(OPTIONS.into()))}))
        }
        Verb::Patch => {
            let patch = json!({"schema": {"$ref": format!("{SCHEMAS}{PATCH}")}});
            let media = PATCH_MEDIA.iter().map(|media| ((*media).to_owned(), patch.clone()));
            Some(Json::Object(media.collect()))
        }
        _ => None,
    };
    if let Some(content) = body {
        let required = matches!(verb, Verb::Create | Verb::Update | Verb::Patch);
        operation["requestBody"] = json!({"content": content, "required": required});
    }
    operation
}

/// The definitions that operations refer to besides the kinds themselves.
pub(super) const STATUS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";
pub(super) const OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";
pub(super) const PATCH: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";

const PATCH_MEDIA: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// Unique in a document: verb, and the path with its words in camel case.
fn operation_id(path: &str, verb: Verb, gvk: &GroupVersionKind) -> String {
    let mut id = verb.word().to_owned();
    for word in path.split('/').filter(|word| !word.is_empty() && *word != "apis") {
        let word = word.trim_matches(['{', '}']);
        let mut letters = word.chars().filter(char::is_ascii_alphanumeric);
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.extend(letters);
    }
    id.push_str(&gvk.kind);
    id
}

fn parameters(verb: Verb) -> Vec<Json> {
    let named: &[(&str, &str)] = match verb {
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
        Verb::Create | Verb::Update => {
            &[("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")]
        }
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
    };
    named.iter().map(|(name, kind)| query(name, kind)).collect()
}

fn query(name: &str, kind: &str) -> Json {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}
