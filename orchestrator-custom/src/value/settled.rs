//! Whether pruning and filling in would change anything: most of what is stored is as it should
//! be, and looking costs less than a copy.

use orchestrator_core::Json;
use orchestrator_core::object::Map;

use super::prune::OF_ALL;
use crate::schema::{Additional, Structural};

impl Structural {
    /// Whether a whole object stays as it is when it is pruned and filled in.
    pub fn is_settled(&self, object: &Map) -> bool {
        fields(self, object, true)
    }
}

fn value(schema: &Structural, found: &Json) -> bool {
    match found {
        Json::Object(map) => fields(schema, map, schema.embedded),
        Json::Array(items) => match &schema.items {
            Some(schema) => items.iter().all(|item| {
                let is_filled = item.is_null() && schema.default.is_some() && !schema.nullable;
                !is_filled && value(schema, item)
            }),
            None => true,
        },
        _ => true,
    }
}

fn fields(schema: &Structural, map: &Map, is_object: bool) -> bool {
    let keeps_all = schema.preserve || matches!(schema.additional, Additional::Any);
    let is_filled = |(name, property): (&String, &Structural)| {
        property.default.is_none() || map.contains_key(name)
    };
    schema.properties.iter().all(is_filled)
        && map.iter().all(|(name, found)| match schema.field(name) {
            // Of these three, a schema says nothing that is done here.
            _ if is_object && OF_ALL.contains(&name.as_str()) => true,
            None => keeps_all,
            Some(known) => (!found.is_null() || known.nullable) && value(known, found),
        })
}
