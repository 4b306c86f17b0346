//! JSON patch: a list of operations on paths.
//!
//! The engine is our own, for what Kubernetes adds to RFC 6902 and for what it bounds: a
//! negative index counts from the end of a list, a `test` against null passes where nothing is,
//! copies may not grow the object without limit.

use serde::Deserialize;

use super::{PatchError, kind};
use crate::Json;
use crate::schema::decode;

/// The most operations in one patch.
pub const MAX_OPERATIONS: usize = 10_000;

/// The most bytes that the `copy` operations of one patch may add: as much as a request may have.
pub const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

#[derive(Clone, Debug, Deserialize)]
struct Operation {
    #[serde(default)]
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    value: Json,
}

/// A JSON patch.
#[derive(Clone, Debug)]
pub struct JsonPatch {
    operations: Vec<Operation>,
    unknown: Vec<String>,
}

impl JsonPatch {
    /// Reads a patch.
    ///
    /// # Errors
    /// The body is no list of operations, or too long a list.
    pub fn parse(body: &[u8]) -> Result<Self, PatchError> {
        let refuse = |error: String| PatchError::Decode(error);
        let decoded = decode::untyped(body).map_err(|error| refuse(error.to_string()))?;
        let Json::Array(items) = decoded.value else {
            return Err(refuse(format!(
                "json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
                kind(&decoded.value)
            )));
        };
        if items.len() > MAX_OPERATIONS {
            return Err(PatchError::TooManyOperations(items.len()));
        }
        let unknown = unknown_fields(&items);
        let operations = items
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>()
            .map_err(|error| refuse(error.to_string()))?;
        Ok(Self { operations, unknown })
    }

    /// Fields that no operation has, as in `json patch unknown field "[0].bogus"`.
    pub fn unknown_fields(&self) -> &[String] {
        &self.unknown
    }

    /// Carries the operations out in order. After an error `target` is changed in part.
    ///
    /// # Errors
    /// An operation does not fit what it finds.
    pub fn apply(&self, target: &mut Json) -> Result<(), PatchError> {
        let mut copied = 0;
        self.operations
            .iter()
            .try_for_each(|operation| operation.apply(target, &mut copied))
            .map_err(PatchError::Rejected)
    }
}

fn unknown_fields(items: &[Json]) -> Vec<String> {
    let mut unknown = Vec::new();
    for (index, item) in items.iter().enumerate() {
        for key in item.as_object().into_iter().flat_map(|map| map.keys()) {
            let known = ["op", "path", "from", "value"].contains(&key.as_str());
            if !known && unknown.len() < decode::MAX_PROBLEMS {
                unknown.push(format!("json patch unknown field \"[{index}].{key}\""));
            }
        }
    }
    unknown
}

impl Operation {
    fn apply(&self, root: &mut Json, copied: &mut usize) -> Result<(), String> {
        let path = self.path.as_deref().ok_or("operation has no path")?;
        let from = || self.from.as_deref().ok_or("operation has no from");
        match self.op.as_str() {
            "add" => add(root, path, self.value.clone()),
            "remove" => remove(root, path).map(drop),
            "replace" => replace(root, path, self.value.clone()),
            "move" => {
                let value = remove(root, from()?)?;
                add(root, path, value)
            }
            "copy" => {
                let value = get(root, from()?)?.ok_or("nothing to copy")?.clone();
                *copied += size(&value);
                if *copied > MAX_COPIED_BYTES {
                    return Err(format!("copies more than {MAX_COPIED_BYTES} bytes"));
                }
                add(root, path, value)
            }
            "test" => {
                let found = get(root, path)?.unwrap_or(&Json::Null);
                if *found == self.value { Ok(()) } else { Err(format!("test of {path:?} failed")) }
            }
            other => Err(format!("unexpected kind: {other}")),
        }
    }
}

/// A step of a path, its escapes resolved.
fn unescape(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

/// The container that holds the value at `path`, and the last step.
fn parent<'a>(root: &'a mut Json, path: &str) -> Result<(&'a mut Json, String), String> {
    let (above, last) = path.rsplit_once('/').ok_or_else(|| format!("no path: {path:?}"))?;
    let steps = above.strip_prefix('/').unwrap_or(above);
    let mut place = root;
    // Without a step above, the container is the root itself.
    for step in steps.split('/').filter(|_| !above.is_empty()) {
        place = child(place, &unescape(step)).ok_or_else(|| format!("missing path: {path:?}"))?;
    }
    Ok((place, unescape(last)))
}

fn child<'a>(parent: &'a mut Json, step: &str) -> Option<&'a mut Json> {
    match parent {
        Json::Object(map) => map.get_mut(step),
        Json::Array(items) => {
            let index = index(step, items.len())?;
            items.get_mut(index)
        }
        _ => None,
    }
}

/// The index that `step` names in a list of `length` items; -1 is the last one.
fn index(step: &str, length: usize) -> Option<usize> {
    let index: i64 = step.parse().ok()?;
    let from_start = if index < 0 { index.checked_add(length as i64)? } else { index };
    usize::try_from(from_start).ok().filter(|index| *index < length)
}

fn get<'a>(root: &'a mut Json, path: &str) -> Result<Option<&'a Json>, String> {
    if path.is_empty() {
        return Ok(Some(root));
    }
    let (place, last) = parent(root, path)?;
    match child(place, &last) {
        Some(value) => Ok(Some(value)),
        None => Ok(None),
    }
}

fn add(root: &mut Json, path: &str, value: Json) -> Result<(), String> {
    let (place, last) = parent(root, path)?;
    match place {
        Json::Object(map) => {
            map.insert(last.into(), value);
            Ok(())
        }
        Json::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Json::Array(items) => {
            let index = index(&last, items.len() + 1).ok_or_else(|| format!("no index: {last}"))?;
            items.insert(index, value);
            Ok(())
        }
        _ => Err(format!("no container at {path:?}")),
    }
}

fn remove(root: &mut Json, path: &str) -> Result<Json, String> {
    let (place, last) = parent(root, path)?;
    let removed = match place {
        Json::Object(map) => map.remove(&last),
        Json::Array(items) => index(&last, items.len()).map(|index| items.remove(index)),
        _ => None,
    };
    removed.ok_or_else(|| format!("nothing to remove at {path:?}"))
}

fn replace(root: &mut Json, path: &str, value: Json) -> Result<(), String> {
    if path.is_empty() && (value.is_object() || value.is_array()) {
        *root = value;
        return Ok(());
    }
    let (place, last) = parent(root, path)?;
    *child(place, &last).ok_or_else(|| format!("nothing to replace at {path:?}"))? = value;
    Ok(())
}

/// About how many bytes `value` takes as JSON.
fn size(value: &Json) -> usize {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => 4,
        Json::String(text) => text.len() + 2,
        Json::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 2,
        Json::Object(map) => {
            map.iter().map(|(key, value)| key.len() + size(value) + 4).sum::<usize>() + 2
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn patch(target: Json, patch: Json) -> Result<Json, PatchError> {
        let mut target = target;
        JsonPatch::parse(patch.to_string().as_bytes())?.apply(&mut target)?;
        Ok(target)
    }

    #[test]
    fn operations_change_lists_and_maps() {
        let list = || json!({"a": [1, 2, 3], "b/c": {"~": 0}});
        let cases = [
            (json!({"op": "add", "path": "/a/-", "value": 4}), json!([1, 2, 3, 4])),
            (json!({"op": "add", "path": "/a/0", "value": 4}), json!([4, 1, 2, 3])),
            (json!({"op": "add", "path": "/a/3", "value": 4}), json!([1, 2, 3, 4])),
            (json!({"op": "remove", "path": "/a/1"}), json!([1, 3])),
            (json!({"op": "remove", "path": "/a/-1"}), json!([1, 2])),
            (json!({"op": "replace", "path": "/a/-1", "value": 9}), json!([1, 2, 9])),
            (json!({"op": "move", "from": "/a/0", "path": "/a/1"}), json!([2, 1, 3])),
            (json!({"op": "copy", "from": "/b~1c/~0", "path": "/a/0"}), json!([0, 1, 2, 3])),
            (json!({"op": "test", "path": "/a/0", "value": 1}), json!([1, 2, 3])),
            (json!({"op": "test", "path": "/none", "value": null}), json!([1, 2, 3])),
        ];
        for (operation, wanted) in cases {
            let patched = patch(list(), json!([operation]));
            assert_eq!(patched.unwrap()["a"], wanted, "{operation}");
        }
        let whole = json!([{"op": "replace", "path": "", "value": {"x": 1}}]);
        assert_eq!(patch(list(), whole), Ok(json!({"x": 1})));
    }

    #[test]
    fn operations_that_do_not_fit_are_rejected() {
        for operation in [
            json!({"op": "remove", "path": "/a/7"}),
            json!({"op": "remove", "path": "/a/-4"}),
            json!({"op": "remove", "path": "/b"}),
            json!({"op": "remove", "path": ""}),
            json!({"op": "add", "path": "/a/9", "value": 1}),
            json!({"op": "add", "path": "/x/y", "value": 1}),
            json!({"op": "add", "path": "a", "value": 1}),
            json!({"op": "replace", "path": "/b", "value": 1}),
            json!({"op": "replace", "path": "/a/x", "value": 1}),
            json!({"op": "move", "path": "/b"}),
            json!({"op": "copy", "from": "/b", "path": "/c"}),
            json!({"op": "test", "path": "/a/0", "value": 2}),
            json!({"op": "frob", "path": "/a"}),
            json!({"op": "add"}),
        ] {
            let result = patch(json!({"a": [1]}), json!([operation]));
            assert!(matches!(result, Err(PatchError::Rejected(_))), "{operation}: {result:?}");
        }
    }

    #[test]
    fn bodies_that_are_no_patch_are_refused() {
        assert_eq!(
            JsonPatch::parse(br#"{"op": "remove"}"#).unwrap_err().to_string(),
            "error decoding patch: json: cannot unmarshal object into Go value of type \
             []handlers.jsonPatchOp"
        );
        for body in ["", "[1]", "[{\"op\":1}]", "[{\"path\":[]}]"] {
            assert!(
                matches!(JsonPatch::parse(body.as_bytes()), Err(PatchError::Decode(_))),
                "{body}"
            );
        }
        let many = json!(vec![json!({"op": "test", "path": ""}); MAX_OPERATIONS + 1]);
        assert_eq!(patch(json!({}), many), Err(PatchError::TooManyOperations(MAX_OPERATIONS + 1)));
        let odd = JsonPatch::parse(br#"[{"op":"add","path":"/a","value":1,"bogus":1}]"#).unwrap();
        assert_eq!(odd.unknown_fields(), ["json patch unknown field \"[0].bogus\""]);
    }

    #[test]
    fn copies_that_double_the_object_are_stopped() {
        let double = json!({"op": "copy", "from": "/a", "path": "/a/-"});
        let result = patch(json!({"a": ["x"]}), json!(vec![double; 200]));
        assert!(matches!(result, Err(PatchError::Rejected(_))));
    }

    fn operation() -> impl Strategy<Value = Json> {
        let path = || "(/[ab01]){1,2}";
        (prop::sample::select(vec!["add", "remove", "replace", "move", "copy"]), path(), path(), 0..9)
            .prop_map(|(op, path, from, value)| {
                json!({"op": op, "path": path, "from": from, "value": {"a": value}})
            })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_reference(operations in prop::collection::vec(operation(), 1..5)) {
            // The two differ on moves into what is moved, which the RFC forbids.
            prop_assume!(operations.iter().all(|operation| {
                operation["op"] != "move"
                    || !operation["path"].as_str().unwrap().starts_with(operation["from"].as_str().unwrap())
            }));
            let target = json!({"a": [{"a": 1}, {"b": 2}], "b": {"a": [], "b": 0}});
            let theirs: json_patch::Patch = serde_json::from_value(json!(operations)).unwrap();
            let mut changed = serde_json::foreign::Value::from(target.clone());
            // Its `patch` panics where an operation cannot be undone.
            let done = json_patch::patch_unsafe(&mut changed, &theirs);
            let wanted = done.ok().map(|()| Json::from(changed));
            prop_assert_eq!(patch(target, json!(operations)).ok(), wanted);
        }
    }
}
