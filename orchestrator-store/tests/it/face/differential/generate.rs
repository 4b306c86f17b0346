//! Random requests over few keys, so that they meet each other.

use fastrand::Rng;
use orchestrator_store::proto::etcd as pb;
use pb::compare::TargetUnion;
use pb::request_op::Request;

/// One request of some kind.
#[derive(Clone, Debug)]
pub enum Operation {
    Range(pb::RangeRequest),
    Put(pb::PutRequest),
    Delete(pb::DeleteRangeRequest),
    Txn(pb::TxnRequest),
    Compact(pb::CompactionRequest),
    Grant(pb::LeaseGrantRequest),
    Revoke(pb::LeaseRevokeRequest),
    KeepAlive(pb::LeaseKeepAliveRequest),
    TimeToLive(pb::LeaseTimeToLiveRequest),
    Leases,
}

impl Operation {
    /// Whether this is a transaction with others inside.
    pub fn is_nested(&self) -> bool {
        let nested = |op: &pb::RequestOp| matches!(op.request, Some(Request::RequestTxn(_)));
        match self {
            Self::Txn(txn) => txn.success.iter().chain(&txn.failure).any(nested),
            _ => false,
        }
    }
}

/// Makes operations, and knows about where the store is.
pub struct Generator {
    pub random: Rng,
    pub revision: i64,
    pub compacted: i64,
}

const KEYS: [&str; 8] = ["a", "ab", "b", "b/x", "b/y", "c", "d", "\u{7f}"];
const LEASES: [i64; 4] = [7, 8, 9, 99];

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), revision: 1, compacted: 0 }
    }

    /// Learns the newest revision from an answer.
    pub fn learn(&mut self, answer: &super::run::Answer) {
        if let Ok((revision, _)) = answer {
            self.revision = self.revision.max(*revision);
        }
    }

    pub fn operation(&mut self) -> Operation {
        match self.random.u8(0..100) {
            0..25 => Operation::Put(self.put()),
            25..50 => Operation::Range(self.range()),
            50..60 => Operation::Delete(self.delete()),
            60..84 => Operation::Txn(self.txn(0)),
            84..86 => Operation::Compact(self.compact()),
            86..90 => Operation::Grant(self.grant()),
            90..92 => Operation::Revoke(pb::LeaseRevokeRequest { id: self.lease() }),
            92..94 => Operation::KeepAlive(pb::LeaseKeepAliveRequest { id: self.lease() }),
            94..97 => Operation::TimeToLive(pb::LeaseTimeToLiveRequest {
                id: self.lease(),
                keys: self.random.bool(),
            }),
            _ => Operation::Leases,
        }
    }

    fn rarely(&mut self) -> bool {
        self.random.u8(..) < 20
    }

    fn key(&mut self) -> bytes::Bytes {
        if self.random.u8(..) < 4 {
            return bytes::Bytes::new();
        }
        KEYS[self.random.usize(..KEYS.len())].into()
    }

    /// A key and an end: mostly none, or a later key.
    pub fn keys(&mut self) -> (bytes::Bytes, bytes::Bytes) {
        let key = self.key();
        let end = match self.random.u8(0..8) {
            0..4 => bytes::Bytes::new(),
            4 => bytes::Bytes::from_static(&[0]),
            5 => self.key(),
            _ => {
                let mut end = key.to_vec();
                if let Some(last) = end.last_mut() {
                    *last += 1;
                }
                end.into()
            }
        };
        (key, end)
    }

    fn lease(&mut self) -> i64 {
        LEASES[self.random.usize(..LEASES.len())]
    }

    /// A revision around those that there are.
    fn any_revision(&mut self) -> i64 {
        self.random.i64(-1..self.revision + 3)
    }

    fn range(&mut self) -> pb::RangeRequest {
        let (key, range_end) = self.keys();
        let mut request = pb::RangeRequest { key, range_end, ..Default::default() };
        if self.random.bool() {
            request.limit = self.random.i64(-1..6);
        }
        if self.random.u8(..) < 80 {
            request.revision = self.any_revision();
        }
        if self.random.bool() {
            request.sort_order = self.random.i32(0..3);
            request.sort_target = self.random.i32(0..5);
        }
        request.serializable = self.random.bool();
        request.keys_only = self.rarely();
        request.count_only = self.rarely();
        for bound in [
            &mut request.min_mod_revision,
            &mut request.max_mod_revision,
            &mut request.min_create_revision,
            &mut request.max_create_revision,
        ] {
            if self.random.u8(..) < 20 {
                *bound = self.random.i64(-1..self.revision + 2);
            }
        }
        request
    }

    fn put(&mut self) -> pb::PutRequest {
        let (ignore_value, ignore_lease) = (self.rarely(), self.rarely());
        let has_value = !ignore_value || self.rarely();
        let leased = self.random.u8(..) < 60 && (!ignore_lease || self.rarely());
        pb::PutRequest {
            key: self.key(),
            value: if has_value { vec![b'v'; self.random.usize(0..20)].into() } else { "".into() },
            lease: if leased { self.lease() } else { 0 },
            prev_kv: self.random.bool(),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete(&mut self) -> pb::DeleteRangeRequest {
        let (key, range_end) = self.keys();
        pb::DeleteRangeRequest { key, range_end, prev_kv: self.random.bool() }
    }

    fn compact(&mut self) -> pb::CompactionRequest {
        // Mostly little is forgotten, so that reads of the past go on.
        let revision = match self.random.u8(0..4) {
            0 => self.revision + 1,
            1 => (self.compacted - 1).max(2),
            _ => (self.compacted + self.random.i64(1..20)).clamp(2, self.revision.max(2)),
        };
        if revision <= self.revision {
            self.compacted = self.compacted.max(revision);
        }
        pb::CompactionRequest { revision, physical: self.random.bool() }
    }

    fn grant(&mut self) -> pb::LeaseGrantRequest {
        let ttl = match self.random.u8(0..8) {
            0 => 9_000_000_001,
            _ => self.random.i64(100_000..200_000),
        };
        pb::LeaseGrantRequest { ttl, id: LEASES[self.random.usize(..3)] }
    }

    fn txn(&mut self, depth: usize) -> pb::TxnRequest {
        let mut ops = |max| {
            let count = self.random.usize(0..max);
            (0..count).map(|_| self.op(depth)).collect::<Vec<_>>()
        };
        let (success, failure) = (ops(4), ops(4));
        let compares = self.random.usize(0..3);
        pb::TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success,
            failure,
        }
    }

    fn op(&mut self, depth: usize) -> pb::RequestOp {
        let request = match self.random.u8(0..20) {
            0..6 => {
                let mut range = self.range();
                range.revision = range.revision.max(0);
                Some(Request::RequestRange(range))
            }
            6..13 => Some(Request::RequestPut(self.put())),
            13..17 => {
                let mut delete = self.delete();
                if delete.range_end == "\0" {
                    delete.range_end = bytes::Bytes::new();
                }
                Some(Request::RequestDeleteRange(delete))
            }
            17..19 if depth < 2 => Some(Request::RequestTxn(self.txn(depth + 1))),
            19 if self.rarely() => None,
            _ => Some(Request::RequestPut(self.put())),
        };
        pb::RequestOp { request }
    }

    fn compare(&mut self) -> pb::Compare {
        let (key, range_end) = self.keys();
        let number = self.random.i64(-1..self.revision + 2);
        let union = match self.random.u8(0..12) {
            0..2 => Some(TargetUnion::Version(number.min(3))),
            2..4 => Some(TargetUnion::CreateRevision(number)),
            4..6 => Some(TargetUnion::ModRevision(number)),
            6..8 => Some(TargetUnion::Value(vec![b'v'; self.random.usize(0..9)].into())),
            8..10 => Some(TargetUnion::Lease(self.lease())),
            10 => Some(TargetUnion::ModRevision(0)),
            _ => None,
        };
        let fitting = match union {
            Some(TargetUnion::Version(_)) => 0,
            Some(TargetUnion::CreateRevision(_)) => 1,
            Some(TargetUnion::ModRevision(_)) => 2,
            Some(TargetUnion::Value(_)) => 3,
            Some(TargetUnion::Lease(_)) => 4,
            None => self.random.i32(0..5),
        };
        let target = if self.rarely() { self.random.i32(0..5) } else { fitting };
        let result = self.random.i32(0..4);
        pb::Compare { result, target, key, target_union: union, range_end }
    }
}
