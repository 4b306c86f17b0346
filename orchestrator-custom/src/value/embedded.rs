//! Objects inside of objects: each says what it is, and has sound metadata.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;
use orchestrator_core::object::Map;

use crate::report::{At, invalid, required};
use crate::schema::Structural;

/// How the metadata of an embedded object is checked.
pub type MetadataCheck<'a> = &'a dyn Fn(&Map, &str, &mut FieldErrors);

/// Checks the objects embedded in `value`, which is at `at`.
pub(crate) fn check(
    schema: &Structural,
    value: &Json,
    at: &mut At,
    metadata: MetadataCheck<'_>,
    errors: &mut FieldErrors,
) {
    match value {
        Json::Object(map) => {
            if schema.embedded {
                object(map, at, metadata, errors);
            }
            for (name, value) in map {
                if let Some(schema) = schema.field(name) {
                    at.field(name, |at| check(schema, value, at, metadata, errors));
                }
            }
        }
        Json::Array(items) => {
            let Some(schema) = &schema.items else { return };
            for (index, item) in items.iter().enumerate() {
                at.index(index, |at| check(schema, item, at, metadata, errors));
            }
        }
        _ => {}
    }
}

fn object(map: &Map, at: &mut At, metadata: MetadataCheck<'_>, errors: &mut FieldErrors) {
    for name in ["apiVersion", "kind"] {
        at.field(name, |at| match map.get(name) {
            None => errors.push(required(at.path(), "")),
            Some(Json::String(text)) if text.is_empty() => {
                errors.push(invalid(at.path(), Some(&map[name]), "must not be empty"));
            }
            Some(Json::String(text)) => {
                if let Some(why) = fault(name, text) {
                    errors.push(invalid(at.path(), Some(&map[name]), &why));
                }
            }
            Some(other) => errors.push(invalid(at.path(), Some(other), "must be a string")),
        });
    }
    if let Some(Json::Object(meta)) = map.get("metadata") {
        at.field("metadata", |at| metadata(meta, at.path(), errors));
    }
}

/// What is wrong with a version or a kind.
fn fault(name: &str, text: &str) -> Option<String> {
    if name == "apiVersion" {
        let slashes = text.matches('/').count();
        return (slashes > 1).then(|| format!("unexpected GroupVersion string: {text}"));
    }
    let lower = text.to_lowercase();
    let mut bytes = lower.bytes();
    let is_word = lower.len() <= 63
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && lower.bytes().next_back().is_some_and(|last| last.is_ascii_alphanumeric())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    const FORM: &str = "may have mixed case, but should otherwise match: a DNS-1035 label must \
        consist of lower case alphanumeric characters or '-', start with an alphabetic character, \
        and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
        validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    (!is_word).then(|| FORM.to_owned())
}
