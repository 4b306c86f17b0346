//! SubjectAccessReview and its kin: may somebody do something?

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::Fields;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");

/// The rules of a review of access.
#[derive(Debug)]
pub struct AccessReview {
    /// Whether the review is about the caller, so that it names nobody.
    pub of_self: bool,
}

impl Rules for AccessReview {
    // A question has no name.
    fn names(&self) -> crate::format::names::NameRule {
        crate::format::names::path_segment
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        check_question(spec, errors);
        if !self.of_self && spec.text("user").is_empty() && spec.list("groups").is_empty() {
            let detail = "at least one of user or group must be specified";
            errors.invalid(&SPEC.child("user"), "", detail);
        }
    }

    fn has_name(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn check_question(spec: &Json, errors: &mut FieldErrors) {
    let (resource, other) = (spec.sub("resourceAttributes"), spec.sub("nonResourceAttributes"));
    if !resource.is_null() && !other.is_null() {
        let shown =
            format!("{{\"Path\":{:?},\"Verb\":{:?}}}", other.text("path"), other.text("verb"));
        let detail = "cannot be specified in combination with resourceAttributes";
        errors.invalid(&SPEC.child("nonResourceAttributes"), Verbatim(shown), detail);
    }
    if resource.is_null() && other.is_null() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        errors.invalid(&SPEC.child("resourceAttributes"), &Json::Null, detail);
    }
}
