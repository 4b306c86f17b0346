//! Defaults: what stands where there is nothing, or a null that may not stand there.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use crate::schema::{Additional, Structural};

impl Structural {
    /// Drops nulls that may not stand in an object and fills in its defaults; whether anything
    /// changed.
    pub fn fill(&self, object: &mut Map) -> bool {
        let dropped = drop_nulls_of(self, object);
        fill_map(self, object) | dropped
    }

    /// Fills in the defaults below a value; whether anything changed.
    pub fn fill_value(&self, value: &mut Json) -> bool {
        fill(self, value)
    }
}

/// Whether null may not stand in a place that has no default either.
fn refuses_null(schema: &Structural) -> bool {
    !schema.nullable && schema.default.is_none()
}

fn drop_nulls(schema: &Structural, value: &mut Json) -> bool {
    match value {
        Json::Object(map) => drop_nulls_of(schema, map),
        Json::Array(items) => match &schema.items {
            Some(schema) => {
                items.iter_mut().fold(false, |any, item| drop_nulls(schema, item) | any)
            }
            None => false,
        },
        _ => false,
    }
}

fn drop_nulls_of(schema: &Structural, map: &mut Map) -> bool {
    let goes =
        |name: &str, value: &Json| value.is_null() && schema.field(name).is_some_and(refuses_null);
    let mut changed = false;
    if map.iter().any(|(name, value)| goes(name, value)) {
        map.retain(|name, value| !goes(name, value));
        changed = true;
    }
    for (name, value) in map.iter_mut() {
        if let Some(schema) = schema.field(name) {
            changed |= drop_nulls(schema, value);
        }
    }
    changed
}

fn fill(schema: &Structural, value: &mut Json) -> bool {
    match value {
        Json::Object(map) => fill_map(schema, map),
        Json::Array(items) => {
            let Some(schema) = &schema.items else { return false };
            let mut changed = false;
            for item in items {
                changed |= replace_null(schema, item);
                changed |= fill(schema, item);
            }
            changed
        }
        _ => false,
    }
}

fn fill_map(schema: &Structural, map: &mut Map) -> bool {
    let mut changed = false;
    for (name, property) in &schema.properties {
        let Some(default) = &property.default else { continue };
        let is_missing = match map.get(name) {
            None => true,
            Some(value) => value.is_null() && !property.nullable,
        };
        if is_missing {
            map.insert(name.into(), default.clone());
            changed = true;
        }
    }
    for (name, value) in map.iter_mut() {
        if let Some(property) = schema.properties.get(name.as_str()) {
            changed |= fill(property, value);
        } else if let Additional::Schema(values) = &schema.additional {
            changed |= replace_null(values, value);
            changed |= fill(values, value);
        }
    }
    changed
}

/// Puts the default where null may not stand.
fn replace_null(schema: &Structural, value: &mut Json) -> bool {
    match &schema.default {
        Some(default) if value.is_null() && !schema.nullable => {
            *value = default.clone();
            true
        }
        _ => false,
    }
}
