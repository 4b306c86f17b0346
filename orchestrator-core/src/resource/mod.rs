//! Resources: what the API serves, as data.
//!
//! A [`ResourceDef`] says how a kind is named, which verbs it has, how it is defaulted, validated,
//! stored and printed. The server has no knowledge of any kind besides these definitions, so an
//! embedder can add, remove or replace any of them. The built-in ones are in `orchestrator-kinds`.

mod names;
mod strategy;
mod table;

pub use names::{
    GroupKind, GroupResource, GroupVersionKind, GroupVersionResource, Word, api_version,
    split_api_version,
};
pub use strategy::{Change, Network, PlainStrategy, Strategy, prepare_spec_and_status};
pub use table::{Column, NameAndAge, TableRows};

use std::sync::Arc;

use crate::Verb;
use crate::schema::Schema;

/// Whether objects of a kind live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// They do not.
    Cluster,
    /// They do.
    Namespaced,
}

/// One version of one kind as the API serves it.
#[derive(Clone, Debug)]
pub struct ResourceDef {
    /// Group, version and plural.
    pub gvr: GroupVersionResource,
    /// The kind.
    pub kind: Word,
    /// The kind of lists; empty for the kind with `List` behind it.
    pub list_kind: Word,
    /// The singular, as in `pod`.
    pub singular: Word,
    /// Short names, as in `po`.
    pub short_names: Vec<Word>,
    /// Categories, as in `all`.
    pub categories: Vec<Word>,
    /// Whether objects live in namespaces.
    pub scope: Scope,
    /// The verbs served, in the order of discovery.
    pub verbs: Vec<Verb>,
    /// The parts of an object with a path of their own.
    pub subresources: Vec<SubresourceDef>,
    /// Field types, merge keys and list types; shared by all kinds of one source.
    pub schema: Arc<Schema>,
    /// The name of this kind's definition in the schema; `None` takes any fields.
    pub definition: Option<Word>,
    /// How objects are kept.
    pub storage: StorageDef,
    /// What happens to an object on its way to the store.
    pub strategy: Arc<dyn Strategy>,
    /// How `kubectl get` shows objects.
    pub table: Arc<dyn TableRows>,
    /// The fields that a field selector may name besides `metadata.name` and
    /// `metadata.namespace`, as paths with dots.
    pub selectable_fields: Vec<Word>,
    /// The words that refuse any other field in a field selector, with `{key}` for the field.
    pub selector_rejection: Word,
    /// What discovery calls the stored form: the same for all versions that share it; may be
    /// empty.
    pub storage_version_hash: Word,
    /// What everybody is told who uses the resource; `None` while nothing better is there.
    pub deprecation: Option<Word>,
}

/// A part of an object with a path of its own, as in `pods/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubresourceDef {
    /// The last element of the path, as in `status`.
    pub name: Word,
    /// The kind of body and answer.
    pub kind: GroupVersionKind,
    /// The verbs served.
    pub verbs: Vec<Verb>,
}

/// How objects of a kind are kept: several versions may share one store of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageDef {
    /// Group and plural that the keys are made of.
    pub resource: GroupResource,
    /// The group of the stored form.
    pub group: Word,
    /// The version of the stored form.
    pub version: Word,
    /// How long an object lives, in seconds; 0 for as long as nobody deletes it.
    pub ttl_s: u64,
}

impl ResourceDef {
    /// The verbs of an ordinary resource, in the order of discovery.
    pub const ALL_VERBS: [Verb; 8] = [
        Verb::Create,
        Verb::Delete,
        Verb::DeleteCollection,
        Verb::Get,
        Verb::List,
        Verb::Patch,
        Verb::Update,
        Verb::Watch,
    ];

    /// An ordinary resource with all verbs, which takes any fields, has no rules of its own and is
    /// stored as it is; the singular is the kind in lower case. Everything can be changed after.
    ///
    /// # Examples
    /// ```
    /// use orchestrator_core::resource::{GroupVersionResource, ResourceDef, Scope};
    ///
    /// let gvr = GroupVersionResource::new("example.com", "v1", "widgets");
    /// let mut def = ResourceDef::new(gvr, "Widget", Scope::Namespaced);
    /// def.short_names = vec!["wd".into()];
    /// assert_eq!(def.key_prefix(), "/registry/example.com/widgets/");
    /// ```
    pub fn new(gvr: GroupVersionResource, kind: impl Into<Word>, scope: Scope) -> Self {
        let kind = kind.into();
        Self {
            singular: kind.to_lowercase().into(),
            kind,
            list_kind: Word::default(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope,
            verbs: Self::ALL_VERBS.to_vec(),
            subresources: Vec::new(),
            schema: Arc::default(),
            definition: None,
            storage: StorageDef {
                resource: gvr.group_resource(),
                group: gvr.group.clone(),
                version: gvr.version.clone(),
                ttl_s: 0,
            },
            strategy: Arc::new(PlainStrategy),
            table: Arc::new(NameAndAge),
            selectable_fields: Vec::new(),
            selector_rejection: Word::default(),
            storage_version_hash: Word::default(),
            deprecation: None,
            gvr,
        }
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> GroupVersionKind {
        let GroupVersionResource { group, version, .. } = &self.gvr;
        GroupVersionKind::new(group.clone(), version.clone(), self.kind.clone())
    }

    /// `group/version`, or the version alone in the core group.
    pub fn api_version(&self) -> String {
        api_version(&self.gvr.group, &self.gvr.version)
    }

    /// The kind of lists, as in `PodList`.
    pub fn list_kind(&self) -> Word {
        match self.list_kind.is_empty() {
            true => format!("{}List", self.kind).into(),
            false => self.list_kind.clone(),
        }
    }

    /// Whether objects live in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }

    /// The subresource `name`.
    pub fn subresource(&self, name: &str) -> Option<&SubresourceDef> {
        self.subresources.iter().find(|sub| sub.name == name)
    }

    /// Whether this version is the one that is stored.
    pub fn is_storage_version(&self) -> bool {
        self.gvr.version == self.storage.version && self.gvr.group == self.storage.group
    }

    /// The prefix of all keys of this kind, as in `/registry/apps/deployments/`.
    ///
    /// An object's key is the prefix, then `namespace/` where it has one, then its name.
    pub fn key_prefix(&self) -> String {
        let GroupResource { group, resource } = &self.storage.resource;
        match group.is_empty() {
            true => format!("/registry/{resource}/"),
            false => format!("/registry/{group}/{resource}/"),
        }
    }
}
