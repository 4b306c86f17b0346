//! A whole store at one revision, page by page.

use orchestrator_core::Revision;
use orchestrator_core::store::{Key, KeyRange, KeyValue, Range, Store, StoreError};

/// The most keys of a page: some megabytes of usual objects.
const PAGE_KEYS: usize = 1000;

/// A reader of all keys in order, at the revision that its first page finds.
pub(super) struct Pages<'a> {
    store: &'a dyn Store,
    /// The keys that are left; `None` at the end.
    left: Option<KeyRange>,
    revision: Revision,
}

impl<'a> Pages<'a> {
    pub(super) fn new(store: &'a dyn Store) -> Self {
        Self { store, left: Some(super::everything()), revision: Revision::ZERO }
    }

    /// The revision that is read; zero before the first page.
    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    /// The next page; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<KeyValue>>, StoreError> {
        let Some(keys) = self.left.take() else { return Ok(None) };
        let range = Range { revision: self.revision, limit: PAGE_KEYS, ..Range::new(keys.clone()) };
        let found = self.store.range(range).await?;
        if self.revision.is_zero() {
            self.revision = found.revision;
        }
        if let (true, Some(last)) = (found.more, found.kvs.last()) {
            let mut start = last.key.as_bytes().to_vec();
            start.push(0);
            self.left = Some(KeyRange { start: Key::from(start), ..keys });
        }
        Ok(Some(found.kvs))
    }
}

/// Cuts `kvs` into runs of at most so many keys and, where a run has more than one, bytes.
pub(super) fn batches<'k, 'a>(
    mut kvs: &'k [&'a KeyValue],
    max_keys: usize,
    max_bytes: usize,
) -> impl Iterator<Item = &'k [&'a KeyValue]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |kv: &&&KeyValue| {
            bytes += kv.key.as_bytes().len() + kv.value.bytes().len();
            bytes <= max_bytes
        };
        let count = kvs.iter().take(max_keys).take_while(fits).count();
        let (batch, rest) = kvs.split_at(count.max(1).min(kvs.len()));
        kvs = rest;
        (!batch.is_empty()).then_some(batch)
    })
}
