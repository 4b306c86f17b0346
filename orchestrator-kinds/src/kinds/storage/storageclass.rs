//! StorageClass: how volumes of a sort are made.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use crate::fields::{Fields, Fill};
use crate::format::labels::{check_label_name, qualified_name};
use crate::pod::check::check_option;
use crate::report::Report;
use crate::rules::Rules;

const PARAMETERS_MAX: usize = 256 * 1024;
const PARAMETERS_COUNT_MAX: usize = 512;
const FIXED: &str = "updates to parameters are forbidden.";

/// The rules of a StorageClass.
#[derive(Debug)]
pub struct StorageClass;

impl Rules for StorageClass {
    fn defaults(&self, object: &mut Object) {
        let map = object.as_map_mut();
        map.fill("reclaimPolicy", "Delete");
        map.fill("volumeBindingMode", "Immediate");
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_provisioner(new.text("provisioner"), &Path::new("provisioner"), errors);
        check_parameters(new, errors);
        check_option(new, "reclaimPolicy", &["Delete", "Retain"], &Path::ROOT, errors);
        const MODES: [&str; 2] = ["Immediate", "WaitForFirstConsumer"];
        check_option(new, "volumeBindingMode", &MODES, &Path::ROOT, errors);
        let path = Path::new("allowedTopologies");
        for (i, term) in new.list("allowedTopologies").iter().enumerate() {
            check_topology(term, &path.index(i), errors);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        if new.sub("parameters") != old.sub("parameters") {
            errors.forbidden(&Path::new("parameters"), FIXED);
        }
        if new.sub("provisioner") != old.sub("provisioner") {
            let path = Path::new("provisioner");
            errors.invalid(&path, new.sub("provisioner"), "field is immutable");
        }
        if new.sub("reclaimPolicy") != old.sub("reclaimPolicy") {
            let detail = "updates to reclaimPolicy are forbidden.";
            errors.forbidden(&Path::new("reclaimPolicy"), detail);
        }
        if new.sub("volumeBindingMode") != old.sub("volumeBindingMode") {
            let path = Path::new("volumeBindingMode");
            errors.invalid(&path, new.sub("volumeBindingMode"), "field is immutable");
        }
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// Checks who makes the volumes: a name with an optional domain.
fn check_provisioner(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.required(path, "");
        return;
    }
    let lower = name.to_lowercase();
    errors.faults(path, &lower, qualified_name(&lower));
}

/// Checks that parameters are named, few and small.
pub(super) fn check_parameters(object: &Object, errors: &mut FieldErrors) {
    let path = Path::new("parameters");
    let (mut count, mut size) = (0, 0);
    for (key, value) in object.entries("parameters") {
        count += 1;
        size += key.len() + value.as_str().map_or(0, str::len);
        if key.is_empty() {
            errors.invalid(&path, key, "field can not be empty.");
        }
    }
    if count > PARAMETERS_COUNT_MAX {
        errors.too_many(&path, count, PARAMETERS_COUNT_MAX);
    }
    if size > PARAMETERS_MAX {
        errors.too_long(&path, PARAMETERS_MAX);
    }
}

fn check_topology(term: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let path = path.child("matchLabelExpressions");
    let expressions = term.list("matchLabelExpressions");
    for (i, expression) in expressions.iter().enumerate() {
        let (path, key) = (path.index(i), expression.text("key"));
        let values = expression.list("values");
        if values.is_empty() {
            errors.required(&path.child("values"), "");
        }
        for (j, value) in values.iter().enumerate().filter(|(j, v)| values[..*j].contains(v)) {
            errors.duplicate(&path.child("values").index(j), value, "");
        }
        check_label_name(key, &path.child("key"), errors);
        if expressions[..i].iter().any(|earlier| earlier.text("key") == key) {
            errors.duplicate(&path.child("key"), key, "");
        }
    }
}
