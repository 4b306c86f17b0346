//! PersistentVolumeClaim: what storage somebody wants.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::labels::{check_labels, check_selector};
use crate::format::names::dns_subdomain;
use crate::format::numbers::POSITIVE;
use crate::meta::check_annotations;
use crate::pod::check::check_option;
use crate::pod::defaults::round_resources;
use crate::pod::diff;
use crate::pod::resources::amount;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

/// How a volume may be attached.
pub const ACCESS_MODES: [&str; 4] =
    ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
/// What a volume looks like to a container.
pub const VOLUME_MODES: [&str; 2] = ["Block", "Filesystem"];

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a PersistentVolumeClaim.
#[derive(Debug)]
pub struct PersistentVolumeClaim;

impl Rules for PersistentVolumeClaim {
    fn defaults(&self, object: &mut Object) {
        fill(object.as_map_mut());
        let spec = object.map_mut("spec");
        normalize_sources(spec);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
        if old.is_none() {
            new.set("status", json!({"phase": "Pending"}));
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_spec(new.sub("spec"), &SPEC, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
        check_step(new, old, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let (path, status) = (Path::new("status"), new.sub("status"));
        if !status.list("resizeStatus").is_empty() {
            errors.forbidden(&path.child("resizeStatus"), "");
        }
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// Fills in a claim, or the template of one.
pub fn fill(claim: &mut orchestrator_core::object::Map) {
    let spec = claim.map_made("spec");
    spec.fill("volumeMode", "Filesystem");
    round_resources(spec.map_made("resources"));
    claim.map_made("status").fill_text("phase", "Pending");
}

/// The two fields that name where the content comes from say the same.
fn normalize_sources(spec: &mut orchestrator_core::object::Map) {
    let (source, reference) = (spec.sub("dataSource"), spec.sub("dataSourceRef"));
    if !source.is_null() && reference.is_null() {
        let source = source.clone();
        spec.insert("dataSourceRef".into(), source);
    } else if source.is_null() && !reference.is_null() && reference.text("namespace").is_empty() {
        let mut source = reference.clone();
        source.as_object_mut().map(|source| source.remove("namespace"));
        spec.insert("dataSource".into(), source);
    }
}

/// Checks the template of a claim at `path`.
pub fn check_template(template: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (metadata, at) = (template.sub("metadata"), path.child("metadata"));
    check_labels(metadata.map("labels"), &at.child("labels"), errors);
    check_annotations(metadata.map("annotations"), &at.child("annotations"), errors);
    check_spec(template.sub("spec"), &path.child("spec"), errors);
}

/// Checks access modes: all known, the exclusive one alone.
pub fn check_access_modes(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let at = path.child("accessModes");
    for mode in spec.texts("accessModes").filter(|mode| !ACCESS_MODES.contains(mode)) {
        errors.unsupported(&at, mode, &ACCESS_MODES);
    }
    let exclusive = |mode: &str| mode == "ReadWriteOncePod";
    if spec.texts("accessModes").any(exclusive) && !spec.texts("accessModes").all(exclusive) {
        errors.forbidden(&at, "may not use ReadWriteOncePod with other access modes");
    }
}

/// Checks the spec of a claim at `path`.
pub fn check_spec(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if spec.list("accessModes").is_empty() {
        errors.required(&path.child("accessModes"), "at least 1 access mode is required");
    }
    check_selector(spec.sub("selector"), &path.child("selector"), errors);
    check_access_modes(spec, path, errors);
    let at = path.child("resources");
    let at = at.key("storage");
    match spec.sub("resources").sub("requests").get_set("storage") {
        None => errors.required(&at, ""),
        Some(storage) if amount(storage).signum() <= 0 => errors.invalid(&at, storage, POSITIVE),
        Some(_) => {}
    }
    for field in ["storageClassName", "volumeAttributesClassName"] {
        let class = spec.text(field);
        if !class.is_empty() {
            errors.faults(&path.child(field), class, dns_subdomain(class));
        }
    }
    check_option(spec, "volumeMode", &VOLUME_MODES, path, errors);
    check_sources(spec, path, errors);
}

fn check_sources(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["dataSource", "dataSourceRef"] {
        if let Some(source) = spec.get_set(field) {
            check_content(source, &path.child(field), errors);
        }
    }
    let (Some(source), Some(reference)) =
        (spec.get_set("dataSource"), spec.get_set("dataSourceRef"))
    else {
        return;
    };
    if !reference.text("namespace").is_empty() {
        const DETAIL: &str = "may not be specified when dataSourceRef.namespace is specified";
        errors.invalid(path, Verbatim("{}"), DETAIL);
    } else if ["apiGroup", "kind", "name"].iter().any(|f| source.text(f) != reference.text(f)) {
        errors.invalid(path, Verbatim("{}"), "must match dataSourceRef");
    }
}

fn check_content(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["name", "kind"] {
        if source.text(field).is_empty() {
            errors.required(&path.child(field), "");
        }
    }
    let (group, kind) = (source.text("apiGroup"), source.text("kind"));
    if !group.is_empty() {
        errors.faults(&path.child("apiGroup"), group, dns_subdomain(group));
    } else if kind != "PersistentVolumeClaim" {
        const DETAIL: &str =
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
        errors.invalid(path, kind, DETAIL);
    }
}

/// Checks that only a bound claim grows, and nothing else changes.
fn check_step(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (spec, was) = (new.sub("spec"), old.sub("spec"));
    let mut allowed = was.clone();
    if let Some(allowed) = allowed.as_object_mut() {
        let mut take = |field: &str| match spec.get_set(field) {
            Some(value) => drop(allowed.insert(field.into(), value.clone())),
            None => drop(allowed.remove(field)),
        };
        if was.text("volumeName").is_empty() {
            take("volumeName");
        }
        if !was.has("storageClassName") {
            take("storageClassName");
        }
        take("volumeAttributesClassName");
        if new.sub("status").text("phase") == "Bound" {
            take("resources");
        }
    }
    if *spec != allowed {
        const DETAIL: &str = "spec is immutable after creation except resources.requests and \
                              volumeAttributesClassName for bound claims";
        errors.forbidden(&SPEC, format!("{DETAIL}\n{}", diff::lines(was, spec, diff::CLAIM)));
    }
    check_size(new, old, errors);
    if spec.sub("volumeMode") != was.sub("volumeMode") {
        let mode = spec.sub("volumeMode");
        errors.invalid(&Path::new("volumeMode"), mode, "field is immutable");
    }
}

/// A claim may shrink, after a failed expansion, but not below what it has.
fn check_size(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let size =
        |claim: &Object| amount(claim.sub("spec").sub("resources").sub("requests").sub("storage"));
    let has = amount(new.sub("status").sub("capacity").sub("storage"));
    if size(new) < size(old) && size(new) <= has {
        let path = SPEC.child("resources");
        let path = path.child("requests");
        errors.forbidden(&path.child("storage"), "field can not be less than status.capacity");
    }
}
