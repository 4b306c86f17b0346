//! The words of a schema: those that are not known, and what goes with what.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use super::{lists, rules};
use crate::report::{At, forbidden, required, unsupported};
use crate::schema::Structural;
use crate::value::Fields;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Words of OpenAPI that definitions may not use.
const UNKNOWN: [&str; 6] =
    ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"];

/// Whether the schema, or any below it, has words that definitions may not use.
pub(super) fn has_unknown(schema: &Json) -> bool {
    let own = UNKNOWN.iter().any(|word| is_set(schema, word)) || schema.sub("items").is_array();
    let parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|word| schema.list(word));
    let single = ["items", "additionalProperties", "not"].map(|word| schema.sub(word));
    let fields = schema.entries("properties").map(|(_, property)| property);
    own || parts.chain(single).chain(fields).any(|below| below.is_object() && has_unknown(below))
}

/// Whether a word that definitions may not use is there.
fn is_set(schema: &Json, word: &str) -> bool {
    match schema.sub(word) {
        Json::Null => false,
        Json::String(text) => !text.is_empty() || word == "$ref",
        Json::Object(map) => !map.is_empty() || word == "dependencies",
        _ => true,
    }
}

/// The walk through the words of a schema.
pub(super) struct Words<'s> {
    schema: &'s Json,
    /// The schema as it is read, where it is structural: only then rules can be compiled.
    read: Option<&'s Structural>,
    errors: FieldErrors,
    rules: rules::Found,
}

/// What a schema inside of another is to the object.
#[derive(Clone, Debug, Default)]
struct Place {
    /// Why a default may not stand there.
    forbids_defaults: Option<&'static str>,
    /// What rules need to know.
    rules: rules::Place,
}

impl Place {
    /// A field of an object.
    fn field(&self, schema: &Json) -> Self {
        let is_object = schema.flag("x-kubernetes-embedded-resource");
        Self { rules: rules::Place { is_object, ..self.rules.clone() }, ..self.clone() }
    }

    /// One of many values, of which there are at most `most`.
    fn one_of(&self, most: Option<i64>, schema: &Json) -> Self {
        let most = most.and_then(|most| u64::try_from(most).ok());
        let mut below = self.field(schema);
        below.rules.count = below.rules.count.zip(most).map(|(a, b)| a.saturating_mul(b));
        below
    }
}

impl<'s> Words<'s> {
    pub(super) fn new(schema: &'s Json, read: Option<&'s Structural>) -> Self {
        Self { schema, read, errors: FieldErrors::new(), rules: rules::Found::default() }
    }

    /// Looks at the whole schema.
    pub(super) fn check(&mut self, at: &mut At) {
        let rules = rules::Place { count: Some(1), is_object: true, ..Default::default() };
        let place = Place { rules, ..Place::default() };
        self.node(self.schema, self.read, &place, at);
    }

    /// All that is wrong; what is wrong with rules comes last.
    pub(super) fn finish(self, at: &At) -> FieldErrors {
        let mut errors = self.errors;
        errors.extend(self.rules.finish(at));
        errors
    }

    fn node(&mut self, schema: &Json, read: Option<&Structural>, place: &Place, at: &mut At) {
        let before = self.errors.len();
        self.words(schema, place, at);
        self.below(schema, read, place, at);
        self.restrictions(schema, at);
        lists::check(schema, at, &mut self.errors);
        let found = rules::check_words(schema, at);
        self.errors.extend(found);
        // What is wrong with the schema would only be told again in the words of rules.
        if let Some(read) = read.filter(|read| !read.rules.is_empty())
            && self.errors.len() == before
        {
            self.rules.compile(read, &place.rules, at);
        }
    }

    fn words(&mut self, schema: &Json, place: &Place, at: &mut At) {
        let errors = &mut self.errors;
        if let Some(why) = place.forbids_defaults.filter(|_| schema.has("default")) {
            at.field("default", |at| errors.push(forbidden(at.path(), why)));
        }
        for word in UNKNOWN {
            if is_set(schema, word) {
                let why = format!("{word} is not supported");
                at.field(word, |at| errors.push(forbidden(at.path(), &why)));
            }
        }
        let ty = schema.text("type");
        at.field("type", |at| match ty {
            "null" => {
                let why = "type cannot be set to null, use nullable as an alternative";
                errors.push(forbidden(at.path(), why));
            }
            "" => {}
            _ if TYPES.contains(&ty) => {}
            _ => errors.push(unsupported(at.path(), schema.sub("type"), &TYPES)),
        });
        at.field("items", |at| match schema.sub("items") {
            Json::Array(_) => {
                let why = "items must be a schema object and not an array";
                errors.push(forbidden(at.path(), why));
            }
            Json::Null if ty == "array" => errors.push(required(at.path(), "must be specified")),
            _ => {}
        });
        if schema.flag("uniqueItems") {
            let why = "uniqueItems cannot be set to true since the runtime complexity becomes \
                       quadratic";
            at.field("uniqueItems", |at| errors.push(forbidden(at.path(), why)));
        }
    }

    fn below(&mut self, schema: &Json, read: Option<&Structural>, place: &Place, at: &mut At) {
        let additional = schema.sub("additionalProperties");
        if !additional.is_null() {
            at.field("additionalProperties", |at| {
                if additional.as_bool() == Some(false) {
                    let why = "additionalProperties cannot be set to false";
                    self.errors.push(forbidden(at.path(), why));
                }
                if schema.entries("properties").next().is_some() {
                    let why = "additionalProperties and properties are mutual exclusive";
                    self.errors.push(forbidden(at.path(), why));
                }
                if additional.is_object() {
                    let read = read.and_then(|read| match &read.additional {
                        crate::schema::Additional::Schema(values) => Some(&**values),
                        _ => None,
                    });
                    let most = schema.sub("maxProperties").as_i64();
                    self.node(additional, read, &place.one_of(most, additional), at);
                }
            });
        }
        at.field("properties", |at| {
            for (name, property) in schema.entries("properties") {
                let read = read.and_then(|read| read.properties.get(name));
                at.key(name, |at| self.node(property, read, &place.field(property), at));
            }
        });
        if schema.sub("items").is_object() {
            let mut below = place.one_of(schema.sub("maxItems").as_i64(), schema.sub("items"));
            if schema.text("x-kubernetes-list-type") != "map" {
                below.rules.uncorrelatable.get_or_insert_with(|| at.path().to_owned());
            }
            let read = read.and_then(|read| read.items.as_deref());
            at.field("items", |at| self.node(schema.sub("items"), read, &below, at));
        }
    }

    fn restrictions(&mut self, schema: &Json, at: &mut At) {
        for word in ["allOf", "oneOf", "anyOf"] {
            let why = match word {
                "allOf" => "must not be set inside of allOf",
                "oneOf" => "must not be set inside of oneOf",
                _ => "must not be set inside of anyOf",
            };
            let place = Place { forbids_defaults: self.defaults(why), ..Place::default() };
            at.field(word, |at| {
                for (index, part) in schema.list(word).iter().enumerate() {
                    at.index(index, |at| self.node(part, None, &place, at));
                }
            });
        }
        if schema.sub("not").is_object() {
            let why = self.defaults("must not be set inside of not");
            let place = Place { forbids_defaults: why, ..Place::default() };
            at.field("not", |at| self.node(schema.sub("not"), None, &place, at));
        }
    }

    /// A schema that is not structural has been told of its defaults already.
    fn defaults(&self, why: &'static str) -> Option<&'static str> {
        self.read.is_some().then_some(why)
    }
}
