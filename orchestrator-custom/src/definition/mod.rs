//! Whether the schema of a definition may be used: it must be structural, its words must be
//! known, its defaults must obey it, and its rules must compile.
//!
//! Paths name the schema as upstream does, which keeps what all versions share at
//! `spec.validation`.

mod completeness;
mod defaults;
mod lists;
mod restriction;
mod rules;
mod structural;
#[cfg(test)]
mod tests;
mod words;

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use crate::report::{At, forbidden, invalid_verbatim};
use crate::schema::{MAX_DEPTH, Structural};
use crate::value::{Fields, MetadataCheck};

/// How many nodes a schema may have: more than the largest known has, by an order of magnitude.
const MAX_NODES: usize = 200_000;

/// What is allowed at the root of a schema whose status has a path of its own.
const ALLOWED_AT_ROOT: [&str; 15] = [
    "Description",
    "Type",
    "Format",
    "Title",
    "Maximum",
    "ExclusiveMaximum",
    "Minimum",
    "ExclusiveMinimum",
    "MaxLength",
    "MinLength",
    "Pattern",
    "MaxItems",
    "MinItems",
    "UniqueItems",
    "MultipleOf",
];

/// What is wrong with the `schema` that stands at `path`.
///
/// `has_status` says that the status has a path of its own; `metadata` checks that of objects in
/// defaults.
pub fn check(
    schema: &Json,
    path: &str,
    has_status: bool,
    metadata: MetadataCheck<'_>,
) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if let Some(why) = too_large(schema) {
        errors.push(forbidden(path, &why));
        return errors;
    }
    if has_status {
        check_root(schema, path, &mut errors);
    }
    if schema.flag("nullable") {
        errors.push(forbidden(&format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    let mut at = At::new(path);
    // With words that no structural schema has, it is these that are told.
    let is_readable = !words::has_unknown(schema);
    let found = if is_readable { structural::check(schema, &mut at) } else { Vec::new() };
    let mut is_structural = is_readable && found.is_empty();
    errors.extend(found);
    let read = Structural::read(schema);
    if is_structural {
        let found = defaults::check(&read, &mut at, metadata);
        is_structural = found.is_empty();
        errors.extend(found);
    }
    let mut walk = words::Words::new(schema, is_structural.then_some(&read));
    walk.check(&mut at);
    errors.extend(walk.finish(&at));
    errors
}

/// Where the status is written by itself, the root may say little but what its fields are.
fn check_root(schema: &Json, path: &str, errors: &mut FieldErrors) {
    let ty = schema.text("type");
    if !ty.is_empty() && ty != "object" {
        let why = "only \"object\" is allowed as the type at the root of the schema if the status \
                   subresource is enabled";
        errors.push(invalid_verbatim(&format!("{path}.type"), &format!("{ty:?}"), why));
        return;
    }
    const FORBIDDEN: [&str; 8] = [
        "additionalProperties",
        "allOf",
        "anyOf",
        "maxProperties",
        "minProperties",
        "not",
        "oneOf",
        "enum",
    ];
    if FORBIDDEN.iter().any(|word| schema.has(word)) {
        let allowed = ALLOWED_AT_ROOT.join(" ");
        let why = format!(
            "only [{allowed}] fields are allowed at the root of the schema if the status \
             subresource is enabled"
        );
        errors.push(invalid_verbatim(path, &schema.to_string(), &why));
    }
}

/// Whether the schema is deeper or larger than any that is meant.
fn too_large(schema: &Json) -> Option<String> {
    let mut nodes = 0;
    let mut level = vec![schema];
    for _ in 0..=2 * MAX_DEPTH {
        let mut next = Vec::new();
        for node in level {
            nodes += 1;
            match node {
                Json::Object(map) => next.extend(map.values()),
                Json::Array(items) => next.extend(items),
                _ => {}
            }
        }
        if nodes > MAX_NODES {
            return Some(format!("must not have more than {MAX_NODES} nodes"));
        }
        if next.is_empty() {
            return None;
        }
        level = next;
    }
    Some(format!("must not nest deeper than {MAX_DEPTH} levels"))
}
