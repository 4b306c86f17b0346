//! What a piece of work has written, so that it does not read an older state afterwards.
//!
//! The controller runtime wraps each reconcile in [`record_writes`]; every successful write of an
//! [`Api`](crate::Api) inside leaves a [`Write`] behind. Before the same key runs again, the
//! caches must have [seen](crate::Cache::seen) all of them.

use std::cell::RefCell;
use std::future::Future;

use orchestrator_core::{GroupVersionResource, ObjectKey, Revision};

/// A write as a cache will see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// An object was written at this revision.
    At {
        /// The object's resource.
        resource: GroupVersionResource,
        /// The revision.
        revision: Revision,
    },
    /// An object was deleted.
    Gone {
        /// The object's resource.
        resource: GroupVersionResource,
        /// The object's key.
        key: ObjectKey,
        /// The uid of the deleted object; empty where the answer did not tell.
        uid: String,
    },
}

impl Write {
    /// The resource written to.
    pub fn resource(&self) -> &GroupVersionResource {
        match self {
            Self::At { resource, .. } | Self::Gone { resource, .. } => resource,
        }
    }
}

tokio::task_local! {
    static WRITES: RefCell<Vec<Write>>;
}

/// Runs `future` and tells what it has written.
pub async fn record_writes<F: Future>(future: F) -> (F::Output, Vec<Write>) {
    let scoped = WRITES.scope(RefCell::default(), async {
        let output = future.await;
        (output, WRITES.with(RefCell::take))
    });
    scoped.await
}

/// Notes a write, where somebody records.
pub(crate) fn note(write: Write) {
    // Outside of `record_writes` nobody asks.
    let _ = WRITES.try_with(|writes| writes.borrow_mut().push(write));
}
