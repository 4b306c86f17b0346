//! Merge patch: a tree laid over the object; null removes a field, a list replaces a list.

use super::{PatchError, kind};
use crate::Json;
use crate::object::Map;
use crate::schema::decode;

/// Reads a merge patch.
///
/// # Errors
/// The body is no JSON object, or nests too deep.
pub fn parse(body: &[u8]) -> Result<Map, PatchError> {
    match decode::untyped(body).map_err(|error| PatchError::Decode(error.to_string()))?.value {
        Json::Object(patch) => Ok(patch),
        other => Err(PatchError::Decode(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            kind(&other)
        ))),
    }
}

/// Lays `patch` over `target`.
pub fn apply(target: &mut Map, patch: Map) {
    for (key, value) in patch {
        match value {
            Json::Null => {
                target.remove(&key);
            }
            Json::Object(patch) => {
                let below = target.entry(key).or_insert(Json::Null);
                if !below.is_object() {
                    *below = Json::Object(Map::new());
                }
                apply(below.as_object_mut().expect("made above"), patch);
            }
            value => {
                target.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(target: Json, patch: Json, wanted: Json) {
        let (Json::Object(mut target), Json::Object(patch)) = (target, patch) else {
            panic!("objects")
        };
        apply(&mut target, patch);
        assert_eq!(Json::Object(target), wanted);
    }

    #[test]
    fn null_removes_and_lists_replace() {
        check(json!({"a": 1, "b": 2}), json!({"a": null, "c": 3}), json!({"b": 2, "c": 3}));
        check(json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]}));
        check(json!({"a": {"b": 1}}), json!({"a": {"c": 2}}), json!({"a": {"b": 1, "c": 2}}));
        check(
            json!({"a": 1}),
            json!({"a": {"b": null, "c": {"d": null}}}),
            json!({"a": {"c": {}}}),
        );
        check(json!({}), json!({"a": [null]}), json!({"a": [null]}));
    }

    #[test]
    fn what_is_no_object_is_no_patch() {
        assert_eq!(
            parse(b"[]").unwrap_err().to_string(),
            "error decoding patch: json: cannot unmarshal array into Go value of type \
             map[string]interface {}"
        );
        assert!(parse(b"{").is_err());
    }

    fn tree() -> impl Strategy<Value = Json> {
        let leaf =
            prop_oneof![Just(json!(null)), Just(json!(1)), Just(json!("x")), Just(json!([]))];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Json::Object(map.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_reference_and_is_idempotent(target in tree(), patch in tree()) {
            let (Json::Object(mut ours), Json::Object(patch)) = (target.clone(), patch) else {
                return Ok(());
            };
            let mut theirs = serde_json::foreign::Value::from(target);
            json_patch::merge(&mut theirs, &Json::Object(patch.clone()).into());
            let theirs = Json::from(theirs);
            apply(&mut ours, patch.clone());
            prop_assert_eq!(&Json::Object(ours.clone()), &theirs);
            apply(&mut ours, patch);
            prop_assert_eq!(Json::Object(ours), theirs);
        }
    }
}
