//! Percent-encoding: the one decoder for paths and queries, and an encoder for both.

use std::borrow::Cow;

/// What a plus sign stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plus {
    /// Itself, as in a path.
    Keep,
    /// A space, as in a query.
    Space,
}

/// Decodes `raw`; `None` where an escape is cut short or the bytes are not UTF-8.
pub fn decode(raw: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let special = |byte: &u8| *byte == b'%' || (plus == Plus::Space && *byte == b'+');
    if !raw.as_bytes().iter().any(special) {
        return Some(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'%' => {
                let [high, low, after @ ..] = rest else { return None };
                bytes.push(hex(*high)? << 4 | hex(*low)?);
                rest = after;
            }
            b'+' if plus == Plus::Space => bytes.push(b' '),
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The pairs of a query string, in order; badly escaped ones are left out, as Go's parser does.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')).filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(key, Plus::Space)?, decode(value, Plus::Space)?))
    })
}

/// Appends `text`, escaped so that it can stand in a segment of a path or in a query.
pub fn push(out: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            other => {
                let digit = |four: u8| char::from(DIGITS[usize::from(four)]);
                out.extend(['%', digit(other >> 4), digit(other & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_escaped_reads_back(text in "\\PC{0,40}") {
            let mut escaped = String::new();
            push(&mut escaped, &text);
            for plus in [Plus::Keep, Plus::Space] {
                let read = decode(&escaped, plus).map(Cow::into_owned);
                prop_assert_eq!(read.as_ref(), Some(&text));
            }
        }
    }

    #[test]
    fn pairs_are_decoded_in_order() {
        let read: Vec<_> = pairs("a=b%20c&d&e=+&%zz=1&f=%ff&&g=a=b").collect();
        let expected = [("a", "b c"), ("d", ""), ("e", " "), ("g", "a=b")];
        assert_eq!(read, expected.map(|(key, value)| (Cow::from(key), Cow::from(value))));
    }
}
