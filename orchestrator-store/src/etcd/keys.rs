//! Keys as etcd has them: behind the prefix of this store.
//!
//! The contract calls "all keys" the range from the empty key; etcd refuses an empty key and takes
//! the one byte 0, which is the least there is. Behind a prefix, "no end" is the prefix's end.

use bytes::Bytes;
use orchestrator_core::store::{Key, KeyRange, StoreError};

/// What the contract calls a key without a name, in etcd's words.
const EMPTY_KEY: StoreError = StoreError::Invalid("key is not provided");

/// The prefix of all keys of one store.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefix(Bytes);

/// A range of keys as etcd writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireRange {
    pub(super) key: Bytes,
    /// Empty for one key.
    pub(super) end: Bytes,
}

impl Prefix {
    pub(super) fn new(prefix: Vec<u8>) -> Self {
        Self(prefix.into())
    }

    /// One key.
    pub(super) fn key(&self, key: &Key) -> Result<Bytes, StoreError> {
        match key.as_bytes() {
            [] => Err(EMPTY_KEY),
            key => Ok(self.join(key)),
        }
    }

    /// A range of keys.
    pub(super) fn range(&self, keys: &KeyRange) -> Result<WireRange, StoreError> {
        let Some(end) = &keys.end else {
            return Ok(WireRange { key: self.key(&keys.start)?, end: Bytes::new() });
        };
        let end = match keys.is_unbounded() {
            true => Bytes::copy_from_slice(Key::prefix_end(&self.0).as_bytes()),
            false => self.join(end.as_bytes()),
        };
        let start = self.join(keys.start.as_bytes());
        let key = if start.is_empty() { Bytes::from_static(&[0]) } else { start };
        // An empty end would mean one key: there is nothing before the least key.
        let end = if end.is_empty() { key.clone() } else { end };
        Ok(WireRange { key, end })
    }

    /// A key that nobody writes, to ask about revisions with.
    pub(super) fn probe(&self) -> Bytes {
        self.join(&[0])
    }

    /// The store's key of etcd's; `None` where it is not of this store.
    pub(super) fn strip(&self, key: &[u8]) -> Option<Key> {
        key.strip_prefix(&*self.0).map(Key::from)
    }

    fn join(&self, key: &[u8]) -> Bytes {
        [&self.0[..], key].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(prefix: &str, keys: KeyRange) -> String {
        match Prefix::new(prefix.into()).range(&keys) {
            Ok(WireRange { key, end }) => format!("{}..{}", key.escape_ascii(), end.escape_ascii()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn ranges_stay_behind_the_prefix() {
        let between =
            |start: &str, end: &str| KeyRange { start: start.into(), end: Some(end.into()) };
        let cases = [
            ("", KeyRange::key("a"), "a.."),
            ("", KeyRange::key(""), "invalid request: key is not provided"),
            ("p/", KeyRange::key(""), "invalid request: key is not provided"),
            ("p/", KeyRange::key("a"), "p/a.."),
            ("", KeyRange::prefix("a"), "a..b"),
            ("", KeyRange::prefix(""), "\\x00..\\x00"),
            ("p/", KeyRange::prefix(""), "p/..p0"),
            ("p/", between("x", "\0"), "p/x..p0"),
            ("", between("x", "\0"), "x..\\x00"),
            ("", between("", "b"), "\\x00..b"),
            ("", between("b", ""), "b..b"),
            ("p/", between("b", ""), "p/b..p/"),
        ];
        for (prefix, keys, wanted) in cases {
            assert_eq!(shown(prefix, keys.clone()), wanted, "{keys:?} behind {prefix:?}");
        }
    }

    #[test]
    fn keys_lose_the_prefix_and_others_are_not_of_the_store() {
        let prefix = Prefix::new("p/".into());
        assert_eq!(prefix.strip(b"p/a"), Some("a".into()));
        assert_eq!(prefix.strip(b"q/a"), None);
    }
}
