//! Types with named fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Type;

/// The type of an object with fields.
#[derive(Debug)]
pub struct Record {
    /// Its name; two of one name are one.
    pub name: String,
    fields: BTreeMap<String, Field>,
    open: bool,
}

/// A field.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its type.
    pub ty: Type,
    /// Its name in JSON; expressions may spell it otherwise.
    pub json: String,
}

/// Words that cannot be the name of a field in an expression.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

impl Record {
    /// A type with these fields, under their names in JSON. A name that no expression can spell
    /// is left out.
    pub fn new(name: impl Into<String>, fields: impl IntoIterator<Item = (String, Type)>) -> Self {
        let spelt = fields
            .into_iter()
            .filter_map(|(json, ty)| escape(&json).map(|name| (name, Field { ty, json })));
        Self { name: name.into(), fields: spelt.collect(), open: false }
    }

    /// A type with these fields, whose names are taken as they are.
    pub fn plain<N: Into<String>>(
        name: impl Into<String>,
        fields: impl IntoIterator<Item = (N, Type)>,
    ) -> Arc<Self> {
        let fields = fields.into_iter().map(|(name, ty)| {
            let name = name.into();
            (name.clone(), Field { ty, json: name })
        });
        Arc::new(Self { name: name.into(), fields: fields.collect(), open: false })
    }

    /// A type of which nothing but its name is known: it has every field.
    pub fn open(name: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), fields: BTreeMap::new(), open: true })
    }

    /// The field that expressions call `name`.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// Whether it has fields that are not known.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// The field that is called `json` in JSON.
    pub(crate) fn by_json(&self, json: &str) -> Option<&Field> {
        // Most names are spelt as they are.
        match self.fields.get(json) {
            Some(field) if field.json == json => Some(field),
            _ => self.fields.values().find(|field| field.json == json),
        }
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields.iter().map(|(name, field)| (name.as_str(), field))
    }
}

/// How expressions spell the field `name`; `None` for one that they cannot.
pub(crate) fn escape(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let mut letters = name.chars().peekable();
    if letters.peek().is_none_or(|first| first.is_ascii_digit()) {
        return None;
    }
    let mut out = String::with_capacity(name.len());
    while let Some(letter) = letters.next() {
        match letter {
            '_' if letters.peek() == Some(&'_') => {
                letters.next();
                out.push_str("__underscores__");
            }
            '.' => out.push_str("__dot__"),
            '-' => out.push_str("__dash__"),
            '/' => out.push_str("__slash__"),
            letter if letter.is_ascii_alphanumeric() || letter == '_' => out.push(letter),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let rows = [
            ("plain", Some("plain")),
            ("namespace", Some("__namespace__")),
            ("int", Some("int")),
            ("foo-bar.baz/x", Some("foo__dash__bar__dot__baz__slash__x")),
            ("a__b", Some("a__underscores__b")),
            ("a_b", Some("a_b")),
            ("1a", None),
            ("", None),
            ("a b", None),
        ];
        for (name, wanted) in rows {
            assert_eq!(escape(name).as_deref(), wanted, "{name}");
        }
    }
}
