//! The adapter to a running etcd, 3.4 or later: the engine that people already trust.
//!
//! A call goes to one of the endpoints in turn; one that fails is left alone for a while. A read is
//! repeated until its time is over. A write is repeated only where it certainly did not happen, and
//! is [`Unknown`](StoreError::Unknown) where it may have. All watches of a store share one stream,
//! which is opened again when it breaks, from the revision after the last that was delivered: a
//! reader sees no gap, no double and no revision in two pieces, or is told that it is
//! [`Compacted`](StoreError::Compacted).
//!
//! What etcd does in other ways than the contract is made up for:
//! - it counts leases in whole seconds: a time to live is rounded up;
//! - it tells nobody which revision is the oldest: `floor` finds out;
//! - it answers transactions that only compare from the nearest member: they read a key besides;
//! - before 3.4.34, 3.5.16 and 3.6 it may forget what was deleted in the revision that it compacted
//!   last: there, a watch from that revision is told that it is compacted;
//! - before 3.4.31, 3.5.13 and 3.6 its answer to a demand for progress may be untrue: there,
//!   progress comes at the server's own times only (`--watch-progress-notify-interval`).

mod auth;
mod builder;
mod client;
mod endpoint;
mod error;
mod floor;
mod image;
mod keys;
mod lease;
mod operate;
mod range;
mod request;
mod response;
mod rpc;
mod watch;

pub use builder::{Builder, ConfigError, Tls};

use std::sync::Arc;

use async_trait::async_trait;
use orchestrator_core::store::{
    KeyRange, LeaseInfo, LeaseOp, MAX_VALUE_BYTES, Range, RangeResponse, Revision, Store,
    StoreError, StoreStatus, Txn, TxnResponse, WatchRequest, WatchStream,
};
use prost::Message;

use crate::proto::etcd as wire;
use client::Client;
use error::{CallError, Refusal};
use floor::Floor;
use keys::Prefix;
use watch::Watches;

/// The name in [`StoreStatus::engine`].
const ENGINE: &str = "etcd";

/// A [`Store`] whose data are in a running etcd.
///
/// Made within a tokio runtime. Dropping it ends its watches; calls that are on their way end as
/// etcd decides.
///
/// # Examples
/// ```no_run
/// use orchestrator_core::{Env, StoreExt};
/// use orchestrator_store::etcd::{EtcdStore, Tls};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::new(std::fs::read("ca.pem")?);
/// let store = EtcdStore::builder(["https://10.0.0.1:2379", "https://10.0.0.2:2379"])
///     .tls(tls)
///     .login("shop", "secret")
///     .prefix("/shop/")
///     .build(Env::system())?;
/// let (revision, web) = store.get("web").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EtcdStore {
    client: Arc<Client>,
    prefix: Prefix,
    floor: Floor,
    watches: Watches,
}

impl EtcdStore {
    /// Options for a store over the etcd at `endpoints`, as in `http://10.0.0.1:2379`; all of one
    /// cluster.
    pub fn builder<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Builder {
        Builder::new(endpoints.into_iter().map(Into::into).collect())
    }

    /// The newest revision, of all members.
    async fn newest(&self) -> Result<Revision, CallError> {
        floor::newest(&self.client, &self.prefix).await
    }

    /// The error of the contract for a failed call that asked for the revision `wanted`.
    async fn about_revision(&self, error: CallError, wanted: Revision) -> StoreError {
        match error {
            CallError::Refused(Refusal::Compacted) => {
                let found = self.floor.find(&self.client, &self.prefix).await;
                let oldest = found.unwrap_or_else(|_| wanted.next());
                StoreError::Compacted { wanted, oldest }
            }
            CallError::Refused(Refusal::Future) => {
                StoreError::Future { wanted, newest: self.newest().await.unwrap_or_default() }
            }
            other => other.plain(),
        }
    }

    async fn about_txn(&self, error: CallError, txn: &Txn) -> StoreError {
        let (revisions, leases) = request::mentioned(txn);
        match error {
            CallError::Refused(Refusal::Compacted) => {
                let wanted = revisions.iter().min().copied().unwrap_or_default();
                self.about_revision(error, wanted).await
            }
            CallError::Refused(Refusal::Future) => {
                let wanted = revisions.iter().max().copied().unwrap_or_default();
                self.about_revision(error, wanted).await
            }
            CallError::Refused(Refusal::LeaseNotFound) => {
                StoreError::LeaseNotFound(self.missing_lease(&leases).await)
            }
            CallError::Refused(Refusal::TooLarge) => {
                let sent = request::txn(&self.prefix, txn);
                let bytes = sent.map_or(0, |sent| sent.request.encoded_len());
                StoreError::TooLarge { bytes, max: MAX_VALUE_BYTES }
            }
            other => other.plain(),
        }
    }

    /// Which of `leases` is not there: etcd does not say.
    async fn missing_lease(&self, leases: &[i64]) -> i64 {
        let mut candidates = leases.to_vec();
        candidates.sort_unstable();
        candidates.dedup();
        if let [_, _, ..] = candidates[..] {
            for lease in &candidates {
                let described = self.lease_op(LeaseOp::Describe(*lease)).await;
                if matches!(described, Err(StoreError::LeaseNotFound(_))) {
                    return *lease;
                }
            }
        }
        candidates.first().copied().unwrap_or_default()
    }
}

#[async_trait]
impl Store for EtcdStore {
    async fn range(&self, range: Range) -> Result<RangeResponse, StoreError> {
        self.read_range(&range).await
    }

    async fn txn(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        let sent = request::txn(&self.prefix, &txn)?;
        let answer = match request::writes(&txn) {
            true => self.client.write(sent.request).await,
            false => self.client.read(sent.request).await,
        };
        match answer {
            Ok(answer) => {
                response::txn(&self.prefix, answer, sent.padded).map_err(StoreError::Unknown)
            }
            Err(error) => Err(self.about_txn(error, &txn).await),
        }
    }

    async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        let keys = self.prefix.range(&request.keys)?;
        let from = match request.from {
            Revision::ZERO => self.newest().await.map_err(CallError::plain)?.next(),
            from => from,
        };
        self.watches.watch(keys, from, request.progress).await
    }

    async fn lease(&self, op: LeaseOp) -> Result<Vec<LeaseInfo>, StoreError> {
        self.lease_op(op).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        let request =
            wire::CompactionRequest { revision: request::signed(revision), physical: false };
        match self.client.write(request).await {
            Ok(_) => {
                self.floor.raise(revision);
                Ok(())
            }
            Err(error) => Err(self.about_revision(error, revision).await),
        }
    }

    async fn status(&self) -> Result<StoreStatus, StoreError> {
        let all = Range { count_only: true, ..Range::new(KeyRange::prefix("")) };
        let counted = async { self.read_range(&all).await };
        let oldest =
            async { self.floor.find(&self.client, &self.prefix).await.map_err(CallError::plain) };
        let member =
            async { self.client.read(wire::StatusRequest {}).await.map_err(CallError::plain) };
        let (counted, compacted, member) = futures::try_join!(counted, oldest, member)?;
        Ok(StoreStatus {
            revision: counted.revision,
            compacted,
            keys: counted.count,
            bytes: u64::try_from(member.db_size_in_use).unwrap_or(0),
            engine: ENGINE,
        })
    }
}
