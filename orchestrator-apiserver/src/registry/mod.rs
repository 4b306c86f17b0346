//! The registry: which resources this server serves.
//!
//! The table of definitions is data that may change while the server runs (custom resources come
//! and go); a request takes the definition it found at its begin through to its end.

mod convert;
mod leases;
mod objects;
mod recent;
mod stored;

pub use objects::Objects;
pub use stored::Stored;

pub(crate) use leases::Leases;
pub(crate) use objects::{Beside, Created, Replaced, Swapped, failed, too_large_revision};

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use orchestrator_core::resource::GroupKind;
use orchestrator_core::store::{Key, KeyRange};
use orchestrator_core::{GroupResource, GroupVersionResource, ResourceDef};
use rustc_hash::FxHashMap;

use crate::custom::{self, CustomKind, versions};

/// The resources that a server serves; cheap to clone, all clones are one table.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    table: Arc<ArcSwap<Table>>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    /// In the order of discovery: what the server was built with, then custom resources.
    ordered: Vec<Arc<Resource>>,
    by_name: FxHashMap<GroupVersionResource, Arc<Resource>>,
    /// Custom resources by the names of their definitions.
    custom: BTreeMap<String, Vec<Arc<Resource>>>,
}

/// A served resource: its definition, and what is derived from that once.
#[derive(Debug)]
pub struct Resource {
    /// The definition.
    pub def: Arc<ResourceDef>,
    /// Group and plural, for messages.
    pub group_resource: GroupResource,
    /// Group and kind, for messages about fields: the group is that of the stored form.
    pub group_kind: GroupKind,
    /// `group/version`.
    pub api_version: String,
    prefix: String,
    /// What the definition says of a kind that was made at run time.
    pub(crate) custom: custom::Kind,
}

impl Registry {
    /// A table of `defs`, where a later definition of a resource replaces an earlier one.
    pub fn new(defs: impl IntoIterator<Item = ResourceDef>) -> Self {
        Self::of(Arc::default(), defs)
    }

    /// The built-in kinds and `more`.
    ///
    /// The definitions of the built-in kinds are the same in every server of the process; there
    /// may be thousands of servers, so they share them.
    pub fn builtin(more: impl IntoIterator<Item = ResourceDef>) -> Self {
        static BUILTIN: LazyLock<Arc<Table>> = LazyLock::new(|| {
            let mut table = Table::default();
            orchestrator_kinds::builtin().into_iter().for_each(|def| table.put(def));
            Arc::new(table)
        });
        Self::of(Arc::clone(&BUILTIN), more)
    }

    /// `table` itself where nothing is added.
    fn of(mut table: Arc<Table>, defs: impl IntoIterator<Item = ResourceDef>) -> Self {
        defs.into_iter().for_each(|def| Arc::make_mut(&mut table).put(def));
        Self { table: Arc::new(ArcSwap::new(table)) }
    }

    /// Adds or replaces a resource.
    pub fn put(&self, def: ResourceDef) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.put(def.clone());
            table
        });
    }

    /// Serves these resources for the definition `name`, instead of those before; what the server
    /// was built with comes first.
    pub(crate) fn put_custom(&self, name: &str, resources: Vec<Resource>) {
        let resources: Vec<_> = resources.into_iter().map(Arc::new).collect();
        let mut before = Vec::new();
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            before = table.put_custom(name, resources.clone());
            table
        });
        let kinds = before.iter().filter_map(|resource| resource.custom.as_ref());
        kinds.for_each(|kind| kind.retired.cancel());
    }

    /// Removes a resource; objects that were stored stay in the store.
    pub fn remove(&self, gvr: &GroupVersionResource) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.remove(gvr);
            table
        });
    }

    /// The resource that `gvr` names.
    pub fn get(&self, gvr: &GroupVersionResource) -> Option<Arc<Resource>> {
        self.table.load().by_name.get(gvr).cloned()
    }

    /// All definitions in the order of discovery.
    pub fn defs(&self) -> Vec<Arc<ResourceDef>> {
        self.table.load().ordered.iter().map(|resource| Arc::clone(&resource.def)).collect()
    }

    /// Whether the server was built with a resource of `group`.
    pub fn has_group(&self, group: &str) -> bool {
        let table = self.table.load();
        let mut fixed = table.ordered.iter().filter(|resource| resource.custom.is_none());
        fixed.any(|resource| resource.def.gvr.group == group)
    }

    /// The resource of `group` and `kind` in `version`.
    pub fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<Arc<Resource>> {
        let table = self.table.load();
        let found = table.ordered.iter().find(|resource| {
            let gvr = &resource.def.gvr;
            gvr.group == group && gvr.version == version && resource.def.kind == kind
        });
        found.cloned()
    }
}

impl Table {
    fn put(&mut self, def: ResourceDef) {
        let resource = Arc::new(Resource::new(def));
        let gvr = &resource.def.gvr;
        match self.ordered.iter_mut().find(|known| known.def.gvr == *gvr) {
            Some(known) => *known = Arc::clone(&resource),
            None => {
                let fixed = self.ordered.iter().filter(|known| known.custom.is_none()).count();
                self.ordered.insert(fixed, Arc::clone(&resource));
            }
        }
        self.by_name.insert(gvr.clone(), resource);
    }

    /// Replaces the resources of a definition; those that were there before.
    fn put_custom(&mut self, name: &str, resources: Vec<Arc<Resource>>) -> Vec<Arc<Resource>> {
        let before = match resources.is_empty() {
            true => self.custom.remove(name),
            false => self.custom.insert(name.to_owned(), resources),
        };
        self.ordered.retain(|known| known.custom.is_none());
        self.by_name.retain(|_, known| known.custom.is_none());
        let mut custom: Vec<_> = self.custom.values().flatten().cloned().collect();
        custom.retain(|resource| !self.by_name.contains_key(&resource.def.gvr));
        custom.sort_by(|a, b| {
            let (a, b) = (&a.def.gvr, &b.def.gvr);
            let by_version = || versions::order(&a.version, &b.version);
            a.group.cmp(&b.group).then_with(by_version).then_with(|| a.resource.cmp(&b.resource))
        });
        for resource in &custom {
            self.by_name.insert(resource.def.gvr.clone(), Arc::clone(resource));
        }
        self.ordered.extend(custom);
        before.unwrap_or_default()
    }

    fn remove(&mut self, gvr: &GroupVersionResource) {
        self.by_name.remove(gvr);
        self.ordered.retain(|resource| resource.def.gvr != *gvr);
    }
}

impl Resource {
    fn new(def: ResourceDef) -> Self {
        Self {
            custom: None,
            group_resource: def.gvr.group_resource(),
            group_kind: GroupKind::new(def.storage.group.clone(), def.kind.clone()),
            api_version: def.api_version(),
            prefix: def.key_prefix(),
            def: Arc::new(def),
        }
    }

    /// A resource that was made at run time.
    pub(crate) fn custom(def: ResourceDef, kind: Arc<CustomKind>) -> Self {
        Self { custom: Some(kind), ..Self::new(def) }
    }

    /// The key of one object.
    pub fn key(&self, namespace: &str, name: &str) -> Key {
        let mut key = String::with_capacity(self.prefix.len() + namespace.len() + name.len() + 1);
        key.push_str(&self.prefix);
        if self.def.is_namespaced() {
            key.push_str(namespace);
            key.push('/');
        }
        key.push_str(name);
        Key::from(key)
    }

    /// The keys of a namespace's objects, or of all where `namespace` is empty.
    pub fn keys(&self, namespace: &str) -> KeyRange {
        match namespace.is_empty() || !self.def.is_namespaced() {
            true => KeyRange::prefix(self.prefix.as_str()),
            false => KeyRange::prefix(format!("{}{namespace}/", self.prefix)),
        }
    }

    /// The part of `key` after that of the collection in `namespace`.
    pub(crate) fn below<'k>(&self, namespace: &str, key: &'k Key) -> &'k str {
        let skip = match namespace.is_empty() || !self.def.is_namespaced() {
            true => self.prefix.len(),
            false => self.prefix.len() + namespace.len() + 1,
        };
        key.as_bytes().get(skip..).and_then(|rest| std::str::from_utf8(rest).ok()).unwrap_or("")
    }

    /// The path of an object as the storage layer's messages show it, as in `/configmaps/ns/a`.
    pub(crate) fn shown_key(&self, namespace: &str, name: &str) -> String {
        let GroupResource { group, resource } = &self.def.storage.resource;
        let dir =
            if group.is_empty() { format!("/{resource}") } else { format!("/{group}/{resource}") };
        match self.def.is_namespaced() {
            true => format!("{dir}/{namespace}/{name}"),
            false => format!("{dir}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tests_support::plain;

    #[test]
    fn a_later_definition_replaces_an_earlier_one_in_place() {
        let registry = Registry::new([plain("", "v1", "pods"), plain("", "v1", "nodes")]);
        let mut other = plain("", "v1", "pods");
        other.kind = "Other".into();
        registry.put(other);
        let kinds: Vec<_> = registry.defs().iter().map(|def| def.kind.clone()).collect();
        assert_eq!(kinds, ["Other", "Kind"]);
        registry.remove(&GroupVersionResource::new("", "v1", "pods"));
        assert_eq!(registry.defs().len(), 1);
        assert!(registry.get(&GroupVersionResource::new("", "v1", "pods")).is_none());
    }

    #[test]
    fn keys_of_a_namespace_are_not_those_of_one_whose_name_is_longer() {
        let pods = Resource::new(plain("", "v1", "pods"));
        let key = pods.key("ns", "a");
        assert_eq!(key.as_bytes(), b"/registry/pods/ns/a");
        assert!(pods.keys("ns").contains(key.as_bytes()));
        assert!(!pods.keys("n").contains(key.as_bytes()));
        assert_eq!((pods.below("", &key), pods.below("ns", &key)), ("ns/a", "a"));
        assert_eq!(pods.shown_key("ns", "a"), "/pods/ns/a");
    }
}

/// Definitions for tests.
#[cfg(test)]
pub(crate) mod tests_support {
    use std::sync::Arc;

    use orchestrator_core::resource::{NameAndAge, PlainStrategy, Scope, StorageDef};
    use orchestrator_core::schema::Schema;
    use orchestrator_core::{GroupResource, GroupVersionResource, ResourceDef, Verb};

    /// A namespaced resource without rules.
    pub(crate) fn plain(
        group: &'static str,
        version: &'static str,
        plural: &'static str,
    ) -> ResourceDef {
        ResourceDef {
            gvr: GroupVersionResource::new(group, version, plural),
            kind: "Kind".into(),
            list_kind: "".into(),
            singular: "kind".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: Scope::Namespaced,
            verbs: vec![Verb::Get, Verb::List, Verb::Watch, Verb::Create, Verb::Delete],
            subresources: Vec::new(),
            schema: Arc::new(Schema::default()),
            definition: None,
            storage: StorageDef {
                resource: GroupResource::new(group, plural),
                group: group.into(),
                version: version.into(),
                ttl_s: 0,
            },
            strategy: Arc::new(PlainStrategy),
            table: Arc::new(NameAndAge),
            selectable_fields: Vec::new(),
            selector_rejection: "field label not supported: {key}".into(),
            storage_version_hash: "".into(),
            deprecation: None,
        }
    }
}
