//! Pod: containers that run together on one node.

mod annotations;
mod prepare;
mod resize;
mod status;
mod update;
pub mod warnings;

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::Fields;
use crate::pod::check::{check_images, check_spec};
use crate::pod::defaults;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a Pod.
#[derive(Debug)]
pub struct Pod;

impl Rules for Pod {
    fn defaults(&self, object: &mut Object) {
        defaults::fill_pod(object);
        object.map_mut("status");
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare::prepare(new, old, change);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check(new, errors);
        let spec = new.sub("spec");
        if !spec.list("ephemeralContainers").is_empty() {
            errors.forbidden(&SPEC.child("ephemeralContainers"), "cannot be set on create");
        }
        if !spec.text("nodeName").is_empty() && !spec.list("schedulingGates").is_empty() {
            const DETAIL: &str = "cannot be set until all schedulingGates have been cleared";
            errors.forbidden(&SPEC.child("nodeName"), DETAIL);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        match change.subresource {
            "ephemeralcontainers" => {
                check(new, errors);
                update::check_ephemeral(new, old, errors);
            }
            "resize" => {
                check(new, errors);
                resize::check(new, old, errors);
            }
            _ => {
                check(new, errors);
                update::check(new, old, errors);
            }
        }
    }

    fn validate_status(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        status::check(new, old, errors);
    }

    fn warnings(&self, new: &Object, old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        match old {
            None => warnings::of_pod(new),
            Some(_) => Vec::new(),
        }
    }

    fn grace_period_seconds(&self, object: &Object) -> Option<i64> {
        prepare::grace_period_seconds(object)
    }
}

/// Checks a pod in any state.
fn check(pod: &Object, errors: &mut FieldErrors) {
    let spec = pod.sub("spec");
    annotations::check(
        pod.annotations(),
        spec,
        &crate::meta::METADATA.child("annotations"),
        errors,
    );
    check_spec(spec, &SPEC, errors);
    check_tokens(spec, errors);
    check_images(spec, &SPEC, errors);
}

/// A pod without an account gets no token.
fn check_tokens(spec: &orchestrator_core::Json, errors: &mut FieldErrors) {
    if !spec.text("serviceAccountName").is_empty() {
        return;
    }
    let volumes = SPEC.child("volumes");
    for (i, volume) in spec.list("volumes").iter().enumerate() {
        let (path, projected) = (volumes.index(i), volume.sub("projected"));
        let path = path.child("projected");
        let path = path.child("sources");
        for (j, source) in projected.list("sources").iter().enumerate() {
            if source.has("serviceAccountToken") {
                const DETAIL: &str = "must not be specified when serviceAccountName is not set";
                errors.forbidden(&path.index(j).child("serviceAccountToken"), DETAIL);
            }
        }
    }
}
