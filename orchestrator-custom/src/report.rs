//! Errors at paths that are built while walking down.

use std::fmt::Write as _;

use orchestrator_core::Json;
use orchestrator_core::field::{FieldError, FieldErrorKind};

/// The path of the value that is looked at, as in `spec.ports[0].name`.
#[derive(Debug, Default)]
pub(crate) struct At(String);

impl At {
    /// The path `path`.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The path as it is.
    pub(crate) fn path(&self) -> &str {
        &self.0
    }

    /// Looks at the field `name`.
    pub(crate) fn field<T>(&mut self, name: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.0.len();
        if length > 0 {
            self.0.push('.');
        }
        self.0.push_str(name);
        self.back(length, look)
    }

    /// Looks at the item `index`.
    pub(crate) fn index<T>(&mut self, index: usize, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.0.len();
        write!(self.0, "[{index}]").expect("a string takes all");
        self.back(length, look)
    }

    /// Looks at the entry `key`, as paths into schemas name it.
    pub(crate) fn key<T>(&mut self, key: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.0.len();
        write!(self.0, "[{key}]").expect("a string takes all");
        self.back(length, look)
    }

    fn back<T>(&mut self, length: usize, look: impl FnOnce(&mut Self) -> T) -> T {
        let seen = look(self);
        self.0.truncate(length);
        seen
    }
}

/// What stands for a path where an error is about no field.
pub(crate) const NO_FIELD: &str = "<nil>";

/// A value as messages show it.
pub(crate) fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{text:?}").replace("\\'", "'"),
        other => other.to_string(),
    }
}

fn error(kind: FieldErrorKind, path: &str, title: &str, parts: [&str; 2]) -> FieldError {
    let mut message = title.to_owned();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        message.push_str(": ");
        message.push_str(part);
    }
    FieldError { kind, field: path.to_owned(), message }
}

/// `value` breaks a rule; a value that would be no use is not shown.
pub(crate) fn invalid(path: &str, value: Option<&Json>, detail: &str) -> FieldError {
    let value = value.map(shown).unwrap_or_default();
    error(FieldErrorKind::Invalid, path, "Invalid value", [&value, detail])
}

/// The same of a value that is written as it stands.
pub(crate) fn invalid_verbatim(path: &str, value: &str, detail: &str) -> FieldError {
    error(FieldErrorKind::Invalid, path, "Invalid value", [value, detail])
}

/// `value` has the wrong type.
pub(crate) fn type_invalid(path: &str, value: &Json, detail: &str) -> FieldError {
    error(FieldErrorKind::TypeInvalid, path, "Invalid value", [&shown(value), detail])
}

/// A value is needed.
pub(crate) fn required(path: &str, detail: &str) -> FieldError {
    error(FieldErrorKind::Required, path, "Required value", ["", detail])
}

/// The field may not be set.
pub(crate) fn forbidden(path: &str, detail: &str) -> FieldError {
    error(FieldErrorKind::Forbidden, path, "Forbidden", ["", detail])
}

/// `value` stands in the list already.
pub(crate) fn duplicate(path: &str, value: &Json) -> FieldError {
    error(FieldErrorKind::Duplicate, path, "Duplicate value", [&shown(value), ""])
}

/// `value` is none of `supported`.
pub(crate) fn unsupported<S: AsRef<str>>(path: &str, value: &Json, supported: &[S]) -> FieldError {
    let quoted: Vec<String> = supported.iter().map(|one| format!("\"{}\"", one.as_ref())).collect();
    let detail = match quoted.is_empty() {
        true => String::new(),
        false => format!("supported values: {}", quoted.join(", ")),
    };
    let kind = FieldErrorKind::NotSupported;
    error(kind, path, "Unsupported value", [&shown(value), &detail])
}

/// The text is longer than `max` bytes.
pub(crate) fn too_long(path: &str, max: i64) -> FieldError {
    let unit = if max == 1 { "byte" } else { "bytes" };
    let detail = format!("may not be more than {max} {unit}");
    error(FieldErrorKind::TooLong, path, "Too long", ["", &detail])
}

/// The list or map has `actual` items where `max` are allowed.
pub(crate) fn too_many(path: &str, actual: usize, max: i64) -> FieldError {
    let unit = if max == 1 { "item" } else { "items" };
    let detail = format!("must have at most {max} {unit}");
    error(FieldErrorKind::TooMany, path, "Too many", [&actual.to_string(), &detail])
}
