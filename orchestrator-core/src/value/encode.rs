//! The text of an object, with managed fields that its tree lacks.

use serde_json::append;
use serde_json::map::Iter;

use crate::Json;
use crate::object::Map;

/// Appends the text of `object`, whose metadata lack the `managedFields` given, where any are.
pub(super) fn append_object(object: &Map, managed: Option<&str>, out: &mut Vec<u8>) {
    let (Some(managed), Some(Json::Object(meta))) = (managed, object.get("metadata")) else {
        return append::map(object, out);
    };
    out.push(b'{');
    for (index, (key, value)) in object.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        append::string(key, out);
        out.push(b':');
        match key == "metadata" {
            true => append_meta(meta, managed, out),
            false => append::value(value, out),
        }
    }
    out.push(b'}');
}

/// Appends the metadata, with the managed fields where they belong in the order of names.
fn append_meta(meta: &Map, managed: &str, out: &mut Vec<u8>) {
    const NAME: &str = "managedFields";
    let members = |out: &mut Vec<u8>, members: Iter<'_>, before: bool| {
        for (key, value) in members.filter(|(key, _)| (key.as_str() < NAME) == before) {
            append::string(key, out);
            out.push(b':');
            append::value(value, out);
            out.push(b',');
        }
    };
    out.push(b'{');
    members(out, meta.iter(), true);
    append::string(NAME, out);
    out.push(b':');
    out.extend_from_slice(managed.as_bytes());
    out.push(b',');
    members(out, meta.iter(), false);
    out.pop();
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
}
