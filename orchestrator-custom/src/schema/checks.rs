//! What a schema says about values beside their type.

use orchestrator_core::Json;

use super::{Pattern, Structural};

/// What values must fulfil; everything may be absent.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// What a text must look like.
    pub format: Option<Format>,
    /// The largest number.
    pub maximum: Option<f64>,
    /// Whether `maximum` itself is too large.
    pub exclusive_maximum: bool,
    /// The smallest number.
    pub minimum: Option<f64>,
    /// Whether `minimum` itself is too small.
    pub exclusive_minimum: bool,
    /// What numbers are a multiple of.
    pub multiple_of: Option<f64>,
    /// The most letters of a text.
    pub max_length: Option<i64>,
    /// The fewest letters of a text.
    pub min_length: Option<i64>,
    /// What a text must match.
    pub pattern: Option<Pattern>,
    /// The most items of a list.
    pub max_items: Option<i64>,
    /// The fewest items of a list.
    pub min_items: Option<i64>,
    /// Whether no two items may be equal.
    pub unique_items: bool,
    /// The most fields of an object.
    pub max_properties: Option<i64>,
    /// The fewest fields of an object.
    pub min_properties: Option<i64>,
    /// The fields that must be there.
    pub required: Vec<String>,
    /// The values allowed; empty for any.
    pub values: Vec<Json>,
    /// Schemas that must all hold.
    pub all_of: Vec<Structural>,
    /// Schemas of which one must hold.
    pub any_of: Vec<Structural>,
    /// Schemas of which exactly one must hold.
    pub one_of: Vec<Structural>,
    /// A schema that must not hold.
    pub not: Option<Box<Structural>>,
}

/// What a text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format(&'static str);

/// The formats that are checked; any other is only told.
const FORMATS: [&str; 27] = [
    "bsonobjectid",
    "byte",
    "cidr",
    "creditcard",
    "date",
    "date-time",
    "datetime",
    "duration",
    "email",
    "hexcolor",
    "hostname",
    "ipv4",
    "ipv6",
    "isbn",
    "isbn10",
    "isbn13",
    "k8s-long-name",
    "k8s-short-name",
    "mac",
    "password",
    "rgbcolor",
    "ssn",
    "uri",
    "uuid",
    "uuid3",
    "uuid4",
    "uuid5",
];

impl Format {
    /// The format called `word`, where it is one that is checked.
    pub fn from_word(word: &str) -> Option<Self> {
        FORMATS.iter().find(|known| **known == word).map(|known| Self(known))
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        self.0
    }
}
