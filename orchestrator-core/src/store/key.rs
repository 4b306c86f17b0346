//! Keys, ranges of them, and what stands at one.

use std::fmt;
use std::sync::Arc;

use super::{LeaseId, Revision};
use crate::Value;

/// A key: any bytes, ordered by byte; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first key that does not begin with `prefix`, which ends the range of those that do.
    ///
    /// A prefix of nothing but `0xff` has no such key; then the result is the one byte 0, which
    /// [`KeyRange`] reads as "no end".
    pub fn prefix_end(prefix: &[u8]) -> Self {
        let kept = prefix.iter().rposition(|byte| *byte != 0xff);
        let Some(last) = kept else { return Self::from(&[0][..]) };
        let mut end = prefix[..=last].to_vec();
        end[last] += 1;
        Self::from(end)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl std::borrow::Borrow<[u8]> for Key {
    #[inline]
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

/// Some keys: one, or all from `start` up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Key,
    /// The first key after the range; `None` for the one key `start`; the one byte 0 for no end.
    pub end: Option<Key>,
}

impl KeyRange {
    /// The one key `key`.
    pub fn key(key: impl Into<Key>) -> Self {
        Self { start: key.into(), end: None }
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Key>) -> Self {
        let start = prefix.into();
        let end = Some(Key::prefix_end(start.as_bytes()));
        Self { start, end }
    }

    /// Whether the range has no upper end.
    pub fn is_unbounded(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.as_bytes() == [0])
    }

    /// Whether `key` is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        match &self.end {
            None => key == self.start.as_bytes(),
            Some(_) if self.is_unbounded() => key >= self.start.as_bytes(),
            Some(end) => key >= self.start.as_bytes() && key < end.as_bytes(),
        }
    }
}

/// A key with its value and its history in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// The value; empty bytes for the tombstone in a delete event.
    pub value: Value,
    /// The revision of the put that made the key.
    pub create_revision: Revision,
    /// The revision of the newest put, or of the deletion.
    pub mod_revision: Revision,
    /// How many puts since the key was made; 1 for the first.
    pub version: u64,
    /// The lease that the key ends with; 0 for none.
    pub lease: LeaseId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key_that_lacks_it() {
        let cases: [(&[u8], &[u8]); 4] =
            [(b"a", b"b"), (b"a/", b"a0"), (b"a\xff", b"b"), (b"\xff", b"\0")];
        for (prefix, end) in cases {
            assert_eq!(Key::prefix_end(prefix).as_bytes(), end);
        }
        let range = KeyRange::prefix("a/");
        assert!(range.contains(b"a/x") && !range.contains(b"a") && !range.contains(b"a0"));
        assert!(KeyRange::prefix(&b"\xff"[..]).contains(b"\xff\xff"));
    }
}
