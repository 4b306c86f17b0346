//! The template of the pods that a workload makes.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use super::check::check_spec;
use super::defaults::{drop_disabled, fill_spec, mirror_service_account};
use crate::fields::{Fields, Fill};
use crate::format::labels::{check_labels, selects};
use crate::meta::check_annotations;
use crate::report::Report;

const MISMATCH: &str = "`selector` does not match template `labels`";

/// Fills in the field `template`.
pub fn fill(parent: &mut Map) {
    let template = parent.map_made("template");
    template.fill("metadata", Map::new());
    fill_spec(template.map_made("spec"));
}

/// Brings the field `template` into the state in which it may be stored.
pub fn prepare(parent: &mut Map) {
    let Some(spec) = parent.map_at("template").and_then(|template| template.map_at("spec")) else {
        return;
    };
    mirror_service_account(spec);
    drop_disabled(spec);
}

/// Checks a template at `path`.
pub fn check(template: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let metadata = template.sub("metadata");
    check_labels(metadata.map("labels"), &path.child("labels"), errors);
    check_annotations(metadata.map("annotations"), &path.child("annotations"), errors);
    let spec = path.child("spec");
    check_spec(template.sub("spec"), &spec, errors);
    if !template.sub("spec").list("ephemeralContainers").is_empty() {
        const DETAIL: &str = "ephemeral containers not allowed in pod template";
        errors.forbidden(&spec.child("ephemeralContainers"), DETAIL);
    }
}

/// Checks that the selector of the workload selects the pods of its template.
///
/// A selector whose operators are unknown selects nothing to compare with.
pub fn check_selected(selector: &Json, template: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let labels = template.sub("metadata").sub("labels");
    let selected = !selector.is_null() && selects(selector, labels.as_object()).unwrap_or(true);
    if !selected {
        let path = path.child("metadata");
        errors.invalid(&path.child("labels"), labels, MISMATCH);
    }
}

/// Checks that pods of the template are always restarted, and `kind` allows no deadline.
pub fn check_always_running(
    template: &Json,
    kind: &str,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    let (spec, path) = (template.sub("spec"), path.child("spec"));
    let policy = spec.text("restartPolicy");
    if policy != "Always" && !policy.is_empty() {
        errors.unsupported(&path.child("restartPolicy"), policy, &["Always"]);
    }
    if spec.has("activeDeadlineSeconds") {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.forbidden(&path.child("activeDeadlineSeconds"), detail);
    }
}
