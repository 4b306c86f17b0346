//! Fuzz targets: plain functions from bytes, one per parser or engine that sees foreign input.
//!
//! A target must neither panic nor hang, and checks what holds for all input: what is accepted
//! prints and reads back the same, what is decoded decodes again to itself. Crates that read more
//! have a list of [`Target`]s of their own. [`driver`] mutates inputs: the tests run it for a
//! moment, `cargo xtask fuzz` for as long as one likes.

pub mod driver;

use crate::Json;
use crate::apply::{FieldManager, Write};
use crate::object::{Map, Object};
use crate::patch::json::JsonPatch;
use crate::patch::{merge, strategic};
use crate::quantity::Quantity;
use crate::schema::{Definition, Schema, decode};
use crate::selector::{FieldSelector, LabelSelector};

/// A fuzz target: a function from bytes that must neither panic nor hang.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is unique among all targets of the workspace.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// Inputs to start from, which are known to lead somewhere.
    pub seeds: &'static [&'static [u8]],
}

impl Target {
    /// A target.
    pub const fn new(name: &'static str, run: fn(&[u8]), seeds: &'static [&'static [u8]]) -> Self {
        Self { name, run, seeds }
    }
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    Target::new("quantity", fuzz_quantity, &[b"1.5Gi", b"100m", b"-1e-3", b"12E6", b"0.0000001n"]),
    Target::new(
        "label_selector",
        fuzz_label_selector,
        &[b"a in (b, c),!d", b"a=b,x.io/y!=z,n>5", b"k notin ()"],
    ),
    Target::new("field_selector", fuzz_field_selector, &[br"a.b=c\,d,e!=f", b"metadata.name==x"]),
    Target::new(
        "json",
        fuzz_json,
        &[br#"{"apiVersion":"v1","kind":"Pod","a":[1,-2.5e3,{"b":null}],"a":"\u00e9"}"#],
    ),
    Target::new("decode", fuzz_decode, OBJECTS),
    Target::new("json_patch", fuzz_json_patch, JSON_PATCHES),
    Target::new("merge_patch", fuzz_merge_patch, OBJECTS),
    Target::new("strategic_patch", fuzz_strategic_patch, STRATEGIC_PATCHES),
    Target::new("apply", fuzz_apply, OBJECTS),
];

const JSON_PATCHES: &[&[u8]] = &[
    br#"[{"op":"add","path":"/spec/containers/-","value":{"name":"x"}},{"op":"move","from":"/spec/containers/0","path":"/metadata/a~1b"}]"#,
    br#"[{"op":"copy","from":"/spec","path":"/spec/x"},{"op":"test","path":"/spec/x","value":null},{"op":"remove","path":"/spec/containers/-1"}]"#,
];

const STRATEGIC_PATCHES: &[&[u8]] = &[
    br#"{"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}],"containers":[{"name":"a","image":"x"},{"name":"c","$patch":"delete"}]}}"#,
    br#"{"metadata":{"labels":{"$patch":"replace","a":"b"},"$deleteFromPrimitiveList/finalizers":["f"]},"spec":{"volumes":[{"name":"v","$retainKeys":["name"]}]}}"#,
];

const OBJECTS: &[&[u8]] = &[
    br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","finalizers":["f"],"labels":{"a":"b"}},"spec":{"containers":[{"name":"a","ports":[{"containerPort":80,"protocol":"TCP"}],"resources":{"limits":{"cpu":"1500m"}}}]}}"#,
    br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","creationTimestamp":"2020-01-02T03:04:05Z","managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{}}}}}}]},"spec":{"containers":[{"name":"b"},{"name":"a","image":"i"}],"tolerations":[]}}"#,
];

/// The object that patches and applies start from.
fn live() -> Json {
    serde_json::from_slice(OBJECTS[1]).expect("a constant")
}

fn pod() -> (&'static Schema, &'static Definition) {
    let schema = Schema::builtin();
    (schema, schema.kind("", "v1", "Pod").expect("the table has Pod"))
}

/// Reads a quantity.
pub fn fuzz_quantity(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(quantity) = text.parse::<Quantity>() {
        let again: Quantity = quantity.to_string().parse().expect("the canonical form is read");
        assert_eq!(again, quantity, "{text:?}");
        let _ = (quantity.value(), quantity.milli_value(), quantity + again - again);
    }
}

/// Parses a label selector.
pub fn fuzz_label_selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(selector) = text.parse::<LabelSelector>() {
        let again = selector.to_string().parse::<LabelSelector>();
        assert_eq!(again.as_ref(), Ok(&selector), "{text:?}");
        selector.matches_with(|_| Some("7"));
    }
}

/// Parses a field selector.
pub fn fuzz_field_selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(selector) = text.parse::<FieldSelector>() {
        let printed = selector.to_string();
        let again = printed.parse::<FieldSelector>().expect("the printed form is read");
        assert_eq!(again.to_string(), printed, "{text:?}");
    }
}

/// Reads any JSON.
pub fn fuzz_json(data: &[u8]) {
    let _ = decode::type_meta(data);
    if let Ok(decoded) = decode::untyped(data) {
        let again = decode::untyped(decoded.value.to_string().as_bytes()).expect("it was JSON");
        assert_eq!(again.problems, []);
        assert!(is_same(&again.value, &decoded.value), "{} {}", again.value, decoded.value);
    }
}

/// Decodes an object of a kind that the first byte chooses.
pub fn fuzz_decode(data: &[u8]) {
    let (schema, pod) = pod();
    let index = usize::from(data.first().copied().unwrap_or_default());
    let kinds = || schema.definitions().filter(|definition| !definition.kinds.is_empty());
    for definition in [Some(pod), kinds().nth(index)].into_iter().flatten() {
        let Ok(decoded) = decode::from_slice(schema, definition, data) else { continue };
        let again = decode::from_json(schema, definition, decoded.value.clone());
        let again = again.expect("what was decoded decodes");
        assert_eq!((again.value, again.problems), (decoded.value, Vec::new()));
    }
}

/// Reads and applies a JSON patch.
pub fn fuzz_json_patch(data: &[u8]) {
    if let Ok(patch) = JsonPatch::parse(data) {
        let _ = patch.apply(&mut live());
    }
}

/// Reads and applies a merge patch, twice.
pub fn fuzz_merge_patch(data: &[u8]) {
    let Ok(patch) = merge::parse(data) else { return };
    let mut once = as_map(live());
    merge::apply(&mut once, patch.clone());
    let mut twice = once.clone();
    merge::apply(&mut twice, patch);
    assert_eq!(once, twice);
}

/// Reads and applies a strategic merge patch.
pub fn fuzz_strategic_patch(data: &[u8]) {
    let (schema, pod) = pod();
    let Ok(patch) = strategic::parse(data) else { return };
    let _ = strategic::apply(schema, pod, as_map(live()), patch);
}

/// Tracks a foreign object as an update and as an apply.
pub fn fuzz_apply(data: &[u8]) {
    let (schema, definition) = pod();
    let Ok(Json::Object(object)) = decode::untyped(data).map(|decoded| decoded.value) else {
        return;
    };
    let object = Object::from(object);
    let live = Object::from(as_map(live()));
    let fields = FieldManager { schema, definition, reset_fields: None };
    let write = |manager| Write { manager, api_version: "v1", subresource: "", now: "t" };
    let mut created = object.clone();
    fields.update(None, &mut created, &write("m"));
    fields.update(Some(&live), &mut created, &write("m"));
    for force in [false, true] {
        let Ok(applied) = fields.apply(Some(&live), &object, &write("a"), force) else { continue };
        let again = fields.apply(Some(&applied.object), &object, &write("a"), force);
        let again = again.expect("what was applied applies again");
        assert!(!again.changed, "{:?} is not {:?}", again.object, applied.object);
    }
}

/// Whether two trees are equal; serde_json may read a floating-point number one step off.
fn is_same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            (a - b).abs() <= a.abs() * 1e-12
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

fn as_map(value: Json) -> Map {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_target_breaks_on_mutated_input() {
        for seed in 0..4 {
            assert_eq!(driver::run(TARGETS, seed, 500), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn no_target_breaks_on_random_input(data in prop::collection::vec(any::<u8>(), 0..64)) {
            for target in TARGETS {
                (target.run)(&data);
            }
        }
    }
}
