//! All roles with their rules parsed, and all bindings by those whom they name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::{Json, UserInfo};

use super::GROUP;
use crate::authz::Rule;
use crate::authz::follow::Image;

/// The names of all service accounts begin so.
const ACCOUNT: &str = "system:serviceaccount:";

/// Roles and bindings.
#[derive(Debug, Default)]
pub(in crate::authz) struct Index {
    cluster_roles: BTreeMap<String, Arc<[Rule]>>,
    /// By namespace and name, with a slash in between.
    roles: BTreeMap<String, Arc<[Rule]>>,
    /// By namespace, which is empty for the cluster as a whole, and name.
    bindings: BTreeMap<(String, String), Binding>,
    /// Which bindings name somebody: their names, by whom and by namespace.
    named: BTreeMap<Subject, BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Debug)]
struct Binding {
    role_kind: String,
    role: String,
    subjects: Vec<Named>,
}

/// Somebody whom a binding names.
#[derive(Debug)]
struct Named {
    subject: Subject,
    /// As reasons show it.
    shown: String,
}

/// Who is meant; a service account is the user that its tokens authenticate as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    User(String),
    Group(String),
}

/// What one binding gives to somebody.
pub(in crate::authz) struct Grant<'i> {
    namespace: &'i str,
    name: &'i str,
    binding: &'i Binding,
    subject: &'i Named,
    /// The rules of the role, or why there are none.
    pub(in crate::authz) rules: Result<&'i Arc<[Rule]>, String>,
}

impl Grant<'_> {
    /// The words for where the right comes from.
    pub(in crate::authz) fn source(&self) -> String {
        let Binding { role_kind, role, .. } = self.binding;
        let shown = &self.subject.shown;
        match self.namespace.is_empty() {
            true => {
                format!("ClusterRoleBinding {:?} of {role_kind} {role:?} to {shown}", self.name)
            }
            false => {
                let name = format!("{}/{}", self.name, self.namespace);
                format!("RoleBinding {name:?} of {role_kind} {role:?} to {shown}")
            }
        }
    }
}

impl Index {
    /// What all bindings give to `user` in `namespace`; the cluster's own come first.
    pub(in crate::authz) fn grants<'i>(
        &'i self,
        user: &UserInfo,
        namespace: &'i str,
    ) -> impl Iterator<Item = Grant<'i>> {
        let cluster = self.bindings_of(user, "");
        let local = match namespace.is_empty() {
            true => Vec::new(),
            false => self.bindings_of(user, namespace),
        };
        cluster.into_iter().chain(local).map(|(key, binding, subject)| Grant {
            namespace: &key.0,
            name: &key.1,
            binding,
            subject,
            rules: self.rules_of(&key.0, binding),
        })
    }

    /// The rules of a role.
    pub(in crate::authz) fn role(
        &self,
        namespace: &str,
        kind: &str,
        name: &str,
    ) -> Option<&Arc<[Rule]>> {
        match kind {
            "ClusterRole" => self.cluster_roles.get(name),
            _ => self.roles.get(&format!("{namespace}/{name}")),
        }
    }

    fn rules_of(&self, namespace: &str, binding: &Binding) -> Result<&Arc<[Rule]>, String> {
        let Binding { role_kind, role, .. } = binding;
        if role_kind != "Role" && role_kind != "ClusterRole" {
            return Err(format!("unsupported role reference kind: {role_kind:?}"));
        }
        self.role(namespace, role_kind, role)
            .ok_or_else(|| format!("{}.{GROUP} {role:?} not found", role_kind.to_lowercase()))
    }

    fn bindings_of<'i>(
        &'i self,
        user: &UserInfo,
        namespace: &str,
    ) -> Vec<(&'i (String, String), &'i Binding, &'i Named)> {
        let groups = user.groups.iter().cloned().map(Subject::Group);
        let subjects: Vec<Subject> =
            std::iter::once(Subject::User(user.name.clone())).chain(groups).collect();
        let names: BTreeSet<&String> = subjects
            .iter()
            .filter_map(|subject| self.named.get(subject)?.get(namespace))
            .flatten()
            .collect();
        let bindings = names.into_iter().filter_map(|name| {
            let (key, binding) =
                self.bindings.get_key_value(&(namespace.to_owned(), name.clone()))?;
            let named = binding.subjects.iter().find(|named| subjects.contains(&named.subject))?;
            Some((key, binding, named))
        });
        bindings.collect()
    }

    fn bind(&mut self, namespace: &str, name: &str, object: &Object) {
        self.unbind(namespace, name);
        let subjects = object.get("subjects").and_then(Json::as_array);
        let subjects = subjects.into_iter().flatten();
        let binding = Binding {
            role_kind: object.text_at(&["roleRef", "kind"]).to_owned(),
            role: object.text_at(&["roleRef", "name"]).to_owned(),
            subjects: subjects.filter_map(|subject| named(subject, namespace)).collect(),
        };
        for Named { subject, .. } in &binding.subjects {
            let places = self.named.entry(subject.clone()).or_default();
            places.entry(namespace.to_owned()).or_default().insert(name.to_owned());
        }
        self.bindings.insert((namespace.to_owned(), name.to_owned()), binding);
    }

    fn unbind(&mut self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let Some(binding) = self.bindings.remove(&key) else { return };
        for Named { subject, .. } in binding.subjects {
            let Some(places) = self.named.get_mut(&subject) else { continue };
            if let Some(names) = places.get_mut(namespace) {
                names.remove(name);
                if names.is_empty() {
                    places.remove(namespace);
                }
            }
            if places.is_empty() {
                self.named.remove(&subject);
            }
        }
    }
}

/// Whom one entry of a binding in `namespace` names; `None` for nobody.
fn named(subject: &Json, namespace: &str) -> Option<Named> {
    let text = |name: &str| subject.get(name).and_then(Json::as_str).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    let (subject, shown) = match kind {
        "User" => (Subject::User(name.into()), name.to_owned()),
        "Group" => (Subject::Group(name.into()), name.to_owned()),
        "ServiceAccount" => {
            let home = if text("namespace").is_empty() { namespace } else { text("namespace") };
            if home.is_empty() {
                return None;
            }
            (Subject::User(format!("{ACCOUNT}{home}:{name}")), format!("{name}/{home}"))
        }
        _ => return None,
    };
    Some(Named { subject, shown: format!("{kind} {shown:?}") })
}

impl Image for Index {
    const RESOURCES: &'static [(&'static str, &'static str, &'static str)] = &[
        (GROUP, "v1", "clusterroles"),
        (GROUP, "v1", "roles"),
        (GROUP, "v1", "clusterrolebindings"),
        (GROUP, "v1", "rolebindings"),
    ];

    fn put(&mut self, which: usize, key: &str, object: &Object) {
        let rules = || {
            let rules = object.get("rules").and_then(Json::as_array);
            rules.into_iter().flatten().map(Rule::read).collect()
        };
        match which {
            0 => drop(self.cluster_roles.insert(key.to_owned(), rules())),
            1 => drop(self.roles.insert(key.to_owned(), rules())),
            2 => self.bind("", key, object),
            _ => {
                let (namespace, name) = key.split_once('/').unwrap_or(("", key));
                self.bind(namespace, name, object);
            }
        }
    }

    fn remove(&mut self, which: usize, key: &str) {
        match which {
            0 => drop(self.cluster_roles.remove(key)),
            1 => drop(self.roles.remove(key)),
            2 => self.unbind("", key),
            _ => {
                let (namespace, name) = key.split_once('/').unwrap_or(("", key));
                self.unbind(namespace, name);
            }
        }
    }
}
