//! The `fieldPath` of a rule: which field below the value an error is about.

use std::fmt::Write as _;

use orchestrator_core::Json;

use crate::schema::{Additional, Structural};
use crate::value::Fields;

/// A path below the value of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(Vec<Step>);

/// One step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Key(String),
}

impl FieldPath {
    /// Reads a path such as `.a['b.c'].d` under the JSON of a schema; `None` where it leads to
    /// nothing that the schema has.
    pub fn parse(text: &str, schema: &Json) -> Option<Self> {
        let mut schema = schema;
        walk(text, |name| {
            let values = schema.sub("additionalProperties");
            let (below, step) = match schema.sub("properties").get(name.as_str()) {
                Some(property) => (property, Step::Field(name)),
                None if values.is_object() => (values, Step::Key(name)),
                None => return None,
            };
            schema = below;
            Some(step)
        })
    }

    /// The same under a schema that was read.
    pub(crate) fn read(text: &str, schema: &Structural) -> Option<Self> {
        let mut schema = schema;
        walk(text, |name| {
            let (below, step) = match (schema.properties.get(&name), &schema.additional) {
                (Some(property), _) => (property, Step::Field(name)),
                (None, Additional::Schema(values)) => (&**values, Step::Key(name)),
                (None, _) => return None,
            };
            schema = below;
            Some(step)
        })
    }

    /// The path of the field below `path`.
    pub fn below(&self, path: &str) -> String {
        let mut whole = path.to_owned();
        for step in &self.0 {
            match step {
                Step::Field(name) if whole.is_empty() => whole.push_str(name),
                Step::Field(name) => write!(whole, ".{name}").expect("a string takes all"),
                Step::Key(key) => write!(whole, "[{key}]").expect("a string takes all"),
            }
        }
        whole
    }
}

/// Takes the names of a path one after the other.
fn walk(text: &str, mut take: impl FnMut(String) -> Option<Step>) -> Option<FieldPath> {
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = step(rest)?;
        steps.push(take(name)?);
        rest = after;
    }
    (!steps.is_empty()).then_some(FieldPath(steps))
}

/// The name that `text` begins with, and what follows.
fn step(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        return (!name.is_empty() && name.bytes().all(is_name)).then(|| (name.to_owned(), after));
    }
    let rest = text.strip_prefix("['")?;
    let mut name = String::new();
    let mut letters = rest.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' => name.push(letters.next()?.1),
            '\'' => {
                let after = rest[place + 1..].strip_prefix(']')?;
                return Some((name, after));
            }
            letter => name.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_to_what_the_schema_has() {
        let schema = json!({"properties": {
            "a": {"properties": {"b.c": {}, "l": {"items": {}}}},
            "m": {"additionalProperties": {"properties": {"x": {}}}}}});
        let below = |text| FieldPath::parse(text, &schema).map(|path| path.below("spec"));
        assert_eq!(below(".a['b.c']").as_deref(), Some("spec.a.b.c"));
        assert_eq!(below(".m['k'].x").as_deref(), Some("spec.m[k].x"));
        for bad in [".z", "a", ".a.l[0]", ".a['b.c'", ".", ""] {
            assert_eq!(below(bad), None, "{bad}");
        }
    }
}
