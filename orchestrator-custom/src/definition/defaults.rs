//! Defaults must obey the schema that they belong to.

use orchestrator_core::field::FieldErrors;
use orchestrator_core::{Json, Object};

use crate::report::{At, invalid};
use crate::schema::{Additional, Structural};
use crate::validate;
use crate::value::{MetadataCheck, check_embedded};

/// Checks all defaults of the schema at `at`.
pub(super) fn check(schema: &Structural, at: &mut At, metadata: MetadataCheck<'_>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    node(schema, at, metadata, &mut errors);
    errors
}

fn node(schema: &Structural, at: &mut At, metadata: MetadataCheck<'_>, errors: &mut FieldErrors) {
    if let Some(default) = &schema.default {
        at.field("default", |at| value(schema, default, at, metadata, errors));
    }
    if let Some(items) = &schema.items {
        at.field("items", |at| node(items, at, metadata, errors));
    }
    at.field("properties", |at| {
        for (name, property) in &schema.properties {
            at.key(name, |at| node(property, at, metadata, errors));
        }
    });
    if let Additional::Schema(values) = &schema.additional {
        at.field("additionalProperties", |at| node(values, at, metadata, errors));
    }
}

fn value(
    schema: &Structural,
    default: &Json,
    at: &mut At,
    metadata: MetadataCheck<'_>,
    errors: &mut FieldErrors,
) {
    let mut pruned = default.clone();
    if schema.prune_value(&mut pruned) {
        errors.push(invalid(at.path(), Some(default), "must not have unknown fields"));
    }
    let mut embedded = FieldErrors::new();
    check_embedded(schema, default, at, metadata, &mut embedded);
    let found = match embedded.is_empty() {
        true => validate::value(schema, default, at.path()),
        false => embedded,
    };
    errors.extend(found);
    if let Json::Object(map) = default {
        let mut doubled = validate::unique_items(schema, Object::from(map.clone()).as_map());
        for error in &mut doubled {
            error.field = format!("{}.{}", at.path(), error.field);
        }
        errors.extend(doubled);
    }
}
