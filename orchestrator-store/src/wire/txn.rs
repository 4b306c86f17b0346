//! Transactions and what they answer.

use orchestrator_core::store::{
    Compare, Op, OpResult, Put, Range, RangeResponse, Relation, Target, Txn, TxnResponse,
};

use super::{Reader, WireError, Writer};

impl Writer<'_> {
    pub(super) fn txn(&mut self, txn: &Txn) {
        self.list(&txn.compare, Self::compare);
        self.list(&txn.then, Self::op);
        self.list(&txn.otherwise, Self::op);
    }

    fn compare(&mut self, compare: &Compare) {
        self.byte(match compare.relation {
            Relation::Equal => 0,
            Relation::NotEqual => 1,
            Relation::Greater => 2,
            Relation::Less => 3,
        });
        self.keys(&compare.keys);
        match &compare.target {
            Target::Version(version) => {
                self.byte(0);
                self.number(*version);
            }
            Target::CreateRevision(revision) => {
                self.byte(1);
                self.revision(*revision);
            }
            Target::ModRevision(revision) => {
                self.byte(2);
                self.revision(*revision);
            }
            Target::Value(value) => {
                self.byte(3);
                self.value(value);
            }
            Target::Lease(lease) => {
                self.byte(4);
                self.signed(*lease);
            }
        }
    }

    fn op(&mut self, op: &Op) {
        match op {
            Op::Range(range) => {
                self.byte(0);
                self.range(range);
            }
            Op::Put(put) => {
                self.byte(1);
                self.key(&put.key);
                self.option(put.value.as_ref(), Self::value);
                self.option(put.lease.as_ref(), |out, lease| out.signed(*lease));
            }
            Op::Delete(keys) => {
                self.byte(2);
                self.keys(keys);
            }
            Op::Txn(inner) => {
                self.byte(3);
                self.txn(inner);
            }
        }
    }

    fn range(&mut self, range: &Range) {
        self.keys(&range.keys);
        self.revision(range.revision);
        self.size(range.limit);
        self.flag(range.count_only);
        self.flag(range.serializable);
    }

    pub(super) fn done(&mut self, done: &TxnResponse) {
        self.revision(done.revision);
        self.flag(done.succeeded);
        self.list(&done.results, Self::result);
    }

    fn result(&mut self, result: &OpResult) {
        match result {
            OpResult::Range(found) => {
                self.byte(0);
                self.revision(found.revision);
                self.list(&found.kvs, Self::kv);
                self.number(found.count);
                self.flag(found.more);
            }
            OpResult::Put { prev } => {
                self.byte(1);
                self.option(prev.as_ref(), Self::kv);
            }
            OpResult::Delete { prev } => {
                self.byte(2);
                self.list(prev, Self::kv);
            }
            OpResult::Txn(inner) => {
                self.byte(3);
                self.done(inner);
            }
        }
    }
}

impl Reader {
    pub(super) fn txn(&mut self) -> Result<Txn, WireError> {
        self.nested(|from| {
            Ok(Txn {
                compare: from.list(Self::compare)?,
                then: from.list(Self::op)?,
                otherwise: from.list(Self::op)?,
            })
        })
    }

    fn compare(&mut self) -> Result<Compare, WireError> {
        let relation = match self.byte()? {
            0 => Relation::Equal,
            1 => Relation::NotEqual,
            2 => Relation::Greater,
            3 => Relation::Less,
            _ => return self.bad_tag(),
        };
        let keys = self.keys()?;
        let target = match self.byte()? {
            0 => Target::Version(self.number()?),
            1 => Target::CreateRevision(self.revision()?),
            2 => Target::ModRevision(self.revision()?),
            3 => Target::Value(self.value()?),
            4 => Target::Lease(self.signed()?),
            _ => return self.bad_tag(),
        };
        Ok(Compare { keys, target, relation })
    }

    fn op(&mut self) -> Result<Op, WireError> {
        Ok(match self.byte()? {
            0 => Op::Range(self.range()?),
            1 => Op::Put(Put {
                key: self.key()?,
                value: self.option(Self::value)?,
                lease: self.option(Self::signed)?,
            }),
            2 => Op::Delete(self.keys()?),
            3 => Op::Txn(Box::new(self.txn()?)),
            _ => return self.bad_tag(),
        })
    }

    fn range(&mut self) -> Result<Range, WireError> {
        Ok(Range {
            keys: self.keys()?,
            revision: self.revision()?,
            limit: self.size()?,
            count_only: self.flag()?,
            serializable: self.flag()?,
        })
    }

    pub(super) fn done(&mut self) -> Result<TxnResponse, WireError> {
        self.nested(|from| {
            Ok(TxnResponse {
                revision: from.revision()?,
                succeeded: from.flag()?,
                results: from.list(Self::result)?,
            })
        })
    }

    fn result(&mut self) -> Result<OpResult, WireError> {
        Ok(match self.byte()? {
            0 => OpResult::Range(RangeResponse {
                revision: self.revision()?,
                kvs: self.list(Self::kv)?,
                count: self.number()?,
                more: self.flag()?,
            }),
            1 => OpResult::Put { prev: self.option(Self::kv)? },
            2 => OpResult::Delete { prev: self.list(Self::kv)? },
            3 => OpResult::Txn(self.done()?),
            _ => return self.bad_tag(),
        })
    }
}
