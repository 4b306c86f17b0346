//! Where in the text a field is, for error messages.
//!
//! Only a text with a mistake is read this way, a second time: the places of all values would
//! otherwise have to be carried through every type of the configuration.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The line of the value at `path`, as in `profiles[0].plugins`, or of the nearest value around
/// it; `None` where even the first name is not there.
pub(super) fn line(text: &str, path: &str) -> Option<u64> {
    let tree: Tree = serde_saphyr::from_str(text).ok()?;
    let (mut at, mut found) = (&tree, None);
    for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
        let next = match at {
            Tree::Map(fields) => fields.get(step),
            Tree::List(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
            Tree::Leaf => None,
        };
        let Some(next) = next else { break };
        found = Some(next.referenced.line());
        at = &next.value;
    }
    found
}

/// A document of which only the shape is kept.
enum Tree {
    Map(BTreeMap<String, Spanned<Tree>>),
    List(Vec<Spanned<Tree>>),
    Leaf,
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry()? {
            fields.insert(name, value);
        }
        Ok(Tree::Map(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Tree, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Tree, D::Error> {
        IgnoredAny::deserialize(inner).map(|_| Tree::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_line_or_to_the_nearest_around_it() {
        let text = "a: 1\nlist:\n- x: null\n  y:\n  - deep\n- {x: true}\n";
        for (path, expected) in [
            ("a", Some(1)),
            ("list[0].x", Some(3)),
            ("list[0].y[0]", Some(5)),
            ("list[1].x", Some(6)),
            ("list[1].nothing.here", Some(6)),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(line(text, path), expected, "{path}");
        }
    }
}
