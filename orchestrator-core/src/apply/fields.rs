//! Sets of fields in the tree form of `FieldsV1`.
//!
//! A node maps the elements of the next step (`f:name` a field, `k:{...}` an item by its key,
//! `v:...` an item by its value, `i:0` an item by its index) to their nodes. An element is a
//! member of the set if its node is empty or holds `.`; otherwise it only leads to members.

use super::element;
use crate::Json;
use crate::object::Map;

/// The mark of membership in a node with children.
pub(super) const SELF: &str = ".";

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(Map);

impl FieldSet {
    /// The set of these paths, each a list of field names.
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a [&'a str]>) -> Self {
        let mut set = Map::new();
        for path in paths {
            let branch = path.iter().rev().fold(Map::new(), |below, name| {
                Map::from_iter([(element::field(name), Json::Object(below))])
            });
            union(&mut set, branch);
        }
        Self(set)
    }

    pub(super) fn as_map(&self) -> &Map {
        &self.0
    }
}

fn is_member(node: &Map) -> bool {
    node.is_empty() || node.contains_key(SELF)
}

/// Writes membership into a node from which [`SELF`] has been taken; `false` for an empty one.
fn seal(node: &mut Map, member: bool) -> bool {
    if !member {
        return !node.is_empty();
    }
    if !node.is_empty() {
        node.insert(SELF.into(), Json::Object(Map::new()));
    }
    true
}

/// Puts `key` with its `children` into a set that does not have it.
pub(super) fn put(set: &mut Map, key: impl FnOnce() -> String, member: bool, mut children: Map) {
    if seal(&mut children, member) {
        set.insert(key().into(), Json::Object(children));
    }
}

/// Whether `key` is a member, and the node below it.
pub(super) fn get<'a>(set: &'a Map, key: &str) -> Option<(bool, &'a Map)> {
    let node = set.get(key)?.as_object()?;
    Some((is_member(node), node))
}

/// The elements of a node that are no mark of its own membership.
pub(super) fn elements(node: &Map) -> impl Iterator<Item = (&str, &Map)> {
    node.iter()
        .filter(|(key, _)| *key != SELF)
        .filter_map(|(key, below)| Some((key.as_str(), below.as_object()?)))
}

/// Adds the members of `other` to `set`.
pub(super) fn union(set: &mut Map, other: Map) {
    if set.is_empty() {
        *set = other;
        return;
    }
    for (key, theirs) in other {
        let Json::Object(mut theirs) = theirs else { continue };
        match set.get_mut(&key).and_then(Json::as_object_mut) {
            None => {
                set.insert(key, Json::Object(theirs));
            }
            Some(_) if key == SELF => {}
            Some(ours) => {
                let member = is_member(ours) || is_member(&theirs);
                ours.remove(SELF);
                theirs.remove(SELF);
                union(ours, theirs);
                seal(ours, member);
            }
        }
    }
}

/// Removes the members of `other` from `set`.
pub(super) fn subtract(set: &mut Map, other: &Map) {
    for (key, theirs) in elements(other) {
        let Some(ours) = set.get_mut(key).and_then(Json::as_object_mut) else { continue };
        let member = is_member(ours) && !is_member(theirs);
        ours.remove(SELF);
        subtract(ours, theirs);
        if !seal(ours, member) {
            set.remove(key);
        }
    }
}

/// Removes the members of `other` and all that is below them from `set`.
pub(super) fn subtract_below(set: &mut Map, other: &Map) {
    for (key, theirs) in elements(other) {
        let Some(ours) = set.get_mut(key).and_then(Json::as_object_mut) else { continue };
        if is_member(theirs) {
            set.remove(key);
            continue;
        }
        let member = is_member(ours);
        ours.remove(SELF);
        subtract_below(ours, theirs);
        if !seal(ours, member) {
            set.remove(key);
        }
    }
}

/// The members that both sets have.
pub(super) fn intersection(a: &Map, b: &Map) -> Map {
    let mut both = Map::new();
    for (key, ours) in elements(a) {
        let Some((member, theirs)) = get(b, key) else { continue };
        let below = intersection(ours, theirs);
        put(&mut both, || key.to_owned(), member && is_member(ours), below);
    }
    both
}

/// The paths of the members as messages show them: of each node first the members, then what
/// is below them.
pub(super) fn paths(set: &Map) -> Vec<String> {
    let mut found = Vec::new();
    collect(set, &mut String::new(), &mut found);
    found
}

fn collect(set: &Map, path: &mut String, found: &mut Vec<String>) {
    let mut nodes: Vec<_> = elements(set).collect();
    nodes.sort_by_key(|(key, _)| element::rank(key));
    let length = path.len();
    for (key, node) in &nodes {
        if is_member(node) {
            element::show(key, path);
            found.push(path.clone());
            path.truncate(length);
        }
    }
    for (key, node) in nodes {
        element::show(key, path);
        collect(node, path, found);
        path.truncate(length);
    }
}

/// Checks a set that came from outside and brings its elements into canonical form.
pub(super) fn canonical(set: &Map) -> Result<Map, String> {
    let mut checked = Map::new();
    for (key, node) in set {
        let node = node.as_object().ok_or_else(|| format!("{key:?} holds no object"))?;
        let key = if key == SELF { key.clone() } else { element::canonical(key)?.into() };
        checked.insert(key, Json::Object(canonical(node)?));
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn set(value: Json) -> Map {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_node_is_a_member_if_it_is_empty_or_says_so() {
        let abc = || set(json!({"f:a": {".": {}, "f:b": {}, "f:c": {}}}));
        let mut left = abc();
        subtract(&mut left, &set(json!({"f:a": {"f:b": {}}})));
        assert_eq!(left, set(json!({"f:a": {".": {}, "f:c": {}}})));
        subtract(&mut left, &set(json!({"f:a": {}})));
        assert_eq!(left, set(json!({"f:a": {"f:c": {}}})));
        subtract(&mut left, &abc());
        assert!(left.is_empty());
        let mut only = set(json!({"f:a": {".": {}, "f:b": {}}}));
        subtract(&mut only, &set(json!({"f:a": {"f:b": {}}})));
        assert_eq!(only, set(json!({"f:a": {}})));
        let mut whole = abc();
        subtract_below(&mut whole, &set(json!({"f:a": {}})));
        assert!(whole.is_empty());
    }

    #[test]
    fn paths_show_members_before_what_is_below_them() {
        let fields = set(json!({"f:spec": {"f:z": {}, "f:a": {"f:b": {}},
            "f:c": {"k:{\"name\":\"x\",\"port\":80}": {".": {}, "f:i": {}}, "v:\"s\"": {}, "i:0": {}}}}));
        assert_eq!(
            paths(&fields),
            [
                ".spec.z",
                ".spec.a.b",
                ".spec.c[name=\"x\",port=80]",
                ".spec.c[=\"s\"]",
                ".spec.c[0]",
                ".spec.c[name=\"x\",port=80].i"
            ]
        );
    }

    #[test]
    fn sets_from_outside_are_checked() {
        let odd = set(json!({"f:a": {"k:{ \"b\" : 1 }": {}}}));
        assert_eq!(canonical(&odd), Ok(set(json!({"f:a": {"k:{\"b\":1}": {}}}))));
        for bad in [
            json!({"a": {}}),
            json!({"f:a": 1}),
            json!({"k:x": {}}),
            json!({"k:[]": {}}),
            json!({"v:": {}}),
            json!({"i:x": {}}),
            json!({"": {}}),
        ] {
            assert!(canonical(bad.as_object().unwrap()).is_err(), "{bad}");
        }
    }

    fn any_set() -> impl Strategy<Value = Map> {
        let leaf = Just(Map::new()).boxed();
        leaf.prop_recursive(3, 20, 3, |inner| {
            prop::collection::vec(("f:[a-c]", any::<bool>(), inner), 0..3).prop_map(|nodes| {
                let mut set = Map::new();
                for (key, member, children) in nodes {
                    if !set.contains_key(&key) {
                        put(&mut set, || key, member, children);
                    }
                }
                set
            })
        })
    }

    fn joined(mut a: Map, b: &Map) -> Map {
        union(&mut a, b.clone());
        a
    }

    fn without(mut a: Map, b: &Map) -> Map {
        subtract(&mut a, b);
        a
    }

    proptest! {
        #[test]
        fn trees_behave_as_sets(a in any_set(), b in any_set()) {
            let all = |set: &Map| paths(set).into_iter().collect::<std::collections::BTreeSet<_>>();
            let (left, right) = (all(&a), all(&b));
            prop_assert_eq!(all(&joined(a.clone(), &b)), &left | &right);
            prop_assert_eq!(all(&without(a.clone(), &b)), &left - &right);
            prop_assert_eq!(all(&intersection(&a, &b)), &left & &right);
            prop_assert_eq!(joined(a.clone(), &b), joined(b.clone(), &a));
            prop_assert_eq!(canonical(&a), Ok(a));
        }
    }
}
