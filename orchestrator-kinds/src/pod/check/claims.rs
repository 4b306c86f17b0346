//! Claims of devices that a pod makes or uses.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::names::{dns_label, dns_subdomain};
use crate::report::{Report, Verbatim};

/// Checks the resource claims of a pod.
pub(super) fn check(claims: &[Json], path: &Path<'_>, errors: &mut FieldErrors) {
    for (i, claim) in claims.iter().enumerate() {
        let (path, name) = (path.index(i), claim.text("name"));
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else if claims[..i].iter().any(|earlier| earlier.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        } else {
            errors.faults(&path.child("name"), name, dns_label(name));
        }
        check_source(claim, &path, errors);
    }
}

fn check_source(claim: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    const FIELDS: [&str; 2] = ["resourceClaimName", "resourceClaimTemplateName"];
    let detail = match FIELDS.iter().filter(|field| claim.has(field)).count() {
        0 => "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
        1 => "",
        _ => "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
    };
    if !detail.is_empty() {
        let shown = format!(
            "{{\"Name\":{},\"ResourceClaimName\":{},\"ResourceClaimTemplateName\":{}}}",
            claim.sub("name"),
            claim.sub(FIELDS[0]),
            claim.sub(FIELDS[1])
        );
        errors.invalid(path, Verbatim(shown), detail);
    }
    for field in FIELDS {
        if let Some(name) = claim.sub(field).as_str() {
            errors.faults(&path.child(field), name, dns_subdomain(name));
        }
    }
}
