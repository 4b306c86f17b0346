//! Several stores that claim to be one, as one.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use orchestrator_core::Store;
use orchestrator_core::store::{
    LeaseInfo, LeaseOp, Range, RangeResponse, Revision, StoreError, StoreStatus, Txn, TxnResponse,
    WatchRequest, WatchStream,
};

/// The members of a replicated store as one [`Store`]: each call goes to the next member.
///
/// A suite that passes on it passes whichever member is asked, with what another member answered
/// before.
pub struct Spread {
    members: Vec<Arc<dyn Store>>,
    calls: AtomicUsize,
    _held: Box<dyn Any + Send + Sync>,
}

impl Spread {
    /// Spreads calls over `members`, of which there is one at least; keeps `held` as long.
    ///
    /// # Panics
    /// There are no members.
    pub fn over(
        members: impl IntoIterator<Item = Arc<dyn Store>>,
        held: impl Any + Send + Sync,
    ) -> Arc<dyn Store> {
        let members: Vec<_> = members.into_iter().collect();
        assert!(!members.is_empty(), "a store has a member at least");
        Arc::new(Self { members, calls: AtomicUsize::new(0), _held: Box::new(held) })
    }

    fn next(&self) -> &dyn Store {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        &*self.members[call % self.members.len()]
    }
}

impl fmt::Debug for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spread").field("members", &self.members).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Spread {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.next().range(range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        self.next().txn(txn).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.next().watch(request).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.next().lease(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.next().compact(revision).await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.next().status().await
    }
}
