//! The rules of a custom resource in one version.

use std::sync::Arc;

use orchestrator_core::field::FieldErrors;
use orchestrator_core::field::Path;
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use orchestrator_custom::{Structural, validate};
use orchestrator_kinds::meta;
use orchestrator_kinds::report::Report;
use orchestrator_kinds::rules::Rules;

use super::CustomKind;

/// The rules of a kind that was made at run time.
#[derive(Debug)]
pub(super) struct CustomRules {
    pub(super) kind: Arc<CustomKind>,
    /// Whether the status has a path of its own.
    pub(super) has_status: bool,
}

impl CustomRules {
    fn schema(&self) -> Option<&Structural> {
        self.kind.family.schemas.get(&*self.kind.version).map(|schema| &**schema)
    }

    /// Checks an object, and the step from `old`; `in_status` where only its status changes.
    fn check(&self, new: &Object, old: Option<&Object>, in_status: bool, errors: &mut FieldErrors) {
        let Some(schema) = self.schema() else { return };
        let old_map = old.map(Object::as_map);
        errors.extend(validate::object(schema, new.as_map(), old_map));
        self.check_scale(new, in_status, errors);
        if !in_status {
            errors.extend(validate::embedded(schema, new.as_map(), &meta::check_embedded));
        }
        let doubled = validate::unique_items(schema, new.as_map());
        let had = |old| !validate::unique_items(schema, old).is_empty();
        if !old_map.is_some_and(had) {
            errors.extend(doubled);
        }
        if schema.has_rules() {
            match validate::blocks_rules(errors) {
                Some(blocked) => errors.push(blocked),
                None => errors.extend(validate::rules(schema, new.as_map(), old_map)),
            }
        }
    }

    fn check_scale(&self, new: &Object, in_status: bool, errors: &mut FieldErrors) {
        let Some(scale) = &self.kind.scale else { return };
        let mut counts = vec![&scale.status];
        if !in_status {
            counts.insert(0, &scale.spec);
        }
        for path in counts {
            let steps: Vec<&str> = path.iter().map(String::as_str).collect();
            let shown = format!(".{}", steps.join("."));
            let field = Path::new(&shown);
            match new.at(&steps) {
                None | Some(Json::Null) => {}
                Some(value) => match value.as_i64() {
                    None => {
                        let detail = format!(
                            "{shown} accessor error: {value} is of the type {}, expected int64",
                            go_type(value)
                        );
                        errors.invalid(&field, 0, detail);
                    }
                    Some(count) if count < 0 => {
                        errors.invalid(&field, count, "should be a non-negative integer");
                    }
                    Some(count) if count > i64::from(i32::MAX) => {
                        let detail = format!("should be less than or equal to {}", i32::MAX);
                        errors.invalid(&field, count, detail);
                    }
                    Some(_) => {}
                },
            }
        }
    }
}

/// What a value is in Go.
fn go_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "nil",
        Json::Bool(_) => "bool",
        Json::Number(_) => "float64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

impl Rules for CustomRules {
    fn defaults(&self, object: &mut Object) {
        if let Some(schema) = self.schema() {
            schema.fill(object.as_map_mut());
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        let Some(old) = old else {
            if self.has_status {
                new.remove("status");
            }
            return;
        };
        if change.subresource == "status" {
            return keep_all_but_status(new, old);
        }
        if self.has_status {
            match old.get("status") {
                Some(status) => new.set("status", status.clone()),
                None => drop(new.remove("status")),
            }
        }
        // Everything but the metadata counts.
        let rest = |object: &Object, other: &Object| {
            let fields = object.as_map().iter().filter(|(name, _)| *name != "metadata");
            fields.into_iter().all(|(name, value)| other.get(name) == Some(value))
        };
        if !(rest(new, old) && rest(old, new)) {
            new.set_meta("generation", old.generation() + 1);
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        self.check(new, None, false, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.check(new, Some(old), false, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.check(new, Some(old), true, errors);
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

/// Takes from `old` all but the status and the managed fields.
fn keep_all_but_status(new: &mut Object, old: &Object) {
    let status = new.remove("status");
    let managed = new.meta("managedFields").cloned().unwrap_or_default();
    let mut kept = old.clone();
    kept.set_meta("managedFields", managed);
    match status {
        Some(status) => kept.set("status", status),
        None => drop(kept.remove("status")),
    }
    *new = kept;
}
