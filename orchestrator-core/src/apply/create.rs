//! The fields that the creator of an object owns.
//!
//! They are what [`compare`](super::compare) finds added or modified against the zero object of
//! the kind, built in one pass: every create goes through here.

use super::compare::zero;
use super::element;
use super::fields;
use super::walk::{Place, View};
use crate::Json;
use crate::object::Map;

/// The set of fields of `object` that differ from those of the zero object.
pub(super) fn created(place: Place<'_>, object: &Map) -> Map {
    keys(place, true, object).into_iter().collect()
}

/// The elements below a node with their nodes. Fields come sorted, as the map that they become.
type Nodes = Vec<(String, Json)>;

/// Whether the value itself is owned, and what is owned below it; `zero` is the value of an
/// object that nobody has written to, `None` where such an object has nothing here.
fn node(place: Place<'_>, zero: Option<&Json>, value: &Json) -> (bool, Nodes) {
    let mut nodes = Nodes::new();
    match place.view(Some(value)) {
        View::Map(map) if !map.is_empty() => nodes = keys(place, zero.is_some(), map),
        View::List(list, items) if !items.is_empty() => {
            nodes.reserve(items.len() + 1);
            let below = place.items(list);
            for (index, item) in items.iter().enumerate() {
                let key = element::item(place, list, index, item);
                match nodes.iter_mut().find(|(known, _)| *known == key) {
                    // Items that cannot be told apart are owned as a whole.
                    Some((_, known)) => *known = Json::Object(Map::new()),
                    None => nodes.extend(close(node(below, None, item)).map(|below| (key, below))),
                }
            }
        }
        _ => return (zero != Some(value), nodes),
    }
    (zero.is_none(), nodes)
}

/// What is owned of the fields of a map; `zero` says that it is there in the zero object too.
fn keys(place: Place<'_>, zero: bool, map: &Map) -> Nodes {
    let mut nodes = Nodes::with_capacity(map.len() + 1);
    for (key, value) in map {
        let (below, field) = place.child(key);
        let zero = field.filter(|_| zero).and_then(zero::of);
        let below = close(node(below, zero, value));
        nodes.extend(below.map(|below| (element::field(key), below)));
    }
    nodes
}

/// The node of a value; `None` where nothing of it is owned.
fn close((member, mut nodes): (bool, Nodes)) -> Option<Json> {
    if nodes.is_empty() {
        return member.then(|| Json::Object(Map::new()));
    }
    if member {
        nodes.insert(0, (fields::SELF.to_owned(), Json::Object(Map::new())));
    }
    Some(Json::Object(nodes.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::compare::compare;
    use super::*;
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
            let place = Place::root(schema, schema.kind("", "v1", "Pod").unwrap());
            let pod = pod.as_object().unwrap();
            prop_assert_eq!(created(place, pod), compare(place, &Map::new(), pod).changed());
        }
    }
}
