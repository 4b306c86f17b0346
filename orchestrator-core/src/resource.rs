//! Resources: what the API serves, as data.
//!
//! A [`ResourceDef`] says how a kind is named, which verbs it has, how it is defaulted, validated,
//! stored and printed. The server has no knowledge of any kind besides these definitions, so an
//! embedder can add, remove or replace any of them. The built-in ones are in `orchestrator-kinds`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::env::Env;
use crate::field::FieldErrors;
use crate::object::Object;
use crate::schema::Schema;
use crate::{Json, Status, Verb};

/// A word that is nearly always a constant.
pub type Word = Cow<'static, str>;

macro_rules! pair {
    ($(#[$doc:meta])* $name:ident { group, $second:ident: $what:literal }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// The API group; empty for the core group.
            pub group: Word,
            #[doc = $what]
            pub $second: Word,
        }

        impl $name {
            /// Joins the two.
            pub fn new(group: impl Into<Word>, $second: impl Into<Word>) -> Self {
                Self { group: group.into(), $second: $second.into() }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.$second)?;
                if !self.group.is_empty() {
                    write!(f, ".{}", self.group)?;
                }
                Ok(())
            }
        }
    };
}

pair! {
    /// A resource without its version: what authorisation and messages speak of.
    GroupResource { group, resource: "The plural, as in `pods`." }
}

pair! {
    /// A kind without its version: what messages speak of.
    GroupKind { group, kind: "The kind, as in `Pod`." }
}

/// A resource: what a path names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionResource {
    /// The API group; empty for the core group.
    pub group: Word,
    /// The version, as in `v1`.
    pub version: Word,
    /// The plural, as in `pods`.
    pub resource: Word,
}

impl GroupVersionResource {
    /// Joins the three.
    pub fn new(
        group: impl Into<Word>,
        version: impl Into<Word>,
        resource: impl Into<Word>,
    ) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// Without the version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }
}

impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.group.is_empty() {
            true => write!(f, "{}/{}", self.version, self.resource),
            false => write!(f, "{}/{}/{}", self.group, self.version, self.resource),
        }
    }
}

/// A kind: what a body names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The API group; empty for the core group.
    pub group: Word,
    /// The version, as in `v1`.
    pub version: Word,
    /// The kind, as in `Pod`.
    pub kind: Word,
}

impl GroupVersionKind {
    /// Joins the three.
    pub fn new(group: impl Into<Word>, version: impl Into<Word>, kind: impl Into<Word>) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Without the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }

    /// `group/version`, or the version alone in the core group.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, Kind={}", self.api_version(), self.kind)
    }
}

/// `group/version`, or the version alone in the core group.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.into() } else { format!("{group}/{version}") }
}

/// Splits `group/version`; the core group has no slash.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

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

/// What a write is about, beside the objects themselves.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// `status` and the like; empty for the object as a whole.
    pub subresource: &'a str,
    /// What the request does.
    pub verb: Verb,
    /// Clock, uids and randomness.
    pub env: &'a Env,
    /// The cluster's own addresses.
    pub network: &'a Network,
}

/// The cluster's own addresses, which defaulting and validation know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The addresses of services, in CIDR form.
    pub service_cidr: String,
    /// The addresses of pods, in CIDR form.
    pub pod_cidr: String,
    /// The first and the last node port.
    pub node_ports: (u16, u16),
}

impl Default for Network {
    /// Loopback ranges, so that everything is local without root; node ports 30000 to 32767.
    fn default() -> Self {
        Self {
            service_cidr: "127.96.0.0/12".into(),
            pod_cidr: "127.64.0.0/12".into(),
            node_ports: (30000, 32767),
        }
    }
}

/// What happens to an object of a kind on its way to the store.
///
/// # Contract
/// - All methods are pure: they look at their arguments only.
/// - The server calls, in this order: [`default`](Self::default), admission,
///   [`prepare`](Self::prepare), [`validate`](Self::validate). What all kinds share (name,
///   namespace, uid, timestamps, generation of a new object, managed fields) is the server's.
/// - Objects come in the version of the definition that the strategy belongs to.
pub trait Strategy: fmt::Debug + Send + Sync + 'static {
    /// Fills in what the client left out; runs on every decoded body and patched object.
    fn default(&self, _object: &mut Object) {}

    /// Brings a new object into the state in which it may be stored: on create (`old` is `None`)
    /// the status is dropped; on update what this path may not change is taken from `old`, and
    /// the generation is bumped where the spec changed.
    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
    }

    /// All that is wrong with an object; on update, with the step from `old` to `new` too.
    fn validate(&self, _new: &Object, _old: Option<&Object>, _change: Change<'_>) -> FieldErrors {
        FieldErrors::new()
    }

    /// What is right but unwise, for the `Warning` headers.
    fn warnings(&self, _new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Turns an object of this version into the kind's storage version.
    ///
    /// # Errors
    /// 400 where the object cannot be expressed there.
    fn to_storage(&self, _object: &mut Object) -> Result<(), Status> {
        Ok(())
    }

    /// Turns an object of the kind's storage version into this version.
    ///
    /// # Errors
    /// 500 where the object cannot be expressed here.
    fn to_served(&self, _object: &mut Object) -> Result<(), Status> {
        Ok(())
    }

    /// How long a deletion of the object waits when the request names no period; `None` for a
    /// kind that is deleted at once.
    fn grace_period_seconds(&self, _object: &Object) -> Option<i64> {
        None
    }

    /// Whether an update may leave out the resource version it is based on.
    fn unconditional_update(&self) -> bool {
        true
    }

    /// Whether an update of an object that is not there creates it.
    fn create_on_update(&self) -> bool {
        false
    }
}

/// The rule for kinds with `spec` and `status`: a write of the whole leaves the status alone, a
/// write of the status leaves everything else alone, a changed spec bumps the generation.
pub fn prepare_spec_and_status(new: &mut Object, old: Option<&Object>, subresource: &str) {
    let Some(old) = old else {
        new.remove("status");
        return;
    };
    if subresource == "status" {
        keep_all_but_status(new, old);
        return;
    }
    match old.get("status") {
        Some(status) => new.set("status", status.clone()),
        None => drop(new.remove("status")),
    }
    let same = |name: &str| new.get(name) == old.get(name);
    let changed = new.as_map().keys().chain(old.as_map().keys()).any(|name| {
        !matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "status") && !same(name)
    });
    if old.generation() > 0 {
        new.set_meta("generation", old.generation() + i64::from(changed));
    }
}

/// Takes from `old` all but the status (and the managed fields, which the server updates).
fn keep_all_but_status(new: &mut Object, old: &Object) {
    let status = new.remove("status");
    let managed = new.meta("managedFields").cloned().unwrap_or_default();
    let mut kept = old.clone();
    kept.set_meta("managedFields", managed);
    match status {
        Some(status) => kept.set("status", status),
        None => drop(kept.remove("status")),
    }
    *new = kept;
}

/// A kind without defaults and rules of its own, with `spec` and `status`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainStrategy;

impl Strategy for PlainStrategy {}

/// How `kubectl get` shows objects of a kind.
pub trait TableRows: fmt::Debug + Send + Sync + 'static {
    /// The columns.
    fn columns(&self) -> Vec<Column>;

    /// The cells of one object, one per column; ages are relative to `now`.
    fn cells(&self, object: &Object, now: Timestamp) -> Vec<Json>;
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading.
    pub name: Word,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub r#type: Word,
    /// `name` for the column that names the object; else mostly empty.
    pub format: Word,
    /// The words that explain the column.
    pub description: Word,
    /// 0 is always shown; above 0 only with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A column that is always shown.
    pub fn new(name: impl Into<Word>, r#type: impl Into<Word>) -> Self {
        let (format, description) = (Word::default(), Word::default());
        Self { name: name.into(), r#type: r#type.into(), format, description, priority: 0 }
    }
}

/// Name and age: the table of kinds that have no other.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameAndAge;

impl TableRows for NameAndAge {
    fn columns(&self) -> Vec<Column> {
        let name = Column { format: "name".into(), ..Column::new("Name", "string") };
        vec![name, Column::new("Created At", "date")]
    }

    fn cells(&self, object: &Object, _now: Timestamp) -> Vec<Json> {
        vec![object.name().into(), object.creation_timestamp().into()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(json: Json) -> Object {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_write_of_the_whole_leaves_the_status_alone_and_counts_changes_of_the_spec() {
        let old = object(json!({"metadata": {"generation": 1}, "spec": 1, "status": 1}));
        let mut new = object(json!({"metadata": {"labels": {"a": "b"}}, "spec": 1, "status": 2}));
        prepare_spec_and_status(&mut new, Some(&old), "");
        assert_eq!((new.generation(), new.get("status")), (1, Some(&json!(1))));
        new.set("spec", 2);
        prepare_spec_and_status(&mut new, Some(&old), "");
        assert_eq!(new.generation(), 2);
    }

    #[test]
    fn a_write_of_the_status_leaves_the_rest_alone() {
        let old = object(json!({"metadata": {"name": "a"}, "spec": 1, "status": 1}));
        let mut new = object(json!({"metadata": {"name": "b"}, "spec": 2, "status": 2}));
        prepare_spec_and_status(&mut new, Some(&old), "status");
        assert_eq!(new.into_json(), json!({"metadata": {"name": "a"}, "spec": 1, "status": 2}));
    }

    #[test]
    fn names_print_as_messages_show_them() {
        assert_eq!(GroupResource::new("apps", "deployments").to_string(), "deployments.apps");
        assert_eq!(GroupKind::new("", "Pod").to_string(), "Pod");
        assert_eq!(
            GroupVersionKind::new("apps", "v1", "Deployment").to_string(),
            "apps/v1, Kind=Deployment"
        );
        assert_eq!(split_api_version("apps/v1"), ("apps", "v1"));
    }
}
