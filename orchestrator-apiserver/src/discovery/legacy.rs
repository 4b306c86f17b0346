//! Discovery group by group: `APIVersions`, `APIGroupList`, `APIGroup`, `APIResourceList`.

use orchestrator_core::resource::{SubresourceDef, api_version};
use orchestrator_core::{Json, ResourceDef};
use serde_json::json;

use super::Group;
use super::aggregated::{verbs, words};

/// `/api`.
pub(super) fn versions(groups: &[Group], host: &str) -> Option<Json> {
    let core = find(groups, "")?;
    let versions: Json = core.versions.iter().map(|v| Json::from(v.version.as_str())).collect();
    Some(json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": host}],
    }))
}

/// `/apis`.
pub(super) fn group_list(groups: &[Group]) -> Json {
    let named = groups.iter().filter(|group| !group.name.is_empty());
    json!({
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": named.map(group_body).collect::<Json>(),
    })
}

/// `/apis/{group}`.
pub(super) fn group(groups: &[Group], name: &str) -> Option<Json> {
    let mut body = group_body(find(groups, name).filter(|group| !group.name.is_empty())?);
    body["kind"] = "APIGroup".into();
    body["apiVersion"] = "v1".into();
    Some(body)
}

fn group_body(group: &Group) -> Json {
    let version = |version: &super::Version| {
        let group_version = api_version(&group.name, &version.version);
        json!({"groupVersion": group_version, "version": version.version})
    };
    json!({
        "name": group.name,
        "versions": group.versions.iter().map(version).collect::<Json>(),
        "preferredVersion": version(&group.versions[0]),
    })
}

/// `/api/{version}` and `/apis/{group}/{version}`.
pub(super) fn resources(groups: &[Group], group: &str, version: &str) -> Option<Json> {
    let version = find(groups, group)?.versions.iter().find(|v| v.version == version)?;
    let mut list = Vec::new();
    for def in &version.resources {
        list.push(resource(def));
        list.extend(def.subresources.iter().map(|sub| subresource(def, sub)));
    }
    let mut body = json!({
        "kind": "APIResourceList",
        "groupVersion": api_version(group, &version.version),
        "resources": list,
    });
    if !group.is_empty() {
        body["apiVersion"] = "v1".into();
    }
    Some(body)
}

fn find<'a>(groups: &'a [Group], name: &str) -> Option<&'a Group> {
    groups.iter().find(|group| group.name == name)
}

fn resource(def: &ResourceDef) -> Json {
    let mut resource = json!({
        "name": def.gvr.resource,
        "singularName": def.singular,
        "namespaced": def.is_namespaced(),
        "kind": def.kind,
        "verbs": verbs(&def.verbs),
    });
    if !def.short_names.is_empty() {
        resource["shortNames"] = words(&def.short_names);
    }
    if !def.categories.is_empty() {
        resource["categories"] = words(&def.categories);
    }
    if !def.storage_version_hash.is_empty() {
        resource["storageVersionHash"] = def.storage_version_hash.as_ref().into();
    }
    resource
}

fn subresource(def: &ResourceDef, sub: &SubresourceDef) -> Json {
    let mut resource = json!({
        "name": format!("{}/{}", def.gvr.resource, sub.name),
        "singularName": "",
        "namespaced": def.is_namespaced(),
        "kind": sub.kind.kind,
        "verbs": verbs(&sub.verbs),
    });
    if sub.kind.group != def.gvr.group || sub.kind.version != def.gvr.version {
        resource["group"] = sub.kind.group.as_ref().into();
        resource["version"] = sub.kind.version.as_ref().into();
    }
    resource
}
