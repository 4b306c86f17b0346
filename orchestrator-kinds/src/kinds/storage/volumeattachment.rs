//! VolumeAttachment: a volume on its way to a node.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::Fields;
use crate::format::names::dns_subdomain;
use crate::pod::check::check_driver_name;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a VolumeAttachment.
#[derive(Debug)]
pub struct VolumeAttachment;

impl Rules for VolumeAttachment {
    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (spec, source) = (new.sub("spec"), new.sub("spec").sub("source"));
        check_driver_name(spec.text("attacher"), &SPEC.child("attacher"), errors);
        let path = SPEC.child("source");
        let inline = source.has("inlineVolumeSpec");
        match source.sub("persistentVolumeName").as_str() {
            Some("") => errors
                .required(&path.child("persistentVolumeName"), "must specify persistentVolumeName"),
            Some(_) if inline => {
                const DETAIL: &str =
                    "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
                errors.forbidden(&path, DETAIL);
            }
            None if !inline => {
                const DETAIL: &str =
                    "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
                errors.required(&path, DETAIL);
            }
            _ => {}
        }
        let node = spec.text("nodeName");
        errors.faults(&SPEC.child("nodeName"), node, dns_subdomain(node));
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if new.sub("spec") != old.sub("spec") {
            errors.invalid(&SPEC, new.sub("spec"), "field is immutable");
        }
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"attached": false}))
    }

    fn has_generation(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}
