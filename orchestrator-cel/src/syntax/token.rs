//! Text to tokens.

use super::literal;
use super::{Issue, Literal};

/// A token and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Token<'s> {
    pub(super) at: u32,
    pub(super) text: &'s str,
    pub(super) kind: TokenKind,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A name.
    Ident,
    /// A number or a text. `true`, `false` and `null` too.
    Literal(Literal),
    /// An integer too large for a positive one: with a minus before it, it may still do.
    LargeInt,
    /// An operator or a bracket, or the word `in`.
    Symbol,
    /// The end.
    End,
}

const SYMBOLS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "[", "]", "{", "}", "(", ")", ".", ",", "-", "!",
    "?", ":", "+", "*", "/", "%", "=",
];

/// All tokens of `source`, the end included.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, Issue> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(next) = skip(source, at) {
        let (kind, length) = token(source, next)?;
        tokens.push(Token { at: next as u32, text: &source[next..next + length], kind });
        at = next + length;
    }
    tokens.push(Token { at: source.len() as u32, text: "<EOF>", kind: TokenKind::End });
    Ok(tokens)
}

/// The next byte that is neither blank nor part of a comment.
fn skip(source: &str, mut at: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    loop {
        match bytes.get(at)? {
            b'\t' | b' ' | b'\r' | b'\n' | 0x0c => at += 1,
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += source[at..].find('\n').unwrap_or(source.len() - at);
            }
            _ => return Some(at),
        }
    }
}

fn token(source: &str, at: usize) -> Result<(TokenKind, usize), Issue> {
    let rest = &source[at..];
    if let Some(read) = literal::text(rest, at)? {
        return Ok(read);
    }
    if let Some(read) = literal::number(rest, at)? {
        return Ok(read);
    }
    let word = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    if word > 0 {
        let kind = match &rest[..word] {
            "true" => TokenKind::Literal(Literal::Bool(true)),
            "false" => TokenKind::Literal(Literal::Bool(false)),
            "null" => TokenKind::Literal(Literal::Null),
            "in" => TokenKind::Symbol,
            _ => TokenKind::Ident,
        };
        return Ok((kind, word));
    }
    let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol) && **symbol != "=");
    match symbol {
        Some(symbol) => Ok((TokenKind::Symbol, symbol.len())),
        None => {
            let odd: String = rest.chars().take(1).collect();
            Err(Issue::new(at, format!("Syntax error: token recognition error at: '{odd}'")))
        }
    }
}
