//! What the server serves, told to clients: groups, versions and resources, health, version.
//!
//! All documents are made of the registry, in its order, when they are first asked for, and
//! again when the registry has changed.

mod aggregated;
mod health;
mod legacy;
mod version;

pub(crate) use health::{Health, Probe};
pub(crate) use version::version;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use orchestrator_core::{Json, ResourceDef};
use sha2::{Digest, Sha256};

use crate::openapi;
use crate::registry::Registry;

/// The media type of aggregated discovery.
pub(crate) const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// A document with the tag by which a client knows whether it has changed.
#[derive(Clone, Debug)]
pub(crate) struct Tagged {
    pub(crate) bytes: Bytes,
    /// With its quotes, as the `ETag` header carries it.
    pub(crate) etag: String,
}

impl Tagged {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { etag: format!("\"{}\"", hash(&bytes)), bytes }
    }
}

impl From<openapi::Document> for Tagged {
    fn from(document: openapi::Document) -> Self {
        Self { bytes: document.bytes, etag: format!("\"{}\"", document.etag) }
    }
}

/// The digest of `bytes` in upper-case hexadecimal.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A value derived from the registry, made anew when that has changed.
#[derive(Debug)]
struct Derived<T> {
    held: ArcSwapOption<(Vec<Arc<ResourceDef>>, Arc<T>)>,
}

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self { held: ArcSwapOption::empty() }
    }
}

impl<T> Derived<T> {
    /// The value for the registry as it is now.
    fn get(&self, registry: &Registry, make: impl FnOnce(&[Arc<ResourceDef>]) -> T) -> Arc<T> {
        let defs = registry.defs();
        if let Some(held) = &*self.held.load()
            && held.0.len() == defs.len()
            && held.0.iter().zip(&defs).all(|(ours, theirs)| Arc::ptr_eq(ours, theirs))
        {
            return Arc::clone(&held.1);
        }
        let value = Arc::new(make(&defs));
        self.held.store(Some(Arc::new((defs, Arc::clone(&value)))));
        value
    }
}

/// The resources of the registry by group and version, in the order of discovery.
#[derive(Clone, Debug)]
struct Group {
    name: String,
    versions: Vec<Version>,
}

/// One version of a group, its resources sorted by name.
#[derive(Clone, Debug)]
struct Version {
    version: String,
    resources: Vec<Arc<ResourceDef>>,
}

/// Sorts definitions into groups and versions, each in the order of its first definition.
fn groups(defs: &[Arc<ResourceDef>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for def in defs {
        let (name, version) = (&*def.gvr.group, &*def.gvr.version);
        let group = find_or_push(
            &mut groups,
            |g| g.name == name,
            || Group { name: name.into(), versions: Vec::new() },
        );
        let version = find_or_push(
            &mut group.versions,
            |v| v.version == version,
            || Version { version: version.into(), resources: Vec::new() },
        );
        version.resources.push(Arc::clone(def));
    }
    for version in groups.iter_mut().flat_map(|group| &mut group.versions) {
        version.resources.sort_by(|a, b| a.gvr.resource.cmp(&b.gvr.resource));
    }
    groups
}

fn find_or_push<T>(
    list: &mut Vec<T>,
    is: impl FnMut(&T) -> bool,
    new: impl FnOnce() -> T,
) -> &mut T {
    let place = list.iter().position(is).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    });
    &mut list[place]
}

/// The discovery documents of a server.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    groups: Derived<Vec<Group>>,
    core: Derived<Tagged>,
    named: Derived<Tagged>,
}

impl Discovery {
    /// The aggregated document at `/api` (`core`) or `/apis`.
    pub(crate) fn aggregated(&self, registry: &Registry, core: bool) -> Arc<Tagged> {
        let cache = if core { &self.core } else { &self.named };
        cache.get(registry, |defs| {
            let groups = groups(defs);
            let wanted = groups.iter().filter(|group| group.name.is_empty() == core);
            Tagged::new(aggregated::list(wanted).to_string())
        })
    }

    /// The legacy document at a path below `/api` or `/apis`; `None` where there is none.
    pub(crate) fn legacy(&self, registry: &Registry, path: &[String], host: &str) -> Option<Json> {
        let groups = self.groups.get(registry, groups);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["api"] => legacy::versions(&groups, host),
            ["api", version] => legacy::resources(&groups, "", version),
            ["apis"] => Some(legacy::group_list(&groups)),
            ["apis", group] => legacy::group(&groups, group),
            ["apis", group, version] => legacy::resources(&groups, group, version),
            _ => None,
        }
    }

    /// The paths of all groups and versions, for the list at `/`.
    pub(crate) fn paths(&self, registry: &Registry) -> Vec<String> {
        let mut paths = vec!["/api".to_owned(), "/apis".to_owned()];
        for group in self.groups.get(registry, groups).iter() {
            let root = match group.name.is_empty() {
                true => "/api".to_owned(),
                false => format!("/apis/{}", group.name),
            };
            paths.extend(group.versions.iter().map(|v| format!("{root}/{}", v.version)));
            paths.push(root);
        }
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tests_support::plain;
    use orchestrator_core::GroupVersionKind;
    use orchestrator_core::Verb;
    use orchestrator_core::resource::SubresourceDef;
    use serde_json::json;

    fn registry() -> Registry {
        let mut pods = plain("", "v1", "pods");
        pods.kind = "Pod".into();
        pods.singular = "pod".into();
        pods.short_names = vec!["po".into()];
        pods.storage_version_hash = "hash=".into();
        let sub = |name: &'static str, kind: GroupVersionKind| SubresourceDef {
            name: name.into(),
            kind,
            verbs: vec![Verb::Create],
        };
        pods.subresources = vec![
            sub("binding", GroupVersionKind::new("", "v1", "Binding")),
            sub("eviction", GroupVersionKind::new("policy", "v1", "Eviction")),
        ];
        let hpa = |version| plain("autoscaling", version, "horizontalpodautoscalers");
        Registry::new([plain("", "v1", "secrets"), pods, hpa("v2"), hpa("v1")])
    }

    fn legacy(path: &str) -> Option<Json> {
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        Discovery::default().legacy(&registry(), &path, "host:1")
    }

    #[test]
    fn legacy_documents_list_groups_versions_and_resources() {
        assert_eq!(legacy("api").unwrap()["versions"], json!(["v1"]));
        let group = legacy("apis/autoscaling").unwrap();
        assert_eq!(group["preferredVersion"]["groupVersion"], "autoscaling/v2");
        assert_eq!(group["versions"][1]["version"], "v1");
        let resources = legacy("api/v1").unwrap()["resources"].clone();
        let names: Vec<_> =
            resources.as_array().unwrap().iter().map(|r| r["name"].clone()).collect();
        assert_eq!(names, ["pods", "pods/binding", "pods/eviction", "secrets"]);
        assert_eq!(resources[0]["storageVersionHash"], "hash=");
        assert_eq!(
            (&resources[2]["group"], &resources[1]["group"]),
            (&json!("policy"), &Json::Null)
        );
        assert!(legacy("apis/none").is_none() && legacy("api/v2").is_none());
    }

    #[test]
    fn the_aggregated_document_changes_its_tag_with_the_registry() {
        let (discovery, registry) = (Discovery::default(), registry());
        let before = discovery.aggregated(&registry, false);
        assert!(Arc::ptr_eq(&before, &discovery.aggregated(&registry, false)));
        let json: Json = serde_json::from_slice(&before.bytes).unwrap();
        assert_eq!(json["items"][0]["versions"][0]["version"], "v2");
        let core = discovery.aggregated(&registry, true);
        let core: Json = serde_json::from_slice(&core.bytes).unwrap();
        let pods = &core["items"][0]["versions"][0]["resources"][0];
        assert_eq!(pods["responseKind"], json!({"group": "", "version": "", "kind": "Pod"}));
        assert_eq!(pods["subresources"][1]["responseKind"]["group"], "policy");
        registry.put(plain("example.com", "v1", "widgets"));
        assert_ne!(before.etag, discovery.aggregated(&registry, false).etag);
    }
}
