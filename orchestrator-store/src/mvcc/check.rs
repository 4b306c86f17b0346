//! What a transaction must satisfy whatever the state: sizes, keys, no key written twice.

use std::collections::BTreeSet;

use orchestrator_core::store::{
    Compare, Key, KeyRange, MAX_TXN_DEPTH, MAX_TXN_OPS, MAX_VALUE_BYTES, Op, Put, StoreError, Txn,
};

use super::reasons;

/// The longest key: far beyond any name, short enough that keys never dominate memory.
const MAX_KEY_BYTES: usize = 8 * 1024;

/// The most steps in a transaction with all that it nests: what the check for keys written
/// twice, which is quadratic, does in a millisecond.
const MAX_TOTAL_OPS: usize = 8 * MAX_TXN_OPS;

const EMPTY_KEY: StoreError = StoreError::Invalid(reasons::EMPTY_KEY);
const LONG_KEY: StoreError = StoreError::Invalid(reasons::LONG_KEY);
const TOO_MANY: StoreError = StoreError::Invalid(reasons::TOO_MANY);
const TOO_DEEP: StoreError = StoreError::Invalid(reasons::TOO_DEEP);
const DUPLICATE: StoreError = StoreError::Invalid(reasons::DUPLICATE);

/// Checks `txn` and everything nested in it.
pub(super) fn txn(txn: &Txn) -> Result<(), StoreError> {
    let mut total = 0;
    shape(txn, 1, &mut total)?;
    if total > 1 {
        writes_of(&txn.then)?;
        writes_of(&txn.otherwise)?;
    }
    Ok(())
}

/// Checks the keys of a read or delete; an empty start is the beginning of an open range only.
pub(super) fn range(keys: &KeyRange) -> Result<(), StoreError> {
    match &keys.end {
        None => key(&keys.start),
        Some(end) if is_long(&keys.start) || is_long(end) => Err(LONG_KEY),
        Some(_) => Ok(()),
    }
}

fn key(key: &Key) -> Result<(), StoreError> {
    match key.as_bytes() {
        [] => Err(EMPTY_KEY),
        _ if is_long(key) => Err(LONG_KEY),
        _ => Ok(()),
    }
}

fn is_long(key: &Key) -> bool {
    key.as_bytes().len() > MAX_KEY_BYTES
}

fn shape(txn: &Txn, depth: usize, total: &mut usize) -> Result<(), StoreError> {
    if depth > MAX_TXN_DEPTH {
        return Err(TOO_DEEP);
    }
    let longest = txn.compare.len().max(txn.then.len()).max(txn.otherwise.len());
    *total += txn.then.len() + txn.otherwise.len();
    if longest > MAX_TXN_OPS || *total > MAX_TOTAL_OPS {
        return Err(TOO_MANY);
    }
    txn.compare.iter().try_for_each(|Compare { keys, .. }| range(keys))?;
    for op in txn.then.iter().chain(&txn.otherwise) {
        match op {
            Op::Range(read) => range(&read.keys)?,
            Op::Put(put) => self::put(put)?,
            Op::Delete(keys) => range(keys)?,
            Op::Txn(inner) => shape(inner, depth + 1, total)?,
        }
    }
    Ok(())
}

fn put(put: &Put) -> Result<(), StoreError> {
    key(&put.key)?;
    match put.value.as_ref().map_or(0, |value| value.bytes().len()) {
        bytes if bytes > MAX_VALUE_BYTES => {
            Err(StoreError::TooLarge { bytes, max: MAX_VALUE_BYTES })
        }
        _ => Ok(()),
    }
}

/// The keys that some steps may write.
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a Key>,
    deletes: Vec<&'a KeyRange>,
}

impl<'a> Writes<'a> {
    /// Adds the writes of a step that runs besides those here.
    fn also(&mut self, other: Self) -> Result<(), StoreError> {
        let clash = other.puts.iter().any(|key| self.puts.contains(key) || self.deletes(key))
            || self.puts.iter().any(|key| other.deletes(key));
        if clash {
            return Err(DUPLICATE);
        }
        self.or(other);
        Ok(())
    }

    /// Adds the writes of a branch that runs instead of those here.
    fn or(&mut self, other: Self) {
        self.puts.extend(other.puts);
        self.deletes.extend(other.deletes);
    }

    fn deletes(&self, key: &Key) -> bool {
        self.deletes.iter().any(|keys| keys.contains(key.as_bytes()))
    }
}

fn writes_of(ops: &[Op]) -> Result<Writes<'_>, StoreError> {
    let mut writes = Writes::default();
    for op in ops {
        let of_op = match op {
            Op::Range(_) => continue,
            Op::Put(put) => Writes { puts: BTreeSet::from([&put.key]), ..Writes::default() },
            Op::Delete(keys) => Writes { deletes: vec![keys], ..Writes::default() },
            Op::Txn(inner) => {
                let mut either = writes_of(&inner.then)?;
                either.or(writes_of(&inner.otherwise)?);
                either
            }
        };
        writes.also(of_op)?;
    }
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::store::Range;
    use orchestrator_core::value::Value;

    fn put(key: &str) -> Op {
        Op::Put(Put::new(key, Value::from_bytes("v")))
    }

    fn delete(prefix: &str) -> Op {
        Op::Delete(KeyRange::prefix(prefix))
    }

    fn inner(then: Vec<Op>, otherwise: Vec<Op>) -> Op {
        Op::Txn(Box::new(Txn { then, otherwise, ..Txn::default() }))
    }

    fn check(then: Vec<Op>) -> &'static str {
        match txn(&Txn { then, ..Txn::default() }) {
            Ok(()) => "ok",
            Err(StoreError::Invalid(why)) => why,
            Err(StoreError::TooLarge { .. }) => "too large",
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_key_is_written_at_most_once_on_any_path() {
        const TWICE: &str = "duplicate key given in txn request";
        assert_eq!(check(vec![put("a"), put("b"), delete("c"), delete("c")]), "ok");
        assert_eq!(check(vec![put("a"), put("a")]), TWICE);
        assert_eq!(check(vec![delete("a"), put("ab")]), TWICE);
        assert_eq!(check(vec![put("ab"), inner(vec![], vec![delete("a")])]), TWICE);
        assert_eq!(check(vec![inner(vec![put("a")], vec![put("a"), delete("b")])]), "ok");
        assert_eq!(check(vec![inner(vec![put("a")], vec![]), put("a")]), TWICE);
    }

    #[test]
    fn sizes_and_depth_are_bounded() {
        let puts = |n: usize| (0..n).map(|i| put(&i.to_string())).collect::<Vec<_>>();
        assert_eq!(check(puts(MAX_TXN_OPS)), "ok");
        assert_eq!(check(puts(MAX_TXN_OPS + 1)), "too many operations in txn request");
        let wide = (0..9).map(|_| inner(vec![delete("x"); MAX_TXN_OPS], vec![])).collect();
        assert_eq!(check(wide), "too many operations in txn request");
        let deep = |n| (0..n).fold(vec![], |ops, _| vec![inner(ops, vec![])]);
        assert_eq!(check(deep(MAX_TXN_DEPTH - 1)), "ok");
        assert_eq!(check(deep(MAX_TXN_DEPTH)), "transactions are nested too deeply");
        let value = Value::from_bytes(vec![0; MAX_VALUE_BYTES + 1]);
        assert_eq!(check(vec![Op::Put(Put::new("a", value))]), "too large");
        assert_eq!(check(vec![put(&"k".repeat(MAX_KEY_BYTES + 1))]), "key is too long");
    }

    #[test]
    fn only_an_open_range_may_start_with_the_empty_key() {
        assert_eq!(check(vec![put("")]), "key is not provided");
        assert_eq!(check(vec![Op::Range(Range::new(KeyRange::key("")))]), "key is not provided");
        assert_eq!(check(vec![Op::Range(Range::new(KeyRange::prefix("")))]), "ok");
    }
}
