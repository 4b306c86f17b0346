//! JSON text, walked over without decoding it.
//!
//! Whoever only takes a text apart (a list into its items, an object into what is stored and
//! what is sent) copies bytes; a tree would be hundreds of allocations. The walk checks no more
//! than it needs to find its way: what it hands out is for a decoder to judge. Nesting costs a
//! counter, not the stack.

use std::ops::Range;

/// The text is no JSON, or not what it was walked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed JSON")]
pub struct Malformed;

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'b> {
    /// The name as it is spelt, without its quotes.
    pub name: &'b [u8],
    /// The place of name, colon and value.
    pub whole: Range<usize>,
    /// The place of the value.
    pub value: Range<usize>,
}

/// The members of an object, one after the other.
#[derive(Clone, Debug)]
pub struct Members<'b> {
    bytes: &'b [u8],
    at: usize,
    is_first: bool,
}

impl<'b> Members<'b> {
    /// The members of the object that begins at `at`; `None` where none does.
    pub fn new(bytes: &'b [u8], at: usize) -> Option<Self> {
        Some(Self::inside(bytes, opened(bytes, at, b'{')?))
    }

    /// The members of an object whose brace is right before `at`.
    pub(crate) fn inside(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at, is_first: true }
    }

    /// Where the walk is: behind the opening brace at first, behind the closing one at last.
    pub fn place(&self) -> usize {
        self.at
    }

    /// The next member; `None` behind the closing brace.
    ///
    /// # Errors
    /// What comes next is neither.
    pub fn step(&mut self) -> Result<Option<Member<'b>>, Malformed> {
        let Some(start) = item(self.bytes, &mut self.at, &mut self.is_first, b'}')? else {
            return Ok(None);
        };
        let end = string_end(self.bytes, start).ok_or(Malformed)?;
        let colon = blank(self.bytes, end);
        if self.bytes.get(colon) != Some(&b':') {
            return Err(Malformed);
        }
        let value = blank(self.bytes, colon + 1);
        self.at = value_end(self.bytes, value).ok_or(Malformed)?;
        let name = &self.bytes[start + 1..end - 1];
        Ok(Some(Member { name, whole: start..self.at, value: value..self.at }))
    }

    /// The next member of this name, however it is spelt elsewhere.
    pub fn find(&mut self, name: &[u8]) -> Option<Member<'b>> {
        loop {
            match self.step() {
                Ok(Some(member)) if member.name == name => return Some(member),
                Ok(Some(_)) => {}
                Ok(None) | Err(Malformed) => return None,
            }
        }
    }
}

/// The places of the elements of the list that begins at `at`.
///
/// # Errors
/// There is no list, or it does not end.
pub fn elements(bytes: &[u8], at: usize) -> Result<Vec<Range<usize>>, Malformed> {
    let mut at = opened(bytes, at, b'[').ok_or(Malformed)?;
    let (mut found, mut is_first) = (Vec::new(), true);
    while let Some(start) = item(bytes, &mut at, &mut is_first, b']')? {
        at = value_end(bytes, start).ok_or(Malformed)?;
        found.push(start..at);
    }
    Ok(found)
}

/// The place of the next member or element, behind the comma; `None` behind the closing bracket.
fn item(
    bytes: &[u8],
    at: &mut usize,
    is_first: &mut bool,
    close: u8,
) -> Result<Option<usize>, Malformed> {
    *at = blank(bytes, *at);
    match bytes.get(*at) {
        Some(byte) if *byte == close => {
            *at += 1;
            Ok(None)
        }
        Some(_) if std::mem::take(is_first) => Ok(Some(*at)),
        Some(b',') => Ok(Some(blank(bytes, *at + 1))),
        _ => Err(Malformed),
    }
}

/// The place behind the bracket `open` that stands at `at`.
fn opened(bytes: &[u8], at: usize, open: u8) -> Option<usize> {
    let bracket = blank(bytes, at);
    (bytes.get(bracket) == Some(&open)).then_some(bracket + 1)
}

/// The first place from `at` on that is no white space.
pub fn blank(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The place behind the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The place behind the value that begins at `at`.
fn value_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = string_end(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            _ if depth > 0 => at += 1,
            _ => {
                let ends =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                let length = bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
                return (length > 0).then_some(at + length);
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn members(text: &str) -> Result<Vec<(&str, &str)>, Malformed> {
        let mut walk = Members::new(text.as_bytes(), 0).ok_or(Malformed)?;
        let mut found = Vec::new();
        while let Some(member) = walk.step()? {
            found.push((std::str::from_utf8(member.name).unwrap(), &text[member.value]));
        }
        Ok(found)
    }

    fn list(text: &str) -> Result<Vec<&str>, Malformed> {
        Ok(elements(text.as_bytes(), 0)?.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn objects_and_lists_come_apart() {
        assert_eq!(
            members(r#" {"a" : {"b":["}"]}, "c\"":"\"," ,"d":1.5 } "#),
            Ok(vec![("a", r#"{"b":["}"]}"#), (r#"c\""#, r#""\",""#), ("d", "1.5")])
        );
        assert_eq!(list(r#"[ {"a":[1]},"]" , null]"#), Ok(vec![r#"{"a":[1]}"#, r#""]""#, "null"]));
        assert_eq!((members("{}"), list("[ ]")), (Ok(vec![]), Ok(vec![])));
        for bad in ["", "{", "[", "{\"a\"}", "{\"a\":1", "[1", "[1 2]", "[1,,2]", "{\"a\":}", "x"] {
            assert!(members(bad).is_err() && list(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_makes_it_panic(text in r#"[{}\[\]",:\\a1 ]{0,40}"#) {
            let _ = (members(&text), list(&text));
        }
    }
}
