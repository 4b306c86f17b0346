//! The words for text that is no expression.
//!
//! Upstream's parser is generated from a grammar, and what it says about an error follows from the
//! tables of the generated machine. The library's parser is generated from the same grammar: it
//! is asked for the words, and for nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kube_cel::cel::parser::Parser;

use super::Issue;

/// How long a text may be to be explained. The machine looks ahead as far as it takes; clients
/// read messages about expressions of a few lines.
const BYTES_MAX: usize = 4096;
/// How deep brackets may be nested to be explained: the machine recurses.
const NESTING_MAX: usize = 64;

/// What is wrong with `source`; `None` where the library cannot tell.
pub(super) fn issues(source: &str) -> Option<Vec<Issue>> {
    if source.len() > BYTES_MAX || nesting(source) > NESTING_MAX {
        return None;
    }
    // The text is hostile and the machine is large: a panic in it is no answer, and no more.
    let parsed =
        catch_unwind(AssertUnwindSafe(|| Parser::new().enable_optional_syntax(true).parse(source)));
    let errors = parsed.ok()?.err()?.errors;
    let issues: Vec<_> = errors
        .into_iter()
        .filter(|error| error.pos.0 > 0)
        .map(|error| Issue::new(offset(source, error.pos), error.msg))
        .collect();
    (!issues.is_empty()).then_some(issues)
}

/// An upper bound of how deep an expression nests.
fn nesting(source: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for byte in source.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'?' | b'!' | b'-' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The byte at a line and a column, both counted from one.
fn offset(source: &str, (line, column): (isize, isize)) -> usize {
    let before = usize::try_from(line - 1).unwrap_or_default();
    let start: usize = source.split_inclusive('\n').take(before).map(str::len).sum();
    let column = usize::try_from(column - 1).unwrap_or_default();
    let rest = source.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
}
