//! IPAddress: one address of a service range, and who has it.

use std::borrow::Cow;

use orchestrator_core::Object;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;

use crate::fields::Fields;
use crate::format::addresses::{NOT_AN_ADDRESS, parse};
use crate::format::names::{NameRule, dns_label, dns_subdomain, path_segment};
use crate::report::{Faults, Report};
use crate::rules::Rules;

/// The rules of an IPAddress.
#[derive(Debug)]
pub struct IpAddress;

/// An address in its shortest form.
fn canonical_address(name: &str) -> Faults {
    match parse(name) {
        None => vec![Cow::Borrowed(NOT_AN_ADDRESS)],
        Some(address) if address.to_string() != name => {
            vec![format!("must be in canonical form (\"{address}\")").into()]
        }
        Some(_) => Faults::new(),
    }
}

impl Rules for IpAddress {
    fn names(&self) -> NameRule {
        canonical_address
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let path = Path::new("spec");
        let path = path.child("parentRef");
        let Some(parent) = new.sub("spec").get_set("parentRef") else {
            errors.required(&path, "");
            return;
        };
        let (group, namespace) = (parent.text("group"), parent.text("namespace"));
        if !group.is_empty() {
            errors.faults(&path.child("group"), group, dns_subdomain(group));
        }
        for field in ["resource", "name"] {
            let value = parent.text(field);
            match value.is_empty() {
                true => errors.required(&path.child(field), ""),
                false => errors.faults(&path.child(field), value, path_segment(value)),
            }
        }
        if !namespace.is_empty() {
            errors.faults(&path.child("namespace"), namespace, dns_label(namespace));
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let parent = new.sub("spec").sub("parentRef");
        if parent != old.sub("spec").sub("parentRef") {
            let path = Path::new("spec");
            errors.invalid(&path.child("parentRef"), parent, "field is immutable");
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}
