//! YAML as a tree that remembers the line of every value.

use std::fmt;

use orchestrator_core::{Json, object::Map};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A value and the line where it begins.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) line: u64,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Scalar(Json),
    List(Vec<Node>),
    /// In the order of the file; `line` is that of the key.
    Map(Vec<(String, Node)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Scalar(Json::Null))
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, mut node)) = entries.next_entry::<Spanned<String>, Node>()? {
            node.line = key.referenced.line();
            map.push((key.value, node));
        }
        Ok(Value::Map(map))
    }
}

impl Node {
    fn field(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(map) => map.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    fn item(&self, index: usize) -> Option<&Node> {
        match &self.value {
            Value::List(items) => items.get(index),
            _ => None,
        }
    }

    /// The text of a field.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match &self.field(name)?.value {
            Value::Scalar(scalar) => scalar.as_str(),
            _ => None,
        }
    }

    /// The field `name`, owned.
    pub(super) fn take(self, name: &str) -> Option<Node> {
        match self.value {
            Value::Map(map) => map.into_iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The items of a list, owned.
    pub(super) fn into_items(self) -> Option<Vec<Node>> {
        match self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The line of the value at `path`, as in `spec.ports[0].port`, or of the nearest around it.
    pub(super) fn line_of(&self, path: &str) -> u64 {
        let mut node = self;
        let mut rest = path;
        while let Some((next, after)) = node.step(rest) {
            (node, rest) = (next, after);
        }
        node.line
    }

    /// Follows the first step of `path`: a key (which may itself contain dots) or an index.
    fn step<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Node, &'p str)> {
        let path = path.strip_prefix('.').unwrap_or(path);
        if let Some(indexed) = path.strip_prefix('[') {
            let (index, after) = indexed.split_once(']')?;
            let next = match index.parse() {
                Ok(index) => self.item(index),
                Err(_) => self.field(index),
            };
            return Some((next?, after));
        }
        let ends = path.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(at, _)| at);
        let mut ends = ends.chain([path.len()]).filter(|end| *end > 0);
        ends.find_map(|end| Some((self.field(&path[..end])?, &path[end..])))
    }

    /// The plain JSON.
    pub(super) fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar(scalar) => scalar.clone(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(map) => Json::Object(
                map.iter().map(|(key, node)| (key.clone(), node.to_json())).collect::<Map>(),
            ),
        }
    }
}
