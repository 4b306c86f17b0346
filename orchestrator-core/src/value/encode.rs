//! The encoder of trees: JSON without white space, keys in the order of the tree.
//!
//! Every write ends here, so it does nothing but walk and copy; what it writes is what
//! `serde_json` would write.

use std::io::Write as _;

use crate::Json;
use crate::object::Map;

/// Appends the text of `map`.
pub(super) fn append_map(map: &Map, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        append_text(key, out);
        out.push(b':');
        append(value, out);
    }
    out.push(b'}');
}

/// Appends the text of `value`. Trees are no deeper than what decoding lets in.
fn append(value: &Json, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write!(out, "{number}").expect("memory takes all"),
        Json::String(text) => append_text(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                append(item, out);
            }
            out.push(b']');
        }
        Json::Object(map) => append_map(map, out),
    }
}

fn append_text(text: &str, out: &mut Vec<u8>) {
    let escapes = |byte: &u8| *byte < b' ' || *byte == b'"' || *byte == b'\\';
    if text.as_bytes().iter().any(escapes) {
        return serde_json::to_writer(out, text).expect("memory takes all");
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            "[a\"\\\\\n\u{1}é]{0,4}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 20, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                prop::collection::btree_map("[a\"]{0,2}", inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_text_is_the_one_that_serde_json_writes(value in any_json()) {
            let mut out = Vec::new();
            append(&value, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
