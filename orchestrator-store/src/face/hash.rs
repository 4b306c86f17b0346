//! A digest of all keys at one revision, by which members are compared.
//!
//! etcd digests its own records, so the numbers of an etcd and of this face say nothing of each
//! other; those of two members of one engine are equal where their data is.

use orchestrator_core::store::{KeyRange, KeyValue, Range, Revision, StoreError};

use super::Face;

/// How many keys are read at a time.
const PAGE: usize = 4096;

/// What was digested, and what came out.
pub(super) struct Digest {
    pub(super) hash: u32,
    /// The revision of the data.
    pub(super) revision: Revision,
    /// The newest revision.
    pub(super) newest: Revision,
}

/// Digests all keys at `revision`, zero for the newest.
pub(super) async fn digest(face: &Face, revision: Revision) -> Result<Digest, StoreError> {
    let mut range = Range::new(KeyRange { start: (&[0][..]).into(), end: Some((&[0][..]).into()) });
    range.revision = revision;
    range.limit = PAGE;
    let mut digest = Digest { hash: 0, revision, newest: revision };
    loop {
        let page = face.store.range(range.clone()).await?;
        if range.revision.is_zero() {
            // All pages are of the revision of the first.
            range.revision = page.revision;
            digest.revision = page.revision;
        }
        digest.newest = page.revision;
        digest.hash = page.kvs.iter().fold(digest.hash, add);
        match page.kvs.last() {
            Some(last) if page.more => {
                let mut next = last.key.as_bytes().to_vec();
                next.push(0);
                range.keys.start = next.into();
            }
            _ => return Ok(digest),
        }
    }
}

/// Adds a key: lengths too, so that no two lists of keys read the same.
fn add(hash: u32, kv: &KeyValue) -> u32 {
    let (key, value) = (kv.key.as_bytes(), kv.value.bytes());
    let numbers = [
        key.len() as u64,
        value.len() as u64,
        kv.create_revision.get(),
        kv.mod_revision.get(),
        kv.version,
        kv.lease.cast_unsigned(),
    ];
    let hash = numbers.iter().fold(hash, |hash, n| crc32c::crc32c_append(hash, &n.to_be_bytes()));
    crc32c::crc32c_append(crc32c::crc32c_append(hash, key), value)
}
