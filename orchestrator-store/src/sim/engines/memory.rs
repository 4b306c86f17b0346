//! The memory engine on the stage: nothing survives it, so it is only played without faults.

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::store::{
    KeyRange, LeaseInfo, LeaseOp, Range, RangeResponse, Revision, Store, StoreError, StoreStatus,
    Txn, TxnResponse, WatchRequest, WatchStream,
};

use crate::MemoryStore;
use crate::operator::{
    Alarm, AlarmOp, EngineStatus, ImageStream, MemberChange, Membership, Operator,
};
use crate::sim::stage::{Engine, Site, StartError};

/// Plays the memory engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

#[async_trait]
impl Engine for Memory {
    async fn start(&self, site: Site) -> Result<Arc<dyn Operator>, StartError> {
        Ok(Arc::new(Alone(MemoryStore::new(site.env))))
    }
}

/// A store that nobody operates.
#[derive(Debug)]
struct Alone(MemoryStore);

#[async_trait]
impl Store for Alone {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.0.range(range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        self.0.txn(txn).await
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.0.watch(request).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.0.lease(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.0.compact(revision).await
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        self.0.status().await
    }
}

#[async_trait]
impl Operator for Alone {
    async fn members(&self) -> Result<Membership, StoreError> {
        Ok(Membership::default())
    }

    async fn change_members(&self, _: MemberChange) -> Result<Membership, StoreError> {
        Err(StoreError::Invalid("a store in memory is alone"))
    }

    async fn alarm(&self, _: AlarmOp) -> Result<Vec<Alarm>, StoreError> {
        Ok(Vec::new())
    }

    async fn image(&self) -> Result<ImageStream, StoreError> {
        Err(StoreError::Invalid("a store in memory has no image"))
    }

    async fn engine(&self) -> Result<EngineStatus, StoreError> {
        Ok(EngineStatus::default())
    }

    fn demand_progress(&self, _: &[KeyRange]) {
        self.0.progress();
    }
}
