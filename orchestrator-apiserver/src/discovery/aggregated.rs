//! Aggregated discovery: everything in one document (`apidiscovery.k8s.io/v2`).

use orchestrator_core::resource::{Scope, SubresourceDef, Word};
use orchestrator_core::{GroupVersionKind, Json, ResourceDef, Verb};
use serde_json::json;

use super::{Group, Version};

/// The `APIGroupDiscoveryList` of `groups`.
pub(super) fn list<'a>(groups: impl Iterator<Item = &'a Group>) -> Json {
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": groups.map(group).collect::<Json>(),
    })
}

fn group(group: &Group) -> Json {
    let metadata = match group.name.is_empty() {
        true => json!({}),
        false => json!({"name": group.name}),
    };
    json!({"metadata": metadata, "versions": group.versions.iter().map(version).collect::<Json>()})
}

fn version(version: &Version) -> Json {
    json!({
        "version": version.version,
        "resources": version.resources.iter().map(|def| resource(def)).collect::<Json>(),
        "freshness": "Current",
    })
}

fn resource(def: &ResourceDef) -> Json {
    let scope = match def.scope {
        Scope::Cluster => "Cluster",
        Scope::Namespaced => "Namespaced",
    };
    let mut resource = json!({
        "resource": def.gvr.resource,
        "responseKind": response_kind(def, &def.gvk()),
        "scope": scope,
        "singularResource": def.singular,
        "verbs": verbs(&def.verbs),
    });
    let mut put = |name: &str, list: Json| {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            resource[name] = list;
        }
    };
    put("shortNames", words(&def.short_names));
    put("categories", words(&def.categories));
    put("subresources", def.subresources.iter().map(|sub| subresource(def, sub)).collect());
    resource
}

fn subresource(def: &ResourceDef, sub: &SubresourceDef) -> Json {
    json!({
        "subresource": sub.name,
        "responseKind": response_kind(def, &sub.kind),
        "verbs": verbs(&sub.verbs),
    })
}

/// Group and version are left empty where they are those of the resource, except for kinds that
/// were made at run time.
fn response_kind(def: &ResourceDef, kind: &GroupVersionKind) -> Json {
    let own = kind.group == def.gvr.group && kind.version == def.gvr.version;
    let own = own && def.schema.source().is_none();
    match own {
        true => json!({"group": "", "version": "", "kind": kind.kind}),
        false => json!({"group": kind.group, "version": kind.version, "kind": kind.kind}),
    }
}

pub(super) fn verbs(verbs: &[Verb]) -> Json {
    verbs.iter().map(|verb| Json::from(verb.word())).collect()
}

pub(super) fn words(words: &[Word]) -> Json {
    words.iter().map(|word| Json::from(word.as_ref())).collect()
}
