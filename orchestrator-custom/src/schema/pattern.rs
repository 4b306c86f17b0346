//! Patterns: regular expressions, compiled when a text is first held against them.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use regex_syntax::ast;

/// The most memory of one compiled pattern: far more than a sensible one needs.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// A regular expression of a schema.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    compiled: Arc<OnceLock<Option<Regex>>>,
}

impl Pattern {
    /// The pattern `text`, which may be malformed.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), compiled: Arc::default() }
    }

    /// The expression.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a part of `text` matches; nothing matches a malformed expression.
    pub fn matches(&self, text: &str) -> bool {
        let compile = || RegexBuilder::new(&self.text).size_limit(MAX_COMPILED_BYTES).build().ok();
        self.compiled.get_or_init(compile).as_ref().is_some_and(|regex| regex.is_match(text))
    }

    /// What is wrong with the expression `text`, in the words of the API.
    pub fn fault(text: &str) -> Option<String> {
        let Err(error) = ast::parse::Parser::new().parse(text) else {
            let built = RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build();
            let error = built.err()?;
            let why = match error {
                regex::Error::CompiledTooBig(_) => "expression too large",
                _ => "invalid character class range",
            };
            return Some(format!("error parsing regexp: {why}: `{text}`"));
        };
        let span = error.span();
        let part = text.get(span.start.offset..span.end.offset).unwrap_or_default();
        Some(format!(
            "error parsing regexp: {}",
            fault(error.kind(), text, part, span.start.offset)
        ))
    }
}

fn fault(kind: &ast::ErrorKind, text: &str, part: &str, start: usize) -> String {
    use ast::ErrorKind;
    let rest = &text[start..];
    match kind {
        ErrorKind::GroupUnclosed => format!("missing closing ): `{text}`"),
        ErrorKind::GroupUnopened => format!("unexpected ): `{text}`"),
        ErrorKind::ClassUnclosed => format!("missing closing ]: `{rest}`"),
        ErrorKind::ClassRangeInvalid | ErrorKind::ClassRangeLiteral => {
            format!("invalid character class range: `{part}`")
        }
        ErrorKind::RepetitionMissing => {
            format!("missing argument to repetition operator: `{}`", operator(rest))
        }
        ErrorKind::RepetitionCountInvalid | ErrorKind::DecimalInvalid => {
            format!("invalid repeat count: `{part}`")
        }
        ErrorKind::EscapeUnexpectedEof => "trailing backslash at end of expression: ``".into(),
        ErrorKind::GroupNameInvalid
        | ErrorKind::GroupNameEmpty
        | ErrorKind::GroupNameUnexpectedEof
        | ErrorKind::GroupNameDuplicate { .. } => format!("invalid named capture: `{rest}`"),
        ErrorKind::FlagUnrecognized
        | ErrorKind::FlagUnexpectedEof
        | ErrorKind::UnsupportedLookAround => {
            format!("invalid or unsupported Perl syntax: `{part}`")
        }
        ErrorKind::NestLimitExceeded(_) => "expression nests too deeply: `".to_owned() + text + "`",
        ErrorKind::UnicodeClassInvalid => format!("invalid character class range: `{part}`"),
        _ => format!("invalid escape sequence: `{part}`"),
    }
}

/// The repetition operator at the beginning of `text`.
fn operator(text: &str) -> &str {
    let end = text.char_indices().nth(1).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_read_as_the_servers() {
        let cases = [
            ("(", "missing closing ): `(`"),
            ("a)", "unexpected ): `a)`"),
            ("[a", "missing closing ]: `[a`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("[z-a]", "invalid character class range: `z-a`"),
        ];
        for (pattern, wanted) in cases {
            let wanted = format!("error parsing regexp: {wanted}");
            assert_eq!(Pattern::fault(pattern).as_deref(), Some(&*wanted), "{pattern}");
        }
        assert_eq!(Pattern::fault("^a{1,3}$"), None);
    }

    #[test]
    fn a_pattern_matches_anywhere_and_a_malformed_one_nowhere() {
        assert!(Pattern::new("b+").matches("abbc"));
        assert!(!Pattern::new("^b").matches("ab"));
        assert!(!Pattern::new("(").matches("("));
    }
}
