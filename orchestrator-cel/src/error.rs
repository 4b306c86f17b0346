//! What can be wrong with an expression, and with its evaluation.

use std::fmt;
use std::sync::Arc;

use crate::syntax::Issue;
use crate::value::Question;

/// Why an expression is none.
///
/// It prints as clients know it: each error with its place, the line, and a caret.
#[derive(Clone, Debug, thiserror::Error)]
pub struct CompileError {
    text: Arc<str>,
    issues: Vec<Issue>,
}

impl CompileError {
    pub(crate) fn new(source: &str, mut issues: Vec<Issue>) -> Self {
        issues.sort_by_key(|issue| issue.at);
        Self { text: source.into(), issues }
    }

    /// The bare messages, in the order of their places.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.issues.iter().map(|issue| issue.message.as_str())
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, issue) in self.issues.iter().enumerate() {
            let before = &self.text[..floor(&self.text, issue.at)];
            let line = before.matches('\n').count() + 1;
            let start = before.rfind('\n').map_or(0, |at| at + 1);
            let column = before[start..].chars().count();
            let text = self.text[start..].lines().next().unwrap_or_default().replace('\t', " ");
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}ERROR: <input>:{line}:{}: {}", column + 1, issue.message)?;
            write!(f, "\n | {text}\n | {}^", ".".repeat(column))?;
        }
        Ok(())
    }
}

/// The nearest place at or before `at` that is between two characters.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// What it does is not defined for the values it met; `&&` and `||` may do without it.
    #[error("{0}")]
    Undefined(String),
    /// It has used up what it may cost.
    #[error("operation cancelled: actual cost limit exceeded")]
    Cost,
    /// It wants to know something that takes time to find out: find it out, and evaluate again.
    #[error("the answer to a question is not known yet")]
    Unanswered(Box<Question>),
}

impl EvalError {
    /// An error of the kind that `&&` and `||` may do without.
    pub fn undefined(message: impl Into<String>) -> Self {
        Self::Undefined(message.into())
    }

    pub(crate) fn overload() -> Self {
        Self::undefined("no such overload")
    }

    pub(crate) fn key(key: impl fmt::Display) -> Self {
        Self::Undefined(format!("no such key: {key}"))
    }

    /// Whether the evaluation ends here, whatever else is in the expression.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self, Self::Undefined(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_line_and_a_caret() {
        let issues = vec![Issue::new(13, "b"), Issue::new(4, "a")];
        let error = CompileError::new("self.x > 1 &&\n\tself.y", issues);
        assert_eq!(
            error.to_string(),
            "ERROR: <input>:1:5: a\n | self.x > 1 &&\n | ....^\n\
             ERROR: <input>:1:14: b\n | self.x > 1 &&\n | .............^"
        );
    }
}
