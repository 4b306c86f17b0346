//! Keys of maps: texts that are stored in place while they are short.
//!
//! The order of keys is that of their bytes. The first eight of them, as a number, nearly always
//! decide it ([`head`]); the rest is looked at where these are equal.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many bytes are stored in place.
const INLINE: usize = 23;

/// A key of a map; cheap to clone while it is short.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    /// The bytes behind the length are zero.
    Inline {
        length: Length,
        bytes: [u8; INLINE],
    },
    Heap(Box<str>),
}

const _: () = assert!(size_of::<Key>() == 24, "a key takes three words");

/// A length up to [`INLINE`]; an enum, so that the compiler knows which bytes it never is and
/// needs no room to tell the forms of a key apart.
#[derive(Clone, Copy)]
#[repr(u8)]
#[rustfmt::skip]
enum Length {
    L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11,
    L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22, L23,
}

#[rustfmt::skip]
const LENGTHS: [Length; INLINE + 1] = {
    use Length::*;
    [L0, L1, L2, L3, L4, L5, L6, L7, L8, L9, L10, L11,
     L12, L13, L14, L15, L16, L17, L18, L19, L20, L21, L22, L23]
};

/// The first eight bytes of a text, padded with zeros, as a number in the order of texts.
#[inline]
pub(crate) fn head(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let word = |at: usize| {
        let four: [u8; 4] = bytes[at..at + 4].try_into().expect("four bytes");
        u64::from(u32::from_be_bytes(four))
    };
    match bytes.len() {
        0 => 0,
        1..4 => {
            let (first, last) = (u64::from(bytes[0]), u64::from(bytes[bytes.len() - 1]));
            let middle = u64::from(bytes[bytes.len() / 2]);
            first << 56 | middle << (56 - 8 * (bytes.len() / 2)) | last << (64 - 8 * bytes.len())
        }
        length @ 4..8 => word(0) << 32 | word(length - 4) << (8 * (8 - length)),
        _ => word(0) << 32 | word(4),
    }
}

impl Key {
    /// The key of a text.
    #[inline]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                Self(Repr::Inline { length: LENGTHS[text.len()], bytes })
            }
            None => Self(Repr::Heap(text.into())),
        }
    }

    /// The text.
    #[inline]
    #[allow(unsafe_code)]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Inline { length, bytes } => {
                // SAFETY: the bytes up to the length were copied from a `str` when the key was
                // made, and nothing changes them; no length is above that of the array.
                unsafe { std::str::from_utf8_unchecked(bytes.get_unchecked(..*length as usize)) }
            }
            Repr::Heap(text) => text,
        }
    }

    /// As [`head`], of this key.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        match &self.0 {
            Repr::Inline { bytes, .. } => {
                u64::from_be_bytes(bytes[..8].try_into().expect("eight bytes"))
            }
            Repr::Heap(text) => head(text),
        }
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new("")
    }
}

impl Deref for Key {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (
                Repr::Inline { bytes: ours, length: a },
                Repr::Inline { bytes: theirs, length: b },
            ) => ours == theirs && *a as u8 == *b as u8,
            (Repr::Heap(ours), Repr::Heap(theirs)) => ours == theirs,
            _ => false,
        }
    }
}

impl Eq for Key {}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.head().cmp(&other.head()).then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

macro_rules! equal_to {
    ($($other:ty),*) => {$(
        impl PartialEq<$other> for Key {
            #[inline]
            fn eq(&self, other: &$other) -> bool {
                self.as_str() == &other[..]
            }
        }

        impl PartialEq<Key> for $other {
            #[inline]
            fn eq(&self, other: &Key) -> bool {
                &self[..] == other.as_str()
            }
        }
    )*};
}

equal_to!(str, &str, String);

impl From<&str> for Key {
    #[inline]
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        match text.len() {
            0..=INLINE => Self::new(&text),
            _ => Self(Repr::Heap(text.into())),
        }
    }
}

impl From<Cow<'_, str>> for Key {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Self {
        key.clone()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        match key.0 {
            Repr::Heap(text) => text.into(),
            Repr::Inline { .. } => key.as_str().to_owned(),
        }
    }
}

impl From<&Key> for String {
    fn from(key: &Key) -> Self {
        key.as_str().to_owned()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(text.into())
            }

            fn visit_string<E>(self, text: String) -> Result<Key, E> {
                Ok(text.into())
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_is_its_text(a in "[a-c\0é]{0,30}", b in "[a-c\0é]{0,30}") {
            let (one, other) = (Key::from(a.as_str()), Key::from(b.clone()));
            prop_assert_eq!(one.as_str(), &a);
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(one.head(), head(&a));
            if head(&a) < head(&b) {
                prop_assert!(a < b);
            }
            prop_assert_eq!(String::from(other), b);
        }
    }
}
