//! CustomResourceDefinition: a kind that is made at run time.

mod conversion;
mod names;
mod parts;
mod versions;

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use orchestrator_custom::condition;
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::names::dns_subdomain;
use crate::meta::METADATA;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const APPROVAL: &str = "api-approved.kubernetes.io";

/// The rules of a CustomResourceDefinition.
#[derive(Debug)]
pub struct CustomResourceDefinition;

impl Rules for CustomResourceDefinition {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        names::fill(spec.map_made("names"));
        let conversion = spec.map_made("conversion");
        conversion.fill_text("strategy", "None");
        let client =
            conversion.map_at("webhook").and_then(|webhook| webhook.map_at("clientConfig"));
        if let Some(service) = client.and_then(|client| client.map_at("service")) {
            service.fill("port", 443);
        }
        let status = object.map_mut("status");
        status.fill("conditions", Json::Null);
        let accepted = status.map_made("acceptedNames");
        accepted.fill("plural", "");
        accepted.fill("kind", "");
        status.fill("storedVersions", Json::Null);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
        if change.subresource == "status" {
            return;
        }
        let stored: Option<Json> = versions::stored(new.sub("spec")).map(Json::from);
        if old.is_none() {
            new.set(
                "status",
                json!({
                    "conditions": null,
                    "acceptedNames": {"plural": "", "kind": ""},
                    "storedVersions": stored.map(|version| json!([version])),
                }),
            );
        } else if let Some(stored) = stored {
            // Objects of a version that was once stored may still be there.
            let versions = new.map_mut("status").entry("storedVersions").or_insert(json!([]));
            match versions.as_array_mut() {
                Some(versions) if !versions.contains(&stored) => versions.push(stored),
                Some(_) => {}
                None => *versions = json!([stored]),
            }
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_name(new, errors);
        check_spec(new.sub("spec"), errors);
        check_accepted(new, errors);
        check_stored(new, errors);
        check_approval(new, errors);
        check_preserve(new.sub("spec"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_spec(new.sub("spec"), errors);
        check_step(new, old, errors);
        check_accepted(new, errors);
        check_stored(new, errors);
        // What was approved, or not, before the rule was made may stay so.
        if is_approved(old) {
            check_approval(new, errors);
        }
        if !old.sub("spec").flag("preserveUnknownFields") {
            check_preserve(new.sub("spec"), errors);
        }
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_accepted(new, errors);
        check_stored(new, errors);
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn check_name(new: &Object, errors: &mut FieldErrors) {
    let spec = new.sub("spec");
    let wanted = format!("{}.{}", spec.sub("names").text("plural"), spec.text("group"));
    if new.name() != wanted {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        errors.invalid(&METADATA.child("name"), new.name(), detail);
    }
}

fn check_spec(spec: &Json, errors: &mut FieldErrors) {
    let (group, path) = (spec.text("group"), SPEC.child("group"));
    if group.is_empty() {
        errors.required(&path, "");
    } else if !dns_subdomain(group).is_empty() {
        errors.invalid(&path, group, dns_subdomain(group).join(","));
    } else if group.split('.').count() < 2 {
        errors.invalid(&path, group, "should be a domain with at least one dot");
    }
    match spec.text("scope") {
        "Cluster" | "Namespaced" => {}
        "" => errors.required(&SPEC.child("scope"), ""),
        other => errors.unsupported(&SPEC.child("scope"), other, &["Cluster", "Namespaced"]),
    }
    versions::check(spec, errors);
    names::check_required(spec.sub("names"), &SPEC.child("names"), errors);
    names::check(spec.sub("names"), &SPEC.child("names"), errors);
    versions::check_shared(spec, errors);
    conversion::check(spec.sub("conversion"), &SPEC.child("conversion"), errors);
}

/// The old way to keep all fields is no more.
fn check_preserve(spec: &Json, errors: &mut FieldErrors) {
    if spec.flag("preserveUnknownFields") {
        const DETAIL: &str = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true \
                              in spec.versions[*].schema instead";
        errors.invalid(&SPEC.child("preserveUnknownFields"), true, DETAIL);
    }
}

/// Names that were accepted are checked as those that are asked for, but none is needed.
fn check_accepted(new: &Object, errors: &mut FieldErrors) {
    let path = Path::new("status");
    names::check(new.sub("status").sub("acceptedNames"), &path.child("acceptedNames"), errors);
}

/// Every version that was stored is still there.
fn check_stored(new: &Object, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let path = path.child("storedVersions");
    let (status, spec) = (new.sub("status"), new.sub("spec"));
    if status.list("storedVersions").is_empty() {
        let stored = status.sub("storedVersions");
        errors.invalid(&path, stored, "must have at least one stored version");
        return;
    }
    for version in spec.list("versions") {
        let name = version.text("name");
        if version.flag("storage") && !status.texts("storedVersions").any(|known| known == name) {
            let detail = format!("must have the storage version {name}");
            errors.invalid(&path, status.sub("storedVersions"), detail);
        }
    }
    for (i, version) in status.texts("storedVersions").enumerate() {
        if !spec.list("versions").iter().any(|known| known.text("name") == version) {
            let detail = format!(
                "missing from spec.versions; {version} was previously a storage \
                version, and must remain in spec.versions until a storage migration ensures no data \
                remains persisted in {version} and removes {version} from status.storedVersions"
            );
            errors.invalid(&path.index(i), version, detail);
        }
    }
}

/// Groups of the project itself need its word.
fn check_approval(new: &Object, errors: &mut FieldErrors) {
    let group = new.sub("spec").text("group");
    let protected = |domain: &str| group == &domain[1..] || group.ends_with(domain);
    if ![".k8s.io", ".kubernetes.io"].into_iter().any(protected) {
        return;
    }
    let path = METADATA.child("annotations");
    let path = path.key(APPROVAL);
    match new.annotation(APPROVAL) {
        None | Some("") => {
            let detail = format!(
                "protected groups must have approval annotation {APPROVAL:?}, see \
                 https://github.com/kubernetes/enhancements/pull/1111"
            );
            errors.required(&path, detail);
        }
        Some(text) if text.starts_with("unapproved") || text.starts_with("https://") => {}
        Some(other) => {
            let detail = format!(
                "protected groups must have approval annotation {APPROVAL:?} with either a URL or \
                 a reason starting with \"unapproved\", see \
                 https://github.com/kubernetes/enhancements/pull/1111"
            );
            errors.invalid(&path, other, detail);
        }
    }
}

fn is_approved(object: &Object) -> bool {
    let mut errors = FieldErrors::new();
    check_approval(object, &mut errors);
    errors.is_empty()
}

fn check_step(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (spec, was) = (new.sub("spec"), old.sub("spec"));
    let names = SPEC.child("names");
    let mut keeps = |path: &Path<'_>, new: &Json, old: &Json| {
        if new != old {
            errors.invalid(path, new, "field is immutable");
        }
    };
    let name = |spec: &'_ Json, field: &str| spec.sub("names").sub(field).clone();
    // Once objects may be there, what decides about their keys and their shape stays.
    if condition::holds(old, condition::ESTABLISHED) {
        keeps(&SPEC.child("scope"), spec.sub("scope"), was.sub("scope"));
        keeps(&names.child("kind"), &name(spec, "kind"), &name(was, "kind"));
    }
    keeps(&SPEC.child("group"), spec.sub("group"), was.sub("group"));
    keeps(&names.child("plural"), &name(spec, "plural"), &name(was, "plural"));
}
