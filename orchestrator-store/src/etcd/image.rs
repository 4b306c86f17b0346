//! etcd's data as an image of ours: all keys at one revision, with their leases.
//!
//! etcd's own snapshot is a file of its engine that nobody else reads, so the keys are read page by
//! page at one revision, which becomes the oldest of the image: history before it stays behind.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use orchestrator_core::Value;
use orchestrator_core::store::{
    Event, KeyRange, KeyValue, LeaseId, LeaseInfo, LeaseOp, Range, Revision, StoreError,
    WatchUpdate,
};

use super::EtcdStore;
use crate::image;
use crate::mvcc::{Contradiction, Limits, Mvcc, Restore};
use crate::operator::ImageStream;

/// How long the changes of the newest revision may take to come: etcd looks for those of the past
/// every 100 ms, and says nothing where there are none.
const FLOOR_TIME: Duration = Duration::from_secs(1);

/// A lease that ended after the keys were read: it ends again at once.
const ENDED_LEASE: Duration = Duration::from_secs(1);

impl EtcdStore {
    /// Streams an image of all keys at the newest revision.
    pub(super) async fn make_image(&self) -> Result<ImageStream, StoreError> {
        let found = self.read_range(&Range::new(KeyRange::prefix(""))).await?;
        let (floor, keys) = (found.revision, found.kvs);
        // After the keys: a key whose lease is not listed has ended since.
        let leases = self.lease_op(LeaseOp::List).await?;
        let floor_events = match self.changes_of(floor).await {
            Some(events) => events,
            None => stand_ins(floor, &keys),
        };
        let mvcc = build(floor, leases, keys, floor_events)
            .map_err(|Contradiction| StoreError::Unavailable("the keys do not agree".into()))?;
        Ok(image::stream(self.client.env.clone(), mvcc, Bytes::new()))
    }

    /// The changes of `revision`; `None` where there are none behind the prefix, or no longer.
    async fn changes_of(&self, revision: Revision) -> Option<Vec<Event>> {
        let keys = self.prefix.range(&KeyRange::prefix("")).ok()?;
        let mut watch = self.watches.watch(keys, revision, None).await.ok()?;
        let deadline = self.client.env.instant() + FLOOR_TIME;
        match self.client.until(deadline, watch.next()).await?? {
            Ok(WatchUpdate::Events { revision: first, events }) if first == revision => {
                Some(events.iter().map(Arc::as_ref).cloned().collect())
            }
            _ => None,
        }
    }
}

/// What stands for the changes of `floor` where they are not known: the keys that it left, or the
/// deletion of one that nobody writes.
fn stand_ins(floor: Revision, keys: &[KeyValue]) -> Vec<Event> {
    let of_floor = keys.iter().filter(|kv| kv.mod_revision == floor);
    let event = |kv: &KeyValue| Event { kv: kv.clone(), prev: None, deleted: false };
    let events: Vec<_> = of_floor.map(event).collect();
    if !events.is_empty() {
        return events;
    }
    let kv = KeyValue {
        key: [0].as_slice().into(),
        value: Value::from_bytes(Bytes::new()),
        create_revision: Revision::ZERO,
        mod_revision: floor,
        version: 0,
        lease: 0,
    };
    vec![Event { kv, prev: None, deleted: true }]
}

fn build(
    floor: Revision,
    leases: Vec<LeaseInfo>,
    keys: Vec<KeyValue>,
    floor_events: Vec<Event>,
) -> Result<Mvcc, Contradiction> {
    // What etcd held is not refused here.
    let mut limits = Limits::default();
    (limits.data_bytes, limits.leases) = (u64::MAX, usize::MAX);
    let mut restore = Restore::new(limits, floor, 0)?;
    let mut known: BTreeSet<LeaseId> = BTreeSet::from([0]);
    for lease in &leases {
        known.insert(lease.id);
        restore.lease(lease.id, lease.ttl, lease.remaining)?;
    }
    for id in keys.iter().map(|kv| kv.lease) {
        if known.insert(id) {
            restore.lease(id, ENDED_LEASE, Duration::ZERO)?;
        }
    }
    for kv in keys {
        restore.key(kv)?;
    }
    if floor > Revision::new(1) {
        restore.floor_commit(floor_events)?;
    }
    restore.finish(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(key: &str, revision: u64, lease: LeaseId) -> KeyValue {
        KeyValue {
            key: key.into(),
            value: Value::from_bytes("v"),
            create_revision: Revision::new(revision),
            mod_revision: Revision::new(revision),
            version: 1,
            lease,
        }
    }

    #[test]
    fn keys_keep_their_numbers_and_a_lease_that_ended_since_ends_again() {
        let floor = Revision::new(7);
        let keys = vec![kv("a", 3, 5), kv("b", 7, 9)];
        let lease = LeaseInfo {
            id: 5,
            ttl: Duration::from_secs(60),
            remaining: Duration::from_secs(20),
            keys: Vec::new(),
        };
        let events = stand_ins(floor, &keys);
        assert_eq!((events.len(), events[0].deleted), (1, false));
        let mvcc = build(floor, vec![lease], keys.clone(), events).expect("the keys agree");
        assert_eq!((mvcc.revision(), mvcc.floor()), (floor, floor));
        let all = mvcc.range(&Range::new(KeyRange::prefix(""))).expect("a read");
        assert_eq!(all.kvs, keys);
        let leases = mvcc.leases().list(Duration::ZERO);
        let left: Vec<_> = leases.iter().map(|lease| lease.remaining.as_secs()).collect();
        assert_eq!(left, [20, 0]);
    }

    #[test]
    fn a_revision_that_only_deleted_has_a_stand_in() {
        let floor = Revision::new(7);
        let events = stand_ins(floor, &[kv("a", 3, 0)]);
        assert!(events[0].deleted && events[0].kv.mod_revision == floor);
        assert!(build(floor, Vec::new(), vec![kv("a", 3, 0)], events).is_ok());
        assert!(build(Revision::new(1), Vec::new(), Vec::new(), Vec::new()).is_ok(), "empty");
    }
}
