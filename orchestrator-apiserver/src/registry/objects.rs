//! Objects: the store, seen as objects of resources instead of keys and values.

use std::sync::Arc;

use orchestrator_core::store::{
    Compare, Key, KeyRange, LeaseId, Op, OpResult, Put, Range, RangeResponse, StoreError, Txn,
    WatchRequest, WatchStream,
};
use orchestrator_core::value::Item;
use orchestrator_core::{GroupVersionResource, ResourceDef, Revision, Status, Store, Value};

use super::recent::Recent;
use super::{Registry, Resource, Stored};

/// Reads of all objects, and compare-and-swap writes for the server's own parts.
///
/// Reads go straight to the store, past authorisation and admission: this is what admission steps
/// look at.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn Store>,
    registry: Registry,
    recent: Arc<Recent>,
}

/// How long a list may be whose items are kept at hand: classes and ranges, which every create
/// looks through.
const SHORT_LIST: usize = 8;

/// What a write does to other keys, in the same transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Keys that must not be there, and what is written to them.
    pub(crate) take: Vec<(Key, Value)>,
    /// Keys that go.
    pub(crate) give: Vec<Key>,
}

impl Beside {
    /// The transaction that does this and `op`, if `key` was written by `expected`; what is there
    /// otherwise comes back in the order of [`take`](Self::take), behind `key` itself.
    fn txn(&self, key: &Key, expected: Revision, op: Op) -> Txn {
        let read = |key: &Key| Op::Range(Range::new(KeyRange { start: key.clone(), end: None }));
        let takes = || self.take.iter().map(|(key, _)| key);
        let absent = takes().map(|key| Compare::mod_revision(key.clone(), Revision::ZERO));
        let put = |(key, value): &(Key, Value)| {
            Op::Put(Put { key: key.clone(), value: Some(value.clone()), lease: Some(0) })
        };
        let gone = self.give.iter();
        let gone = gone.map(|key| Op::Delete(KeyRange { start: key.clone(), end: None }));
        let first = Compare::mod_revision(key.clone(), expected);
        Txn {
            compare: std::iter::once(first).chain(absent).collect(),
            then: std::iter::once(op).chain(self.take.iter().map(put)).chain(gone).collect(),
            otherwise: std::iter::once(key).chain(takes()).map(read).collect(),
        }
    }
}

/// How the creation of an object went.
#[derive(Debug)]
pub(crate) enum Created {
    /// It was done, at this revision.
    Done(Revision),
    /// Its key is there already.
    Exists,
    /// Keys are there that it wanted to take besides.
    Taken(Vec<Key>),
}

/// How a replacement or a removal of an expected state went.
#[derive(Debug)]
pub(crate) enum Replaced {
    /// It was done, at this revision.
    Done(Revision),
    /// Something else is there now, or nothing.
    Changed(Option<Stored>),
}

/// How such a step went that does something besides.
#[derive(Debug)]
pub(crate) enum Swapped {
    /// It was done, at this revision.
    Done(Revision),
    /// Something else is there now, or nothing.
    Changed(Option<Stored>),
    /// Keys are there that it wanted to take besides.
    Taken(Vec<Key>),
}

impl Swapped {
    /// The same of a step that takes nothing.
    fn plain(self) -> Replaced {
        match self {
            Self::Done(revision) => Replaced::Done(revision),
            Self::Changed(now) => Replaced::Changed(now),
            Self::Taken(_) => Replaced::Changed(None),
        }
    }
}

impl Objects {
    pub(crate) fn new(store: Arc<dyn Store>, registry: Registry) -> Self {
        Self { store, registry, recent: Arc::default() }
    }

    /// The object `name` in `namespace`, which is empty for a cluster-scoped kind.
    ///
    /// # Errors
    /// The store's; a resource that is not served has no objects.
    pub async fn get(
        &self,
        gvr: &GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Item>, Status> {
        let Some(resource) = self.registry.get(gvr) else { return Ok(None) };
        match self.read(resource.key(namespace, name)).await? {
            Some(stored) => {
                self.recent.note(stored.key.as_bytes(), &stored.item);
                resource.present(stored.item).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// All objects of a resource in `namespace`, or in all where that is empty.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub async fn list(
        &self,
        gvr: &GroupVersionResource,
        namespace: &str,
    ) -> Result<Vec<Item>, Status> {
        let Some(resource) = self.registry.get(gvr) else { return Ok(Vec::new()) };
        let found = self.range(Range::new(resource.keys(namespace))).await?;
        let is_short = found.kvs.len() <= SHORT_LIST;
        let mut items = Vec::with_capacity(found.kvs.len());
        for stored in found.kvs.into_iter().map(Stored::from) {
            if is_short {
                self.recent.note(stored.key.as_bytes(), &stored.item);
            }
            items.push(resource.present(stored.item).await?);
        }
        Ok(items)
    }

    /// The resource that `gvr` names, where it is served.
    pub(crate) fn resource(&self, gvr: &GroupVersionResource) -> Option<Arc<Resource>> {
        self.registry.get(gvr)
    }

    /// The definitions of all resources that are served.
    pub(crate) fn definitions(&self) -> Vec<Arc<ResourceDef>> {
        self.registry.defs()
    }

    /// The resource of a kind, where it is served.
    pub(crate) fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<Arc<Resource>> {
        self.registry.by_kind(group, version, kind)
    }

    /// The store behind the objects.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) async fn read(&self, key: Key) -> Result<Option<Stored>, Status> {
        let found = self.range(Range::new(KeyRange { start: key, end: None })).await?;
        Ok(found.kvs.into_iter().next().map(Stored::from))
    }

    pub(crate) async fn range(&self, range: Range) -> Result<RangeResponse, Status> {
        self.store.range(range).await.map_err(|error| failed(&error))
    }

    pub(crate) async fn revision(&self) -> Result<Revision, Status> {
        let status = self.store.status().await.map_err(|error| failed(&error))?;
        Ok(status.revision)
    }

    pub(crate) async fn watch(&self, request: WatchRequest) -> Result<WatchStream, StoreError> {
        self.store.watch(request).await
    }

    /// All keys of `range` at `revision`.
    pub(crate) async fn read_all(
        &self,
        range: KeyRange,
        revision: Revision,
    ) -> Result<Vec<Stored>, Status> {
        let found = self.range(Range { revision, ..Range::new(range) }).await?;
        Ok(found.kvs.into_iter().map(Stored::from).collect())
    }

    /// Writes a key that is not there.
    pub(crate) async fn create(
        &self,
        key: Key,
        value: Value,
        lease: LeaseId,
    ) -> Result<Created, Status> {
        self.create_beside(key, value, lease, &Beside::default()).await
    }

    /// The same, and what is to be done besides.
    pub(crate) async fn create_beside(
        &self,
        key: Key,
        value: Value,
        lease: LeaseId,
        beside: &Beside,
    ) -> Result<Created, Status> {
        let put = Put { key: key.clone(), value: Some(value), lease: Some(lease) };
        let mut txn = beside.txn(&key, Revision::ZERO, Op::Put(put));
        if beside.take.is_empty() {
            txn.otherwise.clear();
        }
        let done = self.store.txn(txn).await.map_err(|error| failed(&error))?;
        if done.succeeded {
            return Ok(Created::Done(done.revision));
        }
        let mut found = done.results.into_iter().map(found);
        Ok(match found.next().flatten() {
            None if !beside.take.is_empty() => Created::Taken(taken(found)),
            _ => Created::Exists,
        })
    }

    /// Writes `value` over what `expected` was.
    pub(crate) async fn replace(
        &self,
        expected: &Stored,
        value: Value,
    ) -> Result<Replaced, Status> {
        Ok(self.replace_beside(expected, value, &Beside::default()).await?.plain())
    }

    /// The same, and what is to be done besides.
    pub(crate) async fn replace_beside(
        &self,
        expected: &Stored,
        value: Value,
        beside: &Beside,
    ) -> Result<Swapped, Status> {
        let key = expected.key.clone();
        let put = Put { key, value: Some(value), lease: Some(expected.lease) };
        self.swap(expected, Op::Put(put), beside).await
    }

    /// Deletes what `expected` was.
    pub(crate) async fn remove(&self, expected: &Stored) -> Result<Replaced, Status> {
        Ok(self.remove_beside(expected, &Beside::default()).await?.plain())
    }

    /// The same, and what is to be done besides.
    pub(crate) async fn remove_beside(
        &self,
        expected: &Stored,
        beside: &Beside,
    ) -> Result<Swapped, Status> {
        let keys = KeyRange { start: expected.key.clone(), end: None };
        self.swap(expected, Op::Delete(keys), beside).await
    }

    async fn swap(&self, expected: &Stored, op: Op, beside: &Beside) -> Result<Swapped, Status> {
        let txn = beside.txn(&expected.key, expected.revision(), op);
        let done = self.store.txn(txn).await.map_err(|error| failed(&error))?;
        if done.succeeded {
            return Ok(Swapped::Done(done.revision));
        }
        let mut found = done.results.into_iter().map(found);
        Ok(match found.next().flatten() {
            Some(now) if now.revision() == expected.revision() => Swapped::Taken(taken(found)),
            now => Swapped::Changed(now),
        })
    }
}

/// The key that a read of one key found.
fn found(result: OpResult) -> Option<Stored> {
    match result {
        OpResult::Range(found) => found.kvs.into_iter().next().map(Stored::from),
        _ => None,
    }
}

/// The keys that were there.
fn taken(found: impl Iterator<Item = Option<Stored>>) -> Vec<Key> {
    found.flatten().map(|stored| stored.key).collect()
}

/// The status of a store's failure where the request itself was sound.
pub(crate) fn failed(error: &StoreError) -> Status {
    match error {
        StoreError::Compacted { .. } => Status::expired(
            "The provided resource version is too old; please list again without it.",
        ),
        StoreError::Future { wanted, newest } => too_large_revision(*wanted, *newest),
        StoreError::TooLarge { .. } => {
            Status::too_large("Request entity too large: limit is 1572864")
        }
        StoreError::Unavailable(_) | StoreError::NoSpace => Status::unavailable(error.to_string()),
        StoreError::Unknown(_) => Status::timeout("the outcome of the request is unknown", 1),
        other => Status::internal(other),
    }
}

/// 504: the client has seen a revision that this server has not.
pub(crate) fn too_large_revision(wanted: Revision, newest: Revision) -> Status {
    let message = format!("Timeout: Too large resource version: {wanted}, current: {newest}");
    Status::timeout(message, 1).with_cause(
        "ResourceVersionTooLarge",
        "",
        "Too large resource version",
    )
}
