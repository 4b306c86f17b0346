//! Elements: the single steps of a path, in the text form of `FieldsV1` keys.

use std::fmt::Write as _;

use smallvec::SmallVec;

use super::walk::Place;
use crate::Json;
use crate::object::Map;
use crate::schema::{List, ListKind};

/// The element of a field or of a map key.
pub(super) fn field(name: &str) -> String {
    let mut element = String::with_capacity(name.len() + 2);
    element.push_str("f:");
    element.push_str(name);
    element
}

/// The element of a list item: by its key, by its value, or where both fail by its index.
pub(super) fn item(place: Place<'_>, list: &List, index: usize, item: &Json) -> String {
    match &list.kind {
        ListKind::Map(_) => key(place, list, item).unwrap_or_else(|_| format!("i:{index}")),
        _ => format!("v:{item}"),
    }
}

/// The element of an item by its key fields; a missing one has the default of the schema.
///
/// # Errors
/// The name of a key field that is missing and has no default.
pub(super) fn key(place: Place<'_>, list: &List, item: &Json) -> Result<String, String> {
    let ListKind::Map(names) = &list.kind else { return Err(String::new()) };
    let mut sorted: SmallVec<[&str; 4]> = names.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    let definition = place.items(list).definition();
    let mut element = String::from("k:{");
    for (index, name) in sorted.into_iter().enumerate() {
        let default = || definition?.field(name)?.default.as_deref();
        let value = item.get(name).filter(|value| !value.is_null());
        let value = value.or_else(default).ok_or(name)?;
        let comma = if index == 0 { "" } else { "," };
        element.push_str(comma);
        push_text(&mut element, name);
        element.push(':');
        match value {
            Json::String(text) => push_text(&mut element, text),
            value => {
                let _ = write!(element, "{value}");
            }
        }
    }
    element.push('}');
    Ok(element)
}

/// Appends a text as JSON; most need no escapes.
fn push_text(element: &mut String, text: &str) {
    element.push('"');
    push_escaped(element, text);
    element.push('"');
}

/// Appends a text as it stands between the quotes of JSON.
pub(super) fn push_escaped(out: &mut String, text: &str) {
    // Without an early end, so that the compiler looks at many bytes at once.
    let escapes = |found, byte: u8| found | (byte < b' ') | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, escapes) {
        let quoted = Json::String(text.to_owned()).to_string();
        out.push_str(&quoted[1..quoted.len() - 1]);
    } else {
        out.push_str(text);
    }
}

/// The order of elements in messages: fields, keys, values, indexes.
pub(super) fn rank(element: &str) -> (u8, &str) {
    let rank = match element.as_bytes().first() {
        Some(b'f') => 0,
        Some(b'k') => 1,
        Some(b'v') => 2,
        _ => 3,
    };
    (rank, element)
}

/// Appends an element to a path as messages show it.
pub(super) fn show(element: &str, path: &mut String) {
    let _ = match element.split_once(':') {
        Some(("f", name)) => write!(path, ".{name}"),
        Some(("v", value)) => write!(path, "[={value}]"),
        Some(("k", keys)) => {
            path.push('[');
            let keys: Map = serde_json::from_str(keys).unwrap_or_default();
            for (index, (name, value)) in keys.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let _ = write!(path, "{comma}{name}={value}");
            }
            path.push(']');
            Ok(())
        }
        Some((_, index)) => write!(path, "[{index}]"),
        None => write!(path, ".{element}"),
    };
}

/// The canonical form of an element that came from outside.
pub(super) fn canonical(element: &str) -> Result<String, String> {
    let unknown = || format!("unknown path element {element:?}");
    let (kind, text) = element.split_once(':').ok_or_else(unknown)?;
    let malformed = |error: serde_json::Error| format!("path element {element:?}: {error}");
    match kind {
        "f" => Ok(element.to_owned()),
        "k" => {
            let keys: Map = serde_json::from_str(text).map_err(malformed)?;
            Ok(format!("k:{}", Json::Object(keys)))
        }
        "v" => {
            let value: Json = serde_json::from_str(text).map_err(malformed)?;
            Ok(format!("v:{value}"))
        }
        "i" => {
            let index: u32 = text.parse().map_err(|_| unknown())?;
            Ok(format!("i:{index}"))
        }
        _ => Err(unknown()),
    }
}
