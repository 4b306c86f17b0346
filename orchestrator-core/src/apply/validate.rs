//! Whether an applied object obeys its schema.

use super::element;
use super::walk::{Place, Shape};
use crate::Json;
use crate::object::Map;
use crate::patch::GoValue;
use crate::schema::decode::MAX_PROBLEMS;
use crate::schema::{List, ListKind, Scalar, Type};

/// What is wrong with `object`, one line per problem in the words of the API; empty if nothing.
pub(super) fn validate(place: Place<'_>, object: &Map) -> Vec<String> {
    let mut errors = Vec::new();
    keys(place, object, &mut String::new(), &mut errors);
    errors
}

fn report(errors: &mut Vec<String>, path: &str, error: impl AsRef<str>) {
    if errors.len() < MAX_PROBLEMS {
        errors.push(format!("{path}: {}", error.as_ref()));
    }
}

fn node(place: Place<'_>, value: &Json, path: &mut String, errors: &mut Vec<String>) {
    match (place.shape, value) {
        (_, Json::Null) | (Shape::Free, _) => {}
        (Shape::Scalar(ty), value) => {
            if let Some(wanted) = mismatch(ty, value) {
                report(errors, path, format!("expected {wanted}, got {}", found(wanted, value)));
            }
        }
        (Shape::Atomic(ty), value) => whole(place, ty, value, path, errors),
        (Shape::Struct(_) | Shape::Map(_), Json::Object(map)) => keys(place, map, path, errors),
        (Shape::Struct(_) | Shape::Map(_), value) => {
            report(errors, path, format!("expected map, got &{{{}}}", GoValue(value)));
        }
        (Shape::List(list), Json::Array(items)) => {
            unique(place, list, items, path, errors);
            for (index, item) in items.iter().enumerate() {
                below(
                    place.items(list),
                    &element::item(place, list, index, item),
                    item,
                    path,
                    errors,
                );
            }
        }
        (Shape::List(_), value) => {
            report(errors, path, format!("expected list, got &{{{}}}", GoValue(value)));
        }
    }
}

/// Goes one element further down.
fn below(
    place: Place<'_>,
    element: &str,
    value: &Json,
    path: &mut String,
    errors: &mut Vec<String>,
) {
    let length = path.len();
    element::show(element, path);
    node(place, value, path, errors);
    path.truncate(length);
}

fn keys(place: Place<'_>, map: &Map, path: &mut String, errors: &mut Vec<String>) {
    for (key, value) in map {
        let (child, field) = place.child(key);
        if let (Shape::Struct(definition), None) = (place.shape, field)
            && !definition.open
        {
            let length = path.len();
            path.push('.');
            path.push_str(key);
            report(errors, path, "field not declared in schema");
            path.truncate(length);
            continue;
        }
        below(child, &element::field(key), value, path, errors);
    }
}

/// A value that is owned as a whole must still have the declared form.
fn whole<'s>(
    place: Place<'s>,
    ty: &'s Type,
    value: &Json,
    path: &mut String,
    errors: &mut Vec<String>,
) {
    match (ty, value) {
        (Type::List(list), Json::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                below(place.of(&list.items), &format!("i:{index}"), item, path, errors);
            }
        }
        (Type::Map(map), Json::Object(values)) => {
            for (key, value) in values {
                below(place.of(&map.values), &element::field(key), value, path, errors);
            }
        }
        (Type::Ref(id, _), Json::Object(map)) => {
            let inside = Place::root(place.schema, place.schema.get(*id));
            keys(inside, map, path, errors);
        }
        (Type::List(_), value) => {
            report(errors, path, format!("expected list, got &{{{}}}", GoValue(value)));
        }
        (_, value) => report(errors, path, format!("expected map, got &{{{}}}", GoValue(value))),
    }
}

fn unique(place: Place<'_>, list: &List, items: &[Json], path: &str, errors: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        if let ListKind::Map(_) = list.kind {
            if !item.is_object() {
                report(
                    errors,
                    path,
                    format!(
                        "element {index}: associative list without keys has an element that's a map type"
                    ),
                );
                continue;
            }
            if let Err(name) = element::key(place, list, item) {
                report(
                    errors,
                    path,
                    format!(
                        "element {index}: associative list with keys has an element that omits key field {name:?} (and doesn't have default value)"
                    ),
                );
                continue;
            }
        }
        let key = element::item(place, list, index, item);
        if !seen.insert(key.clone()) {
            let mut shown = String::new();
            element::show(&key, &mut shown);
            report(errors, path, format!("duplicate entries for key {shown}"));
        }
    }
}

/// The kind of value that `ty` wants, where `value` is of another kind.
fn mismatch(ty: &Type, value: &Json) -> Option<&'static str> {
    let Type::Scalar(scalar) = ty else { return None };
    let (fits, wanted) = match scalar {
        Scalar::Int | Scalar::Int64 | Scalar::Number => {
            (value.is_number(), "numeric (int or float)")
        }
        Scalar::Bool => (value.is_boolean(), "boolean"),
        Scalar::String | Scalar::Bytes => (value.is_string(), "string"),
        _ => (!value.is_array() && !value.is_object(), "any scalar"),
    };
    (!fits).then_some(wanted)
}

/// A value of another kind than the one wanted, as the API shows it there: each kind in its own
/// way.
fn found(wanted: &str, value: &Json) -> String {
    match wanted {
        "numeric (int or float)" => go_type(value).into(),
        "string" => format!("&value.valueUnstructured{{Value:{}}}", go_syntax(value)),
        _ => format!("&{{{}}}", GoValue(value)),
    }
}

/// The Go type that holds a value.
fn go_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

/// A value as Go source text.
fn go_syntax(value: &Json) -> String {
    let all = |parts: Vec<String>| format!("{}{{{}}}", go_type(value), parts.join(", "));
    match value {
        Json::Null => "interface {}(nil)".into(),
        Json::Array(items) => all(items.iter().map(go_syntax).collect()),
        Json::Object(map) => {
            all(map.iter().map(|(key, value)| format!("{key:?}:{}", go_syntax(value))).collect())
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_found_is_shown_as_go_shows_it() {
        for (wanted, value, shown) in [
            ("numeric (int or float)", json!("a"), "string"),
            ("numeric (int or float)", json!([1]), "[]interface {}"),
            ("string", json!(8080), "&value.valueUnstructured{Value:8080}"),
            ("string", json!(["x"]), r#"&value.valueUnstructured{Value:[]interface {}{"x"}}"#),
            ("boolean", json!("yes"), "&{yes}"),
            ("any scalar", json!({"a": "b"}), "&{map[a:b]}"),
        ] {
            assert_eq!(found(wanted, &value), shown, "{wanted} {value}");
        }
    }
}
