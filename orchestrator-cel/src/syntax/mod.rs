//! Text to trees.
//!
//! The parser is a precedence climber with a bound on depth and size, so that no text makes it or
//! those who walk its trees use more than a known amount of stack. It keeps where each node stands
//! and what the macros were, which the checker and the evaluator need and the parser of the
//! library drops. What it refuses, the library's parser is asked about ([`explain`]): that is made
//! of upstream's grammar and words the errors as clients know them.

pub(crate) mod ast;
mod explain;
mod literal;
mod macros;
mod parser;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use ast::{Expr, FoldKind, Kind, Literal, SelectMode};
pub(crate) use parser::type_name as parser_name;

/// How many characters an expression may have, as upstream.
const CHARS_MAX: usize = 100_000;

/// One thing that is wrong with an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Issue {
    /// The byte of the source that it is about.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) message: String,
}

impl Issue {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// A tree, and how many nodes it has.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) root: Expr,
    pub(crate) nodes: usize,
}

/// Reads an expression.
pub(crate) fn parse(source: &str) -> Result<Parsed, Vec<Issue>> {
    let size = source.chars().take(CHARS_MAX + 1).count();
    if size > CHARS_MAX {
        let size = source.chars().count();
        let message =
            format!("expression code point size exceeds limit: size: {size}, limit {CHARS_MAX}");
        return Err(vec![Issue::new(0, message)]);
    }
    let parsed = token::tokens(source).and_then(|tokens| parser::parse(&tokens));
    parsed.map_err(|issue| explain::issues(source).unwrap_or_else(|| vec![issue]))
}
