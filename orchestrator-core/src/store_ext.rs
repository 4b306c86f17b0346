//! The five things that nearly every user of a store does, as plain calls.
//!
//! Each is one call of [`Store::range`] or [`Store::txn`] and exactly as strong as that call. A
//! write names the revision it was decided on: if the key has moved on, nothing happens and the
//! answer carries the key as it is now, so that the caller can decide again without another read.

use std::future::Future;

use crate::store::{
    Compare, Key, KeyRange, KeyValue, Op, OpResult, Put, Range, RangeResponse, Revision, Store,
    StoreError, Txn,
};

/// How a conditional write ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Swap {
    /// It was written, in this revision.
    Done(Revision),
    /// The key was not at the expected revision; nothing was written.
    Conflict {
        /// The store's newest revision at that moment.
        revision: Revision,
        /// The key as it is; `None` where it is not there.
        current: Option<KeyValue>,
    },
}

/// Short forms of the common calls, for every [`Store`].
pub trait StoreExt: Store {
    /// Reads the newest state of one key, and the store's revision at that moment.
    ///
    /// # Errors
    /// Those of [`Store::range`].
    fn get(
        &self,
        key: impl Into<Key>,
    ) -> impl Future<Output = Result<(Revision, Option<KeyValue>), StoreError>> + Send {
        let range = Range { limit: 1, ..Range::new(KeyRange::key(key)) };
        async move {
            let found = self.range(range).await?;
            Ok((found.revision, found.kvs.into_iter().next()))
        }
    }

    /// Reads at most `limit` keys (0 for all) at `revision` (zero for the newest).
    ///
    /// To go on after a page that says `more`, ask again from the last key plus one zero byte,
    /// at the revision that the first page answered.
    ///
    /// # Errors
    /// Those of [`Store::range`].
    fn list(
        &self,
        keys: KeyRange,
        revision: Revision,
        limit: usize,
    ) -> impl Future<Output = Result<RangeResponse, StoreError>> + Send {
        self.range(Range { revision, limit, ..Range::new(keys) })
    }

    /// Counts keys at the newest revision.
    ///
    /// # Errors
    /// Those of [`Store::range`].
    fn count(&self, keys: KeyRange) -> impl Future<Output = Result<u64, StoreError>> + Send {
        let range = Range { count_only: true, ..Range::new(keys) };
        async move { Ok(self.range(range).await?.count) }
    }

    /// Writes `put` if its key was last written at `expected`; zero for "is not there".
    ///
    /// # Errors
    /// Those of [`Store::txn`]. A [`Conflict`](Swap::Conflict) is no error.
    fn put_at(
        &self,
        put: Put,
        expected: Revision,
    ) -> impl Future<Output = Result<Swap, StoreError>> + Send {
        let key = put.key.clone();
        async move { swap(self, key, expected, Op::Put(put)).await }
    }

    /// Deletes `key` if it was last written at `expected`.
    ///
    /// With `expected` zero the key must be absent, so that there is nothing to delete: `Done`
    /// then tells the store's newest revision.
    ///
    /// # Errors
    /// Those of [`Store::txn`]. A [`Conflict`](Swap::Conflict) is no error.
    fn delete_at(
        &self,
        key: impl Into<Key>,
        expected: Revision,
    ) -> impl Future<Output = Result<Swap, StoreError>> + Send {
        let key = key.into();
        async move {
            let delete = Op::Delete(KeyRange::key(key.clone()));
            swap(self, key, expected, delete).await
        }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

async fn swap<S: Store + ?Sized>(
    store: &S,
    key: Key,
    expected: Revision,
    op: Op,
) -> Result<Swap, StoreError> {
    let reread = Range { limit: 1, ..Range::new(KeyRange::key(key.clone())) };
    let txn = Txn {
        compare: vec![Compare::mod_revision(key, expected)],
        then: vec![op],
        otherwise: vec![Op::Range(reread)],
    };
    let done = store.txn(txn).await?;
    if done.succeeded {
        return Ok(Swap::Done(done.revision));
    }
    let current = match done.results.into_iter().next() {
        Some(OpResult::Range(found)) => found.kvs.into_iter().next(),
        _ => None,
    };
    Ok(Swap::Conflict { revision: done.revision, current })
}
