//! Every file begins with a header that says what it is.

use super::Source;

pub fn breaches(sources: &[Source]) -> Vec<String> {
    let tests = |source: &Source| source.path.ends_with("tests.rs");
    let bare = |source: &&Source| !source.text.starts_with("//!") && !tests(source);
    let named = |source: &Source| format!("{}: begins without a `//!` header", source.name());
    sources.iter().filter(bare).map(named).collect()
}
