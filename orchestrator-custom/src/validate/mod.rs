//! Whether an object obeys the schema of its kind, in the words of the API.
//!
//! The order of checks and the words are those of the validator that upstream uses: the type
//! first, then `allOf` and the like, then what belongs to texts, numbers, lists, the values
//! allowed, and the fields of objects.
//!
//! What was wrong before may stay as it is: an error about a value that a change leaves alone is
//! no error of that change (ratcheting).

mod compose;
mod format;
mod lists;
mod number;
mod object;
#[cfg(test)]
mod tests;
mod text;
mod view;

use orchestrator_core::Json;
use orchestrator_core::field::{FieldError, FieldErrorKind, FieldErrors};
use orchestrator_core::object::Map;

pub use crate::rules::check as rules;
pub use crate::value::MetadataCheck;
pub use lists::unique_items;

pub(crate) use lists::{by_key, key};

use crate::report::{At, NO_FIELD, invalid, required, type_invalid, unsupported};
use crate::schema::{Structural, Type};
use view::View;

/// How many errors of one object are told; the rest is not worth sending.
const MAX_ERRORS: usize = 1000;

/// How many pairs of a value and a schema are looked at: a schema of many alternatives for each
/// item of a long list would take minutes.
const MAX_STEPS: usize = 10_000_000;

/// What is wrong with `object` under `schema`; values that are as they were in `old` are left
/// alone.
pub fn object(schema: &Structural, object: &Map, old: Option<&Map>) -> FieldErrors {
    value_at(schema, View::Map(object), old.map(View::Map), "", MAX_STEPS)
}

/// What is wrong with the value at `base` under `schema`.
pub(crate) fn value(schema: &Structural, value: &Json, base: &str) -> FieldErrors {
    value_at(schema, View::of(value), None, base, MAX_STEPS)
}

fn value_at(
    schema: &Structural,
    value: View<'_>,
    old: Option<View<'_>>,
    base: &str,
    steps: usize,
) -> FieldErrors {
    let mut walk =
        Walk { base: base.to_owned(), at: At::default(), errors: Vec::new(), matches: 0, steps };
    walk.ratcheted(schema, value, old);
    if walk.steps == 0 {
        let why = "the object is too complex to be held against its schema";
        walk.errors.push(FieldError {
            kind: FieldErrorKind::Internal,
            field: NO_FIELD.into(),
            message: format!("Internal error: {why}"),
        });
    }
    walk.errors
}

/// Checks the objects embedded in an object; `metadata` checks theirs.
pub fn embedded(schema: &Structural, object: &Map, metadata: MetadataCheck<'_>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let mut at = At::default();
    for (name, value) in object {
        if let Some(schema) = schema.field(name) {
            at.field(name, |at| {
                crate::value::check_embedded(schema, value, at, metadata, &mut errors);
            });
        }
    }
    errors
}

/// Whether rules in CEL are to be left alone because of what is wrong already; then the error
/// that says so.
pub fn blocks_rules(errors: &[FieldError]) -> Option<FieldError> {
    let blocks = |error: &FieldError| {
        matches!(
            error.kind,
            FieldErrorKind::NotSupported
                | FieldErrorKind::Required
                | FieldErrorKind::TooLong
                | FieldErrorKind::TooMany
                | FieldErrorKind::TypeInvalid
        )
    };
    const WHY: &str = "some validation rules were not checked because the object was invalid; \
                       correct the existing errors to complete validation";
    errors.iter().any(blocks).then(|| invalid(NO_FIELD, Some(&Json::Null), WHY))
}

/// A walk through a value and its schema.
struct Walk {
    /// Where the value is that the walk began with; empty for an object.
    base: String,
    /// The path below that, which the messages of the validator name.
    at: At,
    errors: FieldErrors,
    /// How many checks were made: of alternatives that all fail, the one with the most is told.
    matches: usize,
    /// How many more pairs may be looked at.
    steps: usize,
}

impl Walk {
    fn report(&mut self, error: FieldError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// An error about no field, as the validator has them.
    fn remark(&mut self, why: &str) {
        let field = if self.base.is_empty() { NO_FIELD } else { &self.base };
        let error = invalid(field, Some(&Json::from("")), why);
        self.report(error);
    }

    /// The path of the value as errors name it.
    fn field(&self) -> String {
        match (self.base.as_str(), self.at.path()) {
            ("", "") => NO_FIELD.to_owned(),
            ("", path) => path.to_owned(),
            (base, "") => base.to_owned(),
            (base, path) => format!("{base}.{path}"),
        }
    }

    /// `value` breaks a rule: `<path> in body <rule>`.
    fn breaks(&mut self, value: View<'_>, rule: &str) {
        let path = self.at.path();
        let detail = format!("{path} in body {rule}");
        let error = invalid(&self.field(), Some(&value.to_json()), &detail);
        self.report(error);
    }

    /// Checks a value, and lets pass what was wrong before.
    fn ratcheted(&mut self, schema: &Structural, value: View<'_>, old: Option<View<'_>>) {
        let before = self.errors.len();
        self.check(schema, value, old);
        if self.errors.len() > before && old == Some(value) {
            self.errors.truncate(before);
        }
    }

    fn check(&mut self, schema: &Structural, value: View<'_>, old: Option<View<'_>>) {
        let Some(left) = self.steps.checked_sub(1) else { return };
        self.steps = left;
        self.check_type(schema, value);
        if value == View::Null {
            self.check_values(schema, value);
            return;
        }
        self.compose(schema, value, old);
        match value {
            View::Text(text) => self.text(schema, text),
            View::Number(number) => self.number(schema, number),
            View::List(items) => self.items(schema, items, old),
            _ => {}
        }
        self.check_values(schema, value);
        if let View::Map(map) = value {
            self.fields(schema, map, old);
        }
        self.matches += 1;
    }

    fn check_type(&mut self, schema: &Structural, value: View<'_>) {
        let wanted = match (schema.ty, schema.int_or_string) {
            (_, true) => "integer,string",
            (Some(ty), false) => ty.word(),
            (None, false) => return,
        };
        self.matches += 1;
        let fits = match value {
            View::Null => schema.nullable,
            _ if schema.int_or_string => value.is(Type::Integer) || value.is(Type::String),
            _ => schema.ty.is_some_and(|ty| value.is(ty)),
        };
        if !fits {
            let (path, found) = (self.at.path(), value.word());
            let detail = format!("{path} in body must be of type {wanted}: {found:?}");
            let error = type_invalid(&self.field(), &Json::from(found), &detail);
            self.report(error);
        }
    }

    fn check_values(&mut self, schema: &Structural, value: View<'_>) {
        let values = &schema.checks.values;
        if values.is_empty() {
            return;
        }
        self.matches += 1;
        let is_allowed = (value == View::Null && schema.nullable)
            || values.iter().any(|allowed| View::of(allowed).equals(value));
        if !is_allowed {
            let texts: Vec<String> = values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect();
            let error = unsupported(&self.field(), &value.to_json(), &texts);
            self.report(error);
        }
    }

    fn require(&mut self, name: &str) {
        let path = match self.field() {
            whole if whole == NO_FIELD => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        self.report(required(&path, ""));
    }
}
