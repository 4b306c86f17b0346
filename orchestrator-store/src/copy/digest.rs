//! What a store holds, as one number.

use std::fmt;

use orchestrator_core::store::KeyValue;
use sha2::{Digest as _, Sha256};

/// Number and hash of some keys in order, with values and leases; revisions do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// How many keys.
    pub keys: u64,
    /// How many bytes of keys and values.
    pub bytes: u64,
    /// The SHA-256 of all of them.
    pub hash: [u8; 32],
}

impl fmt::Display for Digest {
    /// The number of keys and the first letters of the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys with hash ", self.keys)?;
        self.hash.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Takes keys in, in order.
#[derive(Default)]
pub(super) struct Hasher {
    keys: u64,
    bytes: u64,
    hash: Sha256,
}

impl Hasher {
    pub(super) fn keys(&self) -> u64 {
        self.keys
    }

    pub(super) fn add(&mut self, kv: &KeyValue) {
        let (key, value) = (kv.key.as_bytes(), kv.value.bytes());
        self.keys += 1;
        self.bytes += (key.len() + value.len()) as u64;
        // With lengths first no two different lists have the same bytes.
        self.hash.update((key.len() as u64).to_le_bytes());
        self.hash.update((value.len() as u64).to_le_bytes());
        self.hash.update(kv.lease.to_le_bytes());
        self.hash.update(key);
        self.hash.update(value);
    }

    pub(super) fn finish(self) -> Digest {
        Digest { keys: self.keys, bytes: self.bytes, hash: self.hash.finalize().into() }
    }
}
