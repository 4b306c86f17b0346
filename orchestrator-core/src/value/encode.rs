//! The encoder of trees: JSON without white space, keys in the order of the tree.
//!
//! Every write ends here, so it does nothing but walk and copy; what it writes is what
//! `serde_json` would write.

use std::io::Write as _;

use crate::Json;
use crate::object::Map;

/// Appends the text of `object`, whose metadata lack the `managedFields` given, where any are.
pub(super) fn append_object(object: &Map, managed: Option<&str>, out: &mut Vec<u8>) {
    let (Some(managed), Some(Json::Object(meta))) = (managed, object.get("metadata")) else {
        return append_map(object, out);
    };
    out.push(b'{');
    for (index, (key, value)) in object.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        append_text(key, out);
        out.push(b':');
        match key == "metadata" {
            true => append_meta(meta, managed, out),
            false => append(value, out),
        }
    }
    out.push(b'}');
}

/// Appends the metadata, with the managed fields where they belong in the order of names.
fn append_meta(meta: &Map, managed: &str, out: &mut Vec<u8>) {
    const NAME: &str = "managedFields";
    let members = |out: &mut Vec<u8>, members: serde_json::map::Iter<'_>, before: bool| {
        for (key, value) in members.filter(|(key, _)| (key.as_str() < NAME) == before) {
            append_text(key, out);
            out.push(b':');
            append(value, out);
            out.push(b',');
        }
    };
    out.push(b'{');
    members(out, meta.iter(), true);
    append_text(NAME, out);
    out.push(b':');
    out.extend_from_slice(managed.as_bytes());
    out.push(b',');
    members(out, meta.iter(), false);
    out.pop();
    out.push(b'}');
}

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
    // All bytes are looked at, even behind the first that needs an escape: so the compiler looks
    // at many of them at once.
    let escapes = |found, byte: &u8| found | (*byte < b' ') | (*byte == b'"') | (*byte == b'\\');
    if text.as_bytes().iter().fold(false, escapes) {
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

    #[test]
    fn managed_fields_stand_in_the_order_of_names() {
        let mut whole = json!({"kind": "A", "metadata": {"labels": {}, "name": "a"}, "spec": 1});
        for names in [&["labels", "name"][..], &["name"], &["labels"], &[]] {
            let meta = whole["metadata"].as_object_mut().unwrap();
            meta.retain(|name, _| names.contains(&name.as_str()));
            let mut out = Vec::new();
            append_object(whole.as_object().unwrap(), Some("[1]"), &mut out);
            let mut wanted = whole.clone();
            wanted["metadata"]["managedFields"] = json!([1]);
            assert_eq!(String::from_utf8(out).unwrap(), wanted.to_string());
        }
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
