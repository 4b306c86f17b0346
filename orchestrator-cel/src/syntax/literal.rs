//! Numbers and texts as they are written.

use super::token::TokenKind;
use super::{Issue, Literal};

type Read = Option<(TokenKind, usize)>;

/// Reads a number at the begin of `rest`.
pub(super) fn number(rest: &str, at: usize) -> Result<Read, Issue> {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let leads = bytes[0].is_ascii_digit()
        || (bytes[0] == b'.' && bytes.get(1).is_some_and(u8::is_ascii_digit));
    if !leads {
        return Ok(None);
    }
    if rest.starts_with("0x") {
        let length = bytes[2..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if length > 0 {
            return whole(&rest[2..2 + length], 16, rest, 2 + length, at).map(Some);
        }
    }
    let mut end = digits(0);
    let mut double = false;
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
        double = true;
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(end + 1 + sign..).map_or(0, |_| digits(end + 1 + sign));
        if exponent > 0 {
            double = true;
            end += 1 + sign + exponent;
        }
    }
    if !double {
        return whole(&rest[..end], 10, rest, end, at).map(Some);
    }
    let value = rest[..end].parse().map_err(|_| Issue::new(at, "invalid double literal"))?;
    Ok(Some((TokenKind::Literal(Literal::Double(value)), end)))
}

fn whole(
    digits: &str,
    radix: u32,
    rest: &str,
    end: usize,
    at: usize,
) -> Result<(TokenKind, usize), Issue> {
    if rest[end..].starts_with(['u', 'U']) {
        let value = u64::from_str_radix(digits, radix)
            .map_err(|_| Issue::new(at, "invalid uint literal"))?;
        return Ok((TokenKind::Literal(Literal::Uint(value)), end + 1));
    }
    match i64::from_str_radix(digits, radix) {
        Ok(value) => Ok((TokenKind::Literal(Literal::Int(value)), end)),
        // The smallest integer has a minus before it.
        Err(_) if u64::from_str_radix(digits, radix) == Ok(1 << 63) => {
            Ok((TokenKind::LargeInt, end))
        }
        Err(_) => Err(Issue::new(at, "invalid int literal")),
    }
}

/// Reads a text or bytes at the begin of `rest`.
pub(super) fn text(rest: &str, at: usize) -> Result<Read, Issue> {
    let prefix = rest.bytes().take_while(|b| matches!(b, b'r' | b'R' | b'b' | b'B')).count();
    if prefix > 2 || !rest[prefix..].starts_with(['"', '\'']) {
        return Ok(None);
    }
    let marks = &rest[..prefix];
    let (raw, bytes) = (marks.contains(['r', 'R']), marks.contains(['b', 'B']));
    if prefix == 2 && !(raw && bytes) {
        return Ok(None);
    }
    let quote = &rest[prefix..=prefix];
    let long = [quote; 3].concat();
    let (quote, open) = match rest[prefix..].starts_with(&long) {
        true => (long.as_str(), prefix + 3),
        false => (quote, prefix + 1),
    };
    let Some(length) = content(&rest[open..], quote, raw) else {
        let text: String = rest.chars().take(100).collect();
        let message = format!("Syntax error: token recognition error at: '{text}'");
        return Err(Issue::new(at, message));
    };
    let body = &rest[open..open + length];
    let end = open + length + quote.len();
    let literal = match (raw, bytes) {
        (true, true) => Literal::Bytes(body.as_bytes().into()),
        (true, false) => Literal::String(body.into()),
        (false, true) => Literal::Bytes(unescape(body, true, at)?.into()),
        (false, false) => {
            let text = String::from_utf8(unescape(body, false, at)?);
            Literal::String(text.map_err(|_| Issue::new(at, "invalid text"))?.into())
        }
    };
    Ok(Some((TokenKind::Literal(literal), end)))
}

/// How long the text is that ends at `quote`.
fn content(rest: &str, quote: &str, raw: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let here = &rest[at..];
        if here.starts_with(quote) {
            return Some(at);
        }
        let mut letters = here.chars();
        match letters.next()? {
            '\n' | '\r' if quote.len() == 1 => return None,
            '\\' if !raw => at += 1 + letters.next()?.len_utf8(),
            letter => at += letter.len_utf8(),
        }
    }
}

fn unescape(body: &str, bytes: bool, at: usize) -> Result<Vec<u8>, Issue> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(found) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..found]);
        rest = &rest[found + 1..];
        let used = escape(rest, bytes, &mut out)
            .ok_or_else(|| Issue::new(at, "unable to unescape string"))?;
        rest = &rest[used..];
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Writes what the escape after a backslash stands for; how long it is.
fn escape(rest: &str, bytes: bool, out: &mut Vec<u8>) -> Option<usize> {
    let first = rest.chars().next()?;
    let plain = match first {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '\'' | '"' | '`' | '?' => first as u8,
        _ => return coded(rest, first, bytes, out),
    };
    out.push(plain);
    Some(1)
}

/// An escape by number: `\x41`, `\u0041`, `\U00000041`, `\101`.
fn coded(rest: &str, first: char, bytes: bool, out: &mut Vec<u8>) -> Option<usize> {
    let (skip, length, radix) = match first {
        'x' | 'X' => (1, 2, 16),
        'u' if !bytes => (1, 4, 16),
        'U' if !bytes => (1, 8, 16),
        '0'..='3' => (0, 3, 8),
        _ => return None,
    };
    let digits = rest.get(skip..skip + length)?;
    if digits.starts_with('+') {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    if bytes {
        out.push(u8::try_from(code).ok()?);
    } else {
        let mut buffer = [0; 4];
        out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut buffer).as_bytes());
    }
    Some(skip + length)
}
