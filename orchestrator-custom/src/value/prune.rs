//! Pruning: fields that the schema does not know are dropped.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use crate::schema::{Additional, Structural};

/// The fields that every object has, declared or not.
pub(super) const OF_ALL: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Structural {
    /// Drops the fields of a whole object that the schema does not know; whether there were any.
    pub fn prune(&self, object: &mut Map) -> bool {
        fields(self, object, true)
    }

    /// Drops the fields of a value that the schema does not know; whether there were any.
    pub fn prune_value(&self, value: &mut Json) -> bool {
        prune(self, value)
    }
}

fn prune(schema: &Structural, value: &mut Json) -> bool {
    match value {
        Json::Object(map) => fields(schema, map, schema.embedded),
        Json::Array(items) => match &schema.items {
            Some(schema) => items.iter_mut().fold(false, |any, item| prune(schema, item) | any),
            // Nothing is known of the items.
            None => false,
        },
        _ => false,
    }
}

fn fields(schema: &Structural, map: &mut Map, is_object: bool) -> bool {
    let before = map.len();
    let keeps_all = schema.preserve || matches!(schema.additional, Additional::Any);
    let known = |name: &str| {
        keeps_all || schema.field(name).is_some() || (is_object && OF_ALL.contains(&name))
    };
    if map.keys().any(|name| !known(name)) {
        map.retain(|name, _| known(name));
    }
    let mut pruned = map.len() < before;
    for (name, value) in map.iter_mut() {
        // The metadata of an object is read as such, not under the schema.
        if is_object && OF_ALL.contains(&name.as_str()) {
            continue;
        }
        if let Some(schema) = schema.field(name) {
            pruned |= prune(schema, value);
        }
    }
    pruned
}
