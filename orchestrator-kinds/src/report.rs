//! Collecting what is wrong with an object.

use std::borrow::Cow;
use std::fmt::Display;

use orchestrator_core::Json;
use orchestrator_core::field::{FieldError, FieldErrorKind, FieldErrors, Path};

/// Why a value breaks a rule: one sentence per fault, without the value.
pub type Faults = Vec<Cow<'static, str>>;

/// A value as a message shows it.
pub trait Shown {
    /// JSON for most values, the text itself for [`Verbatim`].
    fn shown(self) -> String;
}

impl Shown for &Json {
    fn shown(self) -> String {
        match self {
            Json::String(text) => text.as_str().shown(),
            other => other.to_string(),
        }
    }
}

impl Shown for &str {
    fn shown(self) -> String {
        format!("{self:?}").replace("\\'", "'")
    }
}

impl Shown for i64 {
    fn shown(self) -> String {
        self.to_string()
    }
}

impl Shown for bool {
    fn shown(self) -> String {
        self.to_string()
    }
}

/// A value that is shown as it stands, for what JSON with sorted keys cannot say.
#[derive(Clone, Copy, Debug)]
pub struct Verbatim<T>(pub T);

impl<T: Display> Shown for Verbatim<T> {
    fn shown(self) -> String {
        self.0.to_string()
    }
}

/// Collects errors.
pub trait Report {
    /// `value` breaks the rule that `detail` states.
    fn invalid(&mut self, path: &Path<'_>, value: impl Shown, detail: impl AsRef<str>);

    /// A value is needed.
    fn required(&mut self, path: &Path<'_>, detail: impl AsRef<str>);

    /// The field may not be set, or not be changed.
    fn forbidden(&mut self, path: &Path<'_>, detail: impl AsRef<str>);

    /// `value` is none of `supported`.
    fn unsupported(&mut self, path: &Path<'_>, value: impl Shown, supported: &[&str]);

    /// `value` stands there already; `detail` may be empty.
    fn duplicate(&mut self, path: &Path<'_>, value: impl Shown, detail: &str);

    /// Nothing is called `value`; `detail` may be empty.
    fn missing(&mut self, path: &Path<'_>, value: impl Shown, detail: &str);

    /// The text is longer than `max` bytes.
    fn too_long(&mut self, path: &Path<'_>, max: usize);

    /// The list has `actual` items where `max` are allowed.
    fn too_many(&mut self, path: &Path<'_>, actual: usize, max: usize);

    /// `value` breaks one rule per fault.
    fn faults(&mut self, path: &Path<'_>, value: &str, faults: Faults);
}

impl Report for FieldErrors {
    #[cold]
    fn invalid(&mut self, path: &Path<'_>, value: impl Shown, detail: impl AsRef<str>) {
        push(self, FieldErrorKind::Invalid, path, "Invalid value", &value.shown(), detail.as_ref());
    }

    #[cold]
    fn required(&mut self, path: &Path<'_>, detail: impl AsRef<str>) {
        push(self, FieldErrorKind::Required, path, "Required value", "", detail.as_ref());
    }

    #[cold]
    fn forbidden(&mut self, path: &Path<'_>, detail: impl AsRef<str>) {
        push(self, FieldErrorKind::Forbidden, path, "Forbidden", "", detail.as_ref());
    }

    #[cold]
    fn unsupported(&mut self, path: &Path<'_>, value: impl Shown, supported: &[&str]) {
        let quoted: Vec<_> = supported.iter().map(|one| format!("\"{one}\"")).collect();
        let detail = match quoted.is_empty() {
            true => String::new(),
            false => format!("supported values: {}", quoted.join(", ")),
        };
        let kind = FieldErrorKind::NotSupported;
        push(self, kind, path, "Unsupported value", &value.shown(), &detail);
    }

    #[cold]
    fn duplicate(&mut self, path: &Path<'_>, value: impl Shown, detail: &str) {
        push(self, FieldErrorKind::Duplicate, path, "Duplicate value", &value.shown(), detail);
    }

    #[cold]
    fn missing(&mut self, path: &Path<'_>, value: impl Shown, detail: &str) {
        push(self, FieldErrorKind::NotFound, path, "Not found", &value.shown(), detail);
    }

    #[cold]
    fn too_long(&mut self, path: &Path<'_>, max: usize) {
        self.push(FieldError::too_long(path, max));
    }

    #[cold]
    fn too_many(&mut self, path: &Path<'_>, actual: usize, max: usize) {
        self.push(FieldError::too_many(path, actual, max));
    }

    fn faults(&mut self, path: &Path<'_>, value: &str, faults: Faults) {
        for fault in faults {
            self.invalid(path, value, fault);
        }
    }
}

fn push(
    errors: &mut FieldErrors,
    kind: FieldErrorKind,
    path: &Path<'_>,
    title: &str,
    value: &str,
    detail: &str,
) {
    let mut message = String::from(title);
    for part in [value, detail] {
        if !part.is_empty() {
            message.push_str(": ");
            message.push_str(part);
        }
    }
    errors.push(FieldError { kind, field: path.to_string(), message });
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_read_as_the_servers() {
        let mut errors = FieldErrors::new();
        let path = Path::new("spec");
        errors.invalid(&path, "a\"b", "no");
        errors.invalid(&path, &json!({"a": 1}), "no");
        errors.required(&path, "");
        errors.unsupported(&path, "x", &["A", "B"]);
        errors.duplicate(&path, Verbatim("{a, b}"), "");
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "spec: Invalid value: \"a\\\"b\": no",
                "spec: Invalid value: {\"a\":1}: no",
                "spec: Required value",
                "spec: Unsupported value: \"x\": supported values: \"A\", \"B\"",
                "spec: Duplicate value: {a, b}",
            ]
        );
    }
}
