//! Owner references.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::split_api_version;

use super::shown_owners;
use crate::fields::Fields;
use crate::report::{Report, Verbatim};

/// The fields of a reference in the order in which messages show them.
const FIELDS: [&str; 6] = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];

/// Checks a list of owners: each is named in full, one at most is the controller.
pub(super) fn check(owners: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    let mut controller: Option<&Json> = None;
    for owner in owners {
        check_owner(owner, path, errors);
        if !owner.flag("controller") {
            continue;
        }
        if let Some(first) = controller {
            let detail = format!(
                "Only one reference can have Controller set to true. Found \"true\" in references \
                 for {}/{} and {}/{}",
                first.text("kind"),
                first.text("name"),
                owner.text("kind"),
                owner.text("name"),
            );
            errors.invalid(path, shown_owners(owners), detail);
        } else {
            controller = Some(owner);
        }
    }
}

fn check_owner(owner: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (group, version) = split_api_version(owner.text("apiVersion"));
    if version.is_empty() {
        let value = owner.text("apiVersion");
        errors.invalid(&path.child("apiVersion"), value, "version must not be empty");
    }
    for field in ["kind", "name", "uid"] {
        if owner.text(field).is_empty() {
            errors.invalid(&path.child(field), "", "must not be empty");
        }
    }
    if (group, version, owner.text("kind")) == ("", "v1", "Event") {
        let detail = "/v1, Kind=Event is disallowed from being an owner";
        errors.invalid(path, Verbatim(shown_one(owner)), detail);
    }
}

fn shown_one(owner: &Json) -> String {
    let fields = FIELDS
        .iter()
        .filter_map(|field| owner.get_set(field).map(|value| format!("\"{field}\":{value}")));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// A list of owners as messages show it.
pub(super) fn shown(owners: &[Json]) -> String {
    format!("[{}]", owners.iter().map(shown_one).collect::<Vec<_>>().join(","))
}
