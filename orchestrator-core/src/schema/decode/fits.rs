//! Whether a tree obeys its schema already, so that decoding it would give the very same tree.
//!
//! A caller in the same process sends objects that its types have shaped: nearly all of them are
//! as they should be, and looking costs a fraction of building them anew. What is in doubt here
//! is decoded.

use super::node::Shape;
use super::{MAX_DEPTH, omit};
use crate::Json;
use crate::object::Map;
use crate::schema::{Definition, Flavour, Scalar, Schema};

/// Whether decoding `value` under `shape` changes nothing and has nothing to report.
pub(super) fn fits(schema: &Schema, shape: Shape<'_>, value: &Json) -> bool {
    Fitting { schema }.value(shape, value, MAX_DEPTH)
}

struct Fitting<'s> {
    schema: &'s Schema,
}

impl Fitting<'_> {
    /// `left` is how many levels there may be from here on.
    fn value(&self, shape: Shape<'_>, value: &Json, left: usize) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match (shape, value) {
            (Shape::Struct(definition), Json::Object(map)) => self.fields(definition, map, left),
            (Shape::List(list), Json::Array(items)) => {
                let shape = Shape::of(self.schema, &list.items);
                items.iter().all(|item| !item.is_null() && self.value(shape, item, left))
            }
            (Shape::Map(mapping), Json::Object(map)) => {
                let shape = Shape::of(self.schema, &mapping.values);
                map.values().all(|value| !value.is_null() && self.value(shape, value, left))
            }
            (Shape::Scalar(scalar), value) => is_scalar(scalar, value),
            (Shape::Free | Shape::Raw, Json::Array(items)) => {
                items.iter().all(|item| self.value(Shape::Raw, item, left))
            }
            (Shape::Free | Shape::Raw, Json::Object(map)) => {
                map.values().all(|value| self.value(Shape::Raw, value, left))
            }
            (Shape::Free | Shape::Raw, _) => true,
            _ => false,
        }
    }

    fn fields(&self, definition: &Definition, map: &Map, left: usize) -> bool {
        definition.flavour == Flavour::Typed
            && map.iter().all(|(key, value)| {
                let Some(field) = definition.field(key) else { return false };
                !omit::omits(definition, field, value)
                    && (value.is_null()
                        || self.value(Shape::of(self.schema, &field.ty), value, left))
            })
    }
}

fn is_scalar(scalar: Scalar, value: &Json) -> bool {
    match (scalar, value) {
        (Scalar::String | Scalar::IntOrString, Json::String(_)) => true,
        (
            Scalar::Quantity | Scalar::Time | Scalar::MicroTime | Scalar::Bytes,
            Json::String(text),
        ) => !text.is_empty() && scalar.canonical(text) == Ok(None),
        (Scalar::Bool, Json::Bool(_)) | (Scalar::Number, Json::Number(_)) => true,
        (Scalar::Int | Scalar::IntOrString, Json::Number(number)) => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        (Scalar::Int64, Json::Number(number)) => number.is_i64(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::schema::decode::{Decoded, decode_tree};

    fn any_value() -> impl Strategy<Value = Json> {
        prop_oneof![
            Just(json!(null)),
            Just(json!("")),
            Just(json!("100m")),
            Just(json!("0.5")),
            Just(json!("2020-01-02T03:04:05Z")),
            Just(json!(0)),
            Just(json!(80)),
            Just(json!(1.5)),
            Just(json!(3_000_000_000_u64)),
            Just(json!(true)),
            Just(json!(false)),
            Just(json!({})),
            Just(json!([])),
            Just(json!({"cpu": "1"})),
            Just(json!([{"containerPort": 80, "protocol": "TCP"}])),
            Just(json!([null])),
            Just(json!({"a": null})),
        ]
    }

    proptest! {
        #[test]
        fn what_fits_is_decoded_to_itself(
            fields in prop::collection::btree_map(
                prop::sample::select(vec!["name", "image", "ports", "resources", "tty", "stdin",
                    "livenessProbe", "command", "volumeMounts", "nothing"]),
                any_value(), 0..4),
            meta in prop::collection::btree_map(
                prop::sample::select(vec!["name", "labels", "creationTimestamp", "generation",
                    "managedFields", "finalizers"]),
                any_value(), 0..3),
        ) {
            let pod = json!({"metadata": meta, "spec": {"containers": [fields]}});
            let schema = Schema::builtin();
            let shape = Shape::Struct(schema.kind("", "v1", "Pod").unwrap());
            if fits(schema, shape, &pod) {
                let same = Decoded { value: pod.clone(), problems: Vec::new() };
                prop_assert_eq!(decode_tree(schema, shape, pod), Ok(same));
            }
        }
    }

    #[test]
    fn what_typed_callers_send_fits() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]}});
        let schema = Schema::builtin();
        let shape = Shape::Struct(schema.kind("", "v1", "Pod").unwrap());
        assert!(fits(schema, shape, &pod));
    }
}
