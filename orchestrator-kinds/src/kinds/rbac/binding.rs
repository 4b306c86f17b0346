//! RoleBinding and ClusterRoleBinding: who has a role.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::names::{NameRule, dns_subdomain, path_segment};
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const GROUP: &str = "rbac.authorization.k8s.io";

/// The rules of a RoleBinding, or of a ClusterRoleBinding.
#[derive(Debug)]
pub struct Binding {
    /// Whether the role is given in the cluster as a whole.
    pub cluster: bool,
}

impl Rules for Binding {
    fn names(&self) -> NameRule {
        path_segment
    }

    fn defaults(&self, object: &mut Object) {
        let namespace = object.namespace().to_owned();
        let map = object.as_map_mut();
        map.map_made("roleRef").fill_text("apiGroup", GROUP);
        for subject in map.maps_of("subjects") {
            match subject.text("kind") {
                "User" | "Group" => subject.fill_text("apiGroup", GROUP),
                "ServiceAccount" if !namespace.is_empty() => {
                    subject.fill_text("namespace", &namespace);
                }
                _ => {}
            }
        }
    }

    fn prepare(&self, new: &mut Object, _old: Option<&Object>, _change: Change<'_>) {
        // The namespace of the binding is known only now, where the client left it out.
        let namespace = new.namespace().to_owned();
        if !self.cluster {
            for subject in new.as_map_mut().maps_of("subjects") {
                if subject.text("kind") == "ServiceAccount" {
                    subject.fill_text("namespace", &namespace);
                }
            }
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_role(new.sub("roleRef"), self.cluster, errors);
        let path = Path::new("subjects");
        for (i, subject) in new.list("subjects").iter().enumerate() {
            check_subject(subject, &path.index(i), errors);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
        let role = new.sub("roleRef");
        if role != old.sub("roleRef") {
            let shown = format!(
                "{{\"APIGroup\":{:?},\"Kind\":{:?},\"Name\":{:?}}}",
                role.text("apiGroup"),
                role.text("kind"),
                role.text("name")
            );
            errors.invalid(&Path::new("roleRef"), Verbatim(shown), "cannot change roleRef");
        }
    }

    fn create_on_update(&self) -> bool {
        true
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn check_role(role: &Json, cluster: bool, errors: &mut FieldErrors) {
    let path = Path::new("roleRef");
    if role.text("apiGroup") != GROUP {
        errors.unsupported(&path.child("apiGroup"), role.text("apiGroup"), &[GROUP]);
    }
    let (kind, kinds): (_, &[&str]) = match cluster {
        true => (role.text("kind"), &["ClusterRole"]),
        false => (role.text("kind"), &["Role", "ClusterRole"]),
    };
    if !kinds.contains(&kind) {
        errors.unsupported(&path.child("kind"), kind, kinds);
    }
    check_name(role.text("name"), &path.child("name"), errors);
}

fn check_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    match name.is_empty() {
        true => errors.required(path, ""),
        false => errors.faults(path, name, path_segment(name)),
    }
}

fn check_subject(subject: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (name, group) = (subject.text("name"), subject.text("apiGroup"));
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    }
    let wanted = match subject.text("kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                errors.faults(&path.child("name"), name, dns_subdomain(name));
            }
            if subject.text("namespace").is_empty() {
                errors.required(&path.child("namespace"), "");
            }
            ""
        }
        "User" | "Group" => GROUP,
        other => {
            const KINDS: [&str; 3] = ["ServiceAccount", "User", "Group"];
            errors.unsupported(&path.child("kind"), other, &KINDS);
            return;
        }
    };
    if group != wanted {
        errors.unsupported(&path.child("apiGroup"), group, &[wanted]);
    }
}
