//! The fields that the creator of an object owns.
//!
//! They are what [`compare`](super::compare) finds added or modified against the zero object of
//! the kind. Every create goes through here and hardly any reader wants to see the result, so it
//! is written in one pass as the text that is stored; as a tree it would be a map with a node of
//! its own for every field of the object.

use super::compare::zero;
use super::element;
use super::walk::{Place, View};
use crate::Json;
use crate::object::{Key, Map};

/// The set of fields of `object` that differ from those of the zero object.
pub(super) fn created(place: Place<'_>, object: &Map) -> Map {
    let mut text = String::new();
    if !fields(place, true, object.iter(), &mut text) {
        return Map::new();
    }
    serde_json::from_str(&text).expect("the text of a set is JSON")
}

/// Appends what is owned of an object without its version and kind, without the fields that
/// `is_reset` names, and without those of the metadata that `is_unowned` names; whether anything
/// is.
pub(super) fn whole(
    place: Place<'_>,
    object: &Map,
    is_unowned: impl Fn(&str) -> bool,
    is_reset: impl Fn(&str) -> bool,
    out: &mut String,
) -> bool {
    let mut nodes = Nodes::begin(out, false);
    for (key, value) in object.iter().filter(|(key, _)| !is_reset(key)) {
        match (key.as_str(), value) {
            ("apiVersion" | "kind", _) => {}
            ("metadata", Json::Object(meta)) => {
                let owned = meta.iter().filter(|(name, _)| !is_unowned(name));
                let before = nodes.out.len();
                nodes.key("f:", key);
                if !fields(place.child(key).0, true, owned, nodes.out) {
                    nodes.out.truncate(before);
                }
            }
            _ => keys(place, true, std::iter::once((key, value)), &mut nodes),
        }
    }
    nodes.end(false)
}

/// Appends what is owned of the fields of a struct that the zero object has too, as the text of
/// a set; whether anything is.
pub(super) fn fields<'v>(
    place: Place<'_>,
    zero: bool,
    fields: impl Iterator<Item = (&'v Key, &'v Json)>,
    out: &mut String,
) -> bool {
    let mut nodes = Nodes::begin(out, false);
    keys(place, zero, fields, &mut nodes);
    nodes.end(false)
}

/// Appends the node of a value; whether it, or anything below it, is owned. `zero` is the value
/// of an object that nobody has written to, `None` where such an object has nothing here.
fn node(place: Place<'_>, zero: Option<&Json>, value: &Json, out: &mut String) -> bool {
    match place.view(Some(value)) {
        View::Map(map) if !map.is_empty() => {
            let mut nodes = Nodes::begin(out, zero.is_none());
            keys(place, zero.is_some(), map.iter(), &mut nodes);
            nodes.end(zero.is_none())
        }
        View::List(list, [item]) => {
            let mut nodes = Nodes::begin(out, zero.is_none());
            nodes.key("", &element::item(place, list, 0, item));
            // An item of a list is never in the zero object, so it is always owned.
            node(place.items(list), None, item, nodes.out);
            nodes.end(zero.is_none())
        }
        View::List(list, items) if !items.is_empty() => {
            let below = place.items(list);
            let mut found: Vec<(String, String)> = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let key = element::item(place, list, index, item);
                let mut text = String::new();
                match found.iter_mut().find(|(known, _)| *known == key) {
                    // Items that cannot be told apart are owned as a whole.
                    Some((_, known)) => *known = "{}".to_owned(),
                    None if node(below, None, item, &mut text) => found.push((key, text)),
                    None => {}
                }
            }
            found.sort_unstable();
            let mut nodes = Nodes::begin(out, zero.is_none());
            for (key, text) in found {
                nodes.key("", &key);
                nodes.out.push_str(&text);
            }
            nodes.end(zero.is_none())
        }
        _ => {
            let owned = zero != Some(value);
            out.push_str(if owned { "{}" } else { "" });
            owned
        }
    }
}

/// Adds what is owned of the fields of a map; `zero` says that it is there in the zero object too.
fn keys<'v>(
    place: Place<'_>,
    zero: bool,
    fields: impl Iterator<Item = (&'v Key, &'v Json)>,
    nodes: &mut Nodes<'_>,
) {
    for (key, value) in fields {
        let (below, field) = place.child(key);
        let before = nodes.out.len();
        nodes.field(key, field.is_some());
        let zero = field.filter(|_| zero).and_then(zero::of);
        if !node(below, zero, value, nodes.out) {
            nodes.out.truncate(before);
        }
    }
}

/// The text of a node while its children are added, in their order.
struct Nodes<'o> {
    out: &'o mut String,
    /// Where the node began, and where its first child would.
    start: usize,
    first: usize,
}

impl<'o> Nodes<'o> {
    /// Begins a node, which is a member of the set or only leads to members.
    fn begin(out: &'o mut String, is_member: bool) -> Self {
        let start = out.len();
        out.push_str(if is_member { "{\".\":{}" } else { "{" });
        let first = out.len();
        Self { out, start, first }
    }

    fn key(&mut self, kind: &str, name: &str) {
        let is_first = self.out.ends_with('{') && self.out.len() == self.first;
        self.out.push_str(if is_first { "\"" } else { ",\"" });
        self.out.push_str(kind);
        element::push_escaped(self.out, name);
        self.out.push_str("\":");
    }

    /// Begins the child of the field or map key `name`; one that the schema declares needs no
    /// escapes.
    fn field(&mut self, name: &str, is_declared: bool) {
        if !is_declared {
            return self.key("f:", name);
        }
        let is_first = self.out.len() == self.first && self.out.ends_with('{');
        self.out.push_str(if is_first { "\"f:" } else { ",\"f:" });
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// Ends the node; whether there is anything in it.
    fn end(self, is_member: bool) -> bool {
        if self.out.len() > self.first {
            self.out.push('}');
            return true;
        }
        self.out.truncate(self.start);
        self.out.push_str(if is_member { "{}" } else { "" });
        is_member
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::compare::compare;
    use super::*;
    use crate::apply::{FieldManager, Write};
    use crate::object::Object;
    use crate::schema::Schema;

    fn container() -> impl Strategy<Value = Json> {
        ("[a-c]{0,1}", prop::option::of("[xy]"), any::<bool>(), 0..3_usize).prop_map(
            |(name, image, limits, ports)| {
                let mut container = json!({"name": name, "resources": {},
                    "ports": vec![json!({"containerPort": 80}); ports]});
                if let Some(image) = image {
                    container["image"] = json!(image);
                }
                if limits {
                    container["resources"] = json!({"limits": {"cpu": "1"}});
                }
                container
            },
        )
    }

    proptest! {
        #[test]
        fn it_is_the_difference_from_the_zero_object(
            containers in prop::collection::vec(container(), 0..3),
            labels in prop::option::of(prop::collection::btree_map("[a-c]", "[x-z]?", 0..3)),
            finalizers in prop::collection::vec("[f-g]", 0..3),
        ) {
            let mut pod = json!({"metadata": {"name": "p", "finalizers": finalizers},
                "spec": {"containers": containers}, "status": {}});
            if let Some(labels) = labels {
                pod["metadata"]["labels"] = json!(labels);
            }
            let schema = Schema::builtin();
            let definition = schema.kind("", "v1", "Pod").unwrap();
            let place = Place::root(schema, definition);
            let pod = pod.as_object().unwrap();
            prop_assert_eq!(created(place, pod), compare(place, &Map::new(), pod).changed());
            let manager = FieldManager { schema, definition, reset_fields: None };
            let write =
                Write { manager: "m\"", api_version: "v1", subresource: "", now: "2020-01-01T00:00:00Z" };
            let mut noted = Object::from(pod.clone());
            manager.update(None, &mut noted, &write);
            let text = manager.create(&mut Object::from(pod.clone()), &write);
            let list = noted.meta("managedFields").map(Json::to_string);
            prop_assert_eq!(text, list);
        }
    }
}
