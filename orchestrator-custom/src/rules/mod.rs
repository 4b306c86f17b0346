//! Rules in CEL (`x-kubernetes-validations`): what a schema says about values beyond its words.

mod compile;
mod evaluate;
mod field_path;
mod show;
#[cfg(test)]
mod tests;
mod types;

use orchestrator_core::Json;

pub use evaluate::check;
pub use field_path::FieldPath;

pub(crate) use compile::{Compiled, CompiledRule};
pub(crate) use types::MAX_REQUEST;

use crate::value::Fields;

/// One rule of a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The expression that must be true.
    pub rule: String,
    /// What is told where it is not.
    pub message: String,
    /// An expression for what is told.
    pub message_expression: String,
    /// The kind of the error; `None` for an invalid value.
    pub reason: Option<String>,
    /// The field that the error is about, below the value.
    pub field_path: String,
    /// Whether the rule is asked where there is no old value too.
    pub optional_old_self: Option<bool>,
}

impl Rule {
    /// Reads a rule.
    pub fn read(rule: &Json) -> Self {
        let text = |name: &str| rule.text(name).to_owned();
        Self {
            rule: text("rule"),
            message: text("message"),
            message_expression: text("messageExpression"),
            reason: rule.get("reason").and_then(Json::as_str).map(str::to_owned),
            field_path: text("fieldPath"),
            optional_old_self: rule.get("optionalOldSelf").and_then(Json::as_bool),
        }
    }
}
