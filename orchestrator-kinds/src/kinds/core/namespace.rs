//! Namespace: where names are unique.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::labels::qualified_name;
use crate::format::names::{NameRule, dns_label};
use crate::meta::{METADATA, check_finalizer_domain};
use crate::report::Report;
use crate::rules::Rules;

/// The label that carries a namespace's own name, so that selectors can name it.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// The finalizer that stands for all that a namespace holds.
const FINALIZER: &str = "kubernetes";
const LEVELS: [&str; 3] = ["privileged", "baseline", "restricted"];

/// The rules of a Namespace.
#[derive(Debug)]
pub struct Namespace;

impl Rules for Namespace {
    fn names(&self) -> NameRule {
        dns_label
    }

    fn defaults(&self, object: &mut Object) {
        let name = object.name().to_owned();
        if !name.is_empty() {
            object.meta_mut().map_made("labels").insert(NAME_LABEL.into(), name.into());
        }
        object.as_map_mut().map_made("spec");
        object.as_map_mut().map_made("status").fill_text("phase", "Active");
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        let finalizers = new.sub("spec").sub("finalizers").clone();
        if change.subresource == "finalize" {
            let Some(old) = old else { return };
            let mut kept = old.clone();
            set_finalizers(&mut kept, finalizers);
            kept.set_meta("finalizers", new.meta("finalizers").cloned().unwrap_or_default());
            *new = kept;
            return;
        }
        prepare_spec_and_status(new, old, change.subresource);
        match old {
            Some(old) => set_finalizers(new, old.sub("spec").sub("finalizers").clone()),
            None => {
                let mut finalizers = finalizers.as_array().cloned().unwrap_or_default();
                if !finalizers.iter().any(|one| one == FINALIZER) {
                    finalizers.push(FINALIZER.into());
                }
                set_finalizers(new, finalizers.into());
                new.set("status", json!({"phase": "Active"}));
            }
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_finalizers(new, errors);
        check_levels(new, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        _old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if change.subresource == "finalize" {
            check_finalizers(new, errors);
        }
        check_levels(new, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let (phase, path) = (new.sub("status").text("phase"), Path::new("status"));
        let (wanted, detail) = match new.deletion_timestamp() {
            None => ("Active", "may only be 'Active' if `deletionTimestamp` is empty"),
            Some(_) => {
                ("Terminating", "may only be 'Terminating' if `deletionTimestamp` is not empty")
            }
        };
        if phase != wanted {
            errors.invalid(&path.child("Phase"), phase, detail);
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn set_finalizers(namespace: &mut Object, finalizers: Json) {
    let spec = namespace.map_mut("spec");
    spec.insert("finalizers".into(), finalizers);
    spec.drop_empty("finalizers");
}

fn check_finalizers(namespace: &Object, errors: &mut FieldErrors) {
    let path = Path::new("spec");
    let path = path.child("finalizers");
    for (i, name) in namespace.sub("spec").texts("finalizers").enumerate() {
        errors.faults(&path.index(i), name, qualified_name(name));
        check_finalizer_domain(name, &path.index(i), errors);
    }
}

/// Checks the labels that say how much pods of the namespace may do.
fn check_levels(namespace: &Object, errors: &mut FieldErrors) {
    let path = METADATA.child("labels");
    for mode in ["enforce", "audit", "warn"] {
        let label = format!("pod-security.kubernetes.io/{mode}");
        if let Some(level) = namespace.label(&label).filter(|level| !LEVELS.contains(level)) {
            let detail = format!("must be one of {}", LEVELS.join(", "));
            errors.invalid(&path.key(&label), level, detail);
        }
        let label = format!("{label}-version");
        if let Some(version) = namespace.label(&label).filter(|version| !is_version(version)) {
            const DETAIL: &str = "must be \"latest\" or \"v1.x\"";
            errors.invalid(&path.key(&label), version, DETAIL);
        }
    }
}

fn is_version(text: &str) -> bool {
    let minor = text.strip_prefix("v1.");
    text == "latest" || minor.is_some_and(|minor| minor.parse::<u16>().is_ok())
}
