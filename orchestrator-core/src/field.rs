//! Errors of single fields, and the paths that name them.
//!
//! Validation collects [`FieldErrors`]; [`Status::invalid`](crate::Status::invalid) turns them
//! into the 422 that clients see, with one cause per error.

use std::fmt;

use crate::Json;

/// The path of a field, built on the stack while walking down; rendering allocates, walking does
/// not.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The whole object.
    pub const ROOT: Path<'static> = Path { parent: None, step: Step::Root };

    /// The top-level field `name`.
    pub const fn new(name: &'a str) -> Self {
        Self { parent: None, step: Step::Field(name) }
    }

    /// The field `name` below this one.
    pub const fn child<'b>(&'b self, name: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Step::Field(name) }
    }

    /// The list item `index`.
    pub const fn index<'b>(&'b self, index: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Step::Index(index) }
    }

    /// The map entry `key`.
    pub const fn key<'b>(&'b self, key: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path { parent: Some(self), step: Step::Key(key) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below_root = match self.parent {
            Some(parent) => {
                parent.fmt(f)?;
                matches!(parent.step, Step::Root)
            }
            None => true,
        };
        match self.step {
            Step::Root => Ok(()),
            Step::Field(name) if below_root => f.write_str(name),
            Step::Field(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key}]"),
        }
    }
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldErrorKind {
    /// The value breaks a rule.
    Invalid,
    /// The value has the wrong type.
    TypeInvalid,
    /// A value is needed.
    Required,
    /// The value is not one of the known ones.
    NotSupported,
    /// The field may not be set, or not be changed.
    Forbidden,
    /// The value is too long.
    TooLong,
    /// The list has too many items.
    TooMany,
    /// The value must be unique and is not.
    Duplicate,
    /// What the value refers to does not exist.
    NotFound,
    /// The check itself failed.
    Internal,
}

impl FieldErrorKind {
    /// The words a message begins with.
    fn title(self) -> &'static str {
        match self {
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::Required => "Required value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Duplicate => "Duplicate value",
            Self::NotFound => "Not found",
            Self::Internal => "Internal error",
        }
    }

    /// The `reason` of the cause on the wire.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Required => "FieldValueRequired",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::Internal => "InternalError",
        }
    }
}

/// One thing wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// The path of the field, as in `spec.containers[0].name`.
    pub field: String,
    /// The message without the field, as in `Invalid value: "x": must be short`.
    pub message: String,
}

impl FieldError {
    fn new(kind: FieldErrorKind, path: &Path<'_>, value: Option<String>, detail: &str) -> Self {
        let mut message = String::from(kind.title());
        for part in value.iter().map(String::as_str).chain(Some(detail)).filter(|p| !p.is_empty()) {
            message.push_str(": ");
            message.push_str(part);
        }
        Self { kind, field: path.to_string(), message }
    }

    /// `value` breaks the rule that `detail` states.
    pub fn invalid(path: &Path<'_>, value: &Json, detail: impl AsRef<str>) -> Self {
        Self::new(FieldErrorKind::Invalid, path, Some(shown(value)), detail.as_ref())
    }

    /// A value is needed.
    pub fn required(path: &Path<'_>, detail: impl AsRef<str>) -> Self {
        Self::new(FieldErrorKind::Required, path, None, detail.as_ref())
    }

    /// The field may not be set, or not be changed.
    pub fn forbidden(path: &Path<'_>, detail: impl AsRef<str>) -> Self {
        Self::new(FieldErrorKind::Forbidden, path, None, detail.as_ref())
    }

    /// `value` is none of `supported`.
    pub fn not_supported<S: AsRef<str>>(path: &Path<'_>, value: &Json, supported: &[S]) -> Self {
        let quoted: Vec<_> = supported.iter().map(|s| format!("\"{}\"", s.as_ref())).collect();
        let detail = match quoted.is_empty() {
            true => String::new(),
            false => format!("supported values: {}", quoted.join(", ")),
        };
        Self::new(FieldErrorKind::NotSupported, path, Some(shown(value)), &detail)
    }

    /// The text is longer than `max` bytes.
    pub fn too_long(path: &Path<'_>, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {max} {unit}");
        Self::new(FieldErrorKind::TooLong, path, None, &detail)
    }

    /// The list has `actual` items where `max` are allowed.
    pub fn too_many(path: &Path<'_>, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        Self::new(FieldErrorKind::TooMany, path, Some(actual.to_string()), &detail)
    }

    /// `value` stands in the list already.
    pub fn duplicate(path: &Path<'_>, value: &Json) -> Self {
        Self::new(FieldErrorKind::Duplicate, path, Some(shown(value)), "")
    }

    /// Nothing is called `value`.
    pub fn not_found(path: &Path<'_>, value: &Json) -> Self {
        Self::new(FieldErrorKind::NotFound, path, Some(shown(value)), "")
    }

    /// `value` has the wrong type.
    pub fn type_invalid(path: &Path<'_>, value: &Json, detail: impl AsRef<str>) -> Self {
        Self::new(FieldErrorKind::TypeInvalid, path, Some(shown(value)), detail.as_ref())
    }

    /// The check itself failed.
    pub fn internal(path: &Path<'_>, detail: impl AsRef<str>) -> Self {
        Self::new(FieldErrorKind::Internal, path, None, detail.as_ref())
    }
}

/// A value as messages show it: JSON, with `null` for nothing.
fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{text:?}").replace("\\'", "'"),
        other => other.to_string(),
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// All that is wrong with one object, in the order found.
pub type FieldErrors = Vec<FieldError>;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_and_messages_read_as_the_servers() {
        let spec = Path::new("spec");
        let containers = spec.child("containers");
        let first = containers.index(0);
        let cases = [
            (
                FieldError::required(&first.child("name"), ""),
                "spec.containers[0].name: Required value",
            ),
            (
                FieldError::invalid(&spec.child("replicas"), &json!(-1), "must be positive"),
                "spec.replicas: Invalid value: -1: must be positive",
            ),
            (
                FieldError::not_supported(&spec.child("type"), &json!("x"), &["A", "B"]),
                "spec.type: Unsupported value: \"x\": supported values: \"A\", \"B\"",
            ),
            (
                FieldError::too_long(&Path::new("data").key("a"), 63),
                "data[a]: Too long: may not be more than 63 bytes",
            ),
            (
                FieldError::duplicate(&spec.child("name"), &json!("x")),
                "spec.name: Duplicate value: \"x\"",
            ),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), text);
        }
        assert_eq!(Path::ROOT.child("spec").to_string(), "spec");
    }
}
