//! The volumes of a pod.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::sources::{SourceNames, check_source};
use crate::fields::Fields;
use crate::format::names::dns_label;
use crate::report::Report;

/// Checks volumes; gives those that are right in themselves, which alone can be mounted.
pub(super) fn check<'a>(
    volumes: &'a [Json],
    path: &Path<'_>,
    errors: &mut FieldErrors,
) -> Vec<&'a Json> {
    let mut right: Vec<&Json> = Vec::with_capacity(volumes.len());
    for (i, volume) in volumes.iter().enumerate() {
        let (path, before) = (path.index(i), errors.len());
        check_source(volume, SourceNames::OfPods, &path, errors);
        let name = volume.text("name");
        match name.is_empty() {
            true => errors.required(&path.child("name"), ""),
            false => errors.faults(&path.child("name"), name, dns_label(name)),
        }
        if right.iter().any(|other| other.text("name") == name) {
            errors.duplicate(&path.child("name"), name, "");
        }
        if errors.len() == before {
            right.push(volume);
        }
    }
    right
}
