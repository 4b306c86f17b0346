//! The schema of one version of a kind, read once and asked for every object.
//!
//! A schema is structural: `properties`, `items` and `additionalProperties` outside of `allOf`,
//! `anyOf`, `oneOf` and `not` say which fields there are; what stands inside of those restricts
//! values only. So the tree of fields and the checks of values are two parts of one node here.

mod checks;
mod pattern;
mod read;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use orchestrator_core::Json;

pub use checks::{Checks, Format};
pub use pattern::Pattern;

use crate::rules::{Compiled, Rule};

/// How deep schemas may nest: as deep as objects.
pub const MAX_DEPTH: usize = 100;

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A list.
    Array,
    /// A truth value.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A map or an object.
    Object,
    /// A text.
    String,
}

impl Type {
    /// The type called `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "array" => Self::Array,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "object" => Self::Object,
            "string" => Self::String,
            _ => return None,
        })
    }

    /// The word of OpenAPI.
    pub fn word(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// What may stand in fields that are not declared.
#[derive(Clone, Debug, Default)]
pub enum Additional {
    /// Nothing is said of them.
    #[default]
    Undeclared,
    /// Anything.
    Any,
    /// Values of this schema.
    Schema(Box<Structural>),
}

/// How the items of a list are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// They are not.
    #[default]
    Atomic,
    /// By their values.
    Set,
    /// By these fields.
    Map(Vec<String>),
}

/// The schema of a value.
#[derive(Clone, Debug, Default)]
pub struct Structural {
    /// The type; `None` where it is not restricted.
    pub ty: Option<Type>,
    /// The fields of an object.
    pub properties: BTreeMap<String, Structural>,
    /// The other fields.
    pub additional: Additional,
    /// The items of a list.
    pub items: Option<Box<Structural>>,
    /// What stands where there is nothing.
    pub default: Option<Json>,
    /// Whether null may stand there.
    pub nullable: bool,
    /// Whether undeclared fields are kept.
    pub preserve: bool,
    /// Whether the value is an object with version, kind and metadata.
    pub embedded: bool,
    /// Whether it is a whole number or a text.
    pub int_or_string: bool,
    /// How the items of a list are told apart.
    pub list: ListType,
    /// Whether a map is replaced as a whole.
    pub is_atomic_map: bool,
    /// What values must fulfil.
    pub checks: Checks,
    /// Rules in CEL.
    pub rules: Vec<Rule>,
    /// The rules, compiled when they are first asked.
    compiled: OnceLock<Arc<Compiled>>,
    /// Whether there are rules here or below, found out when it is first asked.
    with_rules: OnceLock<bool>,
}

impl Structural {
    /// Reads the schema of a whole object; what is malformed is left out, as the check of the
    /// definition has refused it.
    pub fn read(schema: &Json) -> Self {
        read::structural(schema, 0)
    }

    /// The schema of the field `name`, or of any undeclared one.
    pub fn field(&self, name: &str) -> Option<&Structural> {
        match (self.properties.get(name), &self.additional) {
            (Some(declared), _) => Some(declared),
            (None, Additional::Schema(schema)) => Some(schema),
            (None, _) => None,
        }
    }

    /// Whether the schema, or any below it, has rules.
    pub fn has_rules(&self) -> bool {
        let look = || !self.rules.is_empty() || self.below().any(Structural::has_rules);
        *self.with_rules.get_or_init(look)
    }

    /// The rules, compiled; `is_object` says that the values are whole objects.
    pub(crate) fn compiled(&self, is_object: bool) -> &Compiled {
        self.compiled.get_or_init(|| Arc::new(Compiled::new(self, is_object)))
    }

    /// Whether the schema, or any below it, has a default.
    pub fn has_defaults(&self) -> bool {
        self.default.is_some() || self.below().any(Structural::has_defaults)
    }

    /// The schemas of fields and items.
    pub fn below(&self) -> impl Iterator<Item = &Structural> {
        let additional = match &self.additional {
            Additional::Schema(schema) => Some(&**schema),
            _ => None,
        };
        self.properties.values().chain(additional).chain(self.items.as_deref())
    }
}
