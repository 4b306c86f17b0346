//! What etcd does otherwise, and why this face does not do the same.
//!
//! Found by running the same random operations against a real etcd 3.4.23; everything that is not
//! listed here gives equal answers there, ids aside.
//!
//! - **A tombstone at the revision of a compaction** is dropped by etcd before 3.4.35, so that a
//!   watch from there misses the deletion. Here it is kept, as in the newer versions.
//! - **Values before a change** are told whenever the change is; etcd looks them up when it sends
//!   and leaves them out once they are compacted.
//! - **Revisions 0 and 1 of a new store** count as compacted; etcd lets a new store be compacted
//!   to them once.
//! - **A revision below zero** is the newest one everywhere; in a transaction etcd takes it for a
//!   compacted one as soon as anything was compacted.
//! - **Keys** are at most 8 KiB, **transactions** nest 8 deep at most; etcd bounds only the request.
//! - **A put and a deletion of one key** in a transaction are refused wherever they stand. etcd
//!   overlooks a few shapes: a range without an end, and a deletion in a later nested transaction.
//! - **Progress on demand** is answered when all watchers of the stream have everything, as since
//!   3.5; etcd 3.4 answers at once, which is not true of a watcher that lags behind.
//! - **Users and roles** do not exist: their calls answer that authentication is not enabled.
//! - **Snapshots** have our own format under etcd's checksum; see [`snapshot`](super::snapshot).
//! - **`RangeStream`** is unknown (`Unimplemented`), as it is to etcd up to 3.6: clients that know it,
//!   kube-apiserver from 1.37 on, ask page by page then.
