//! What is true of a condition, and what must be true of the writes of a transaction.

use std::cmp::Ordering;

use orchestrator_core::store::{Compare, Op, Relation, Revision, StoreError, Target};

use super::State;
use super::working::matching;

/// Whether a condition holds for each of its keys.
pub(super) fn holds(compare: &Compare, state: &State) -> bool {
    let found: Vec<_> = matching(state, &compare.keys).map(Some).collect();
    let found = if found.is_empty() { vec![None] } else { found };
    found.into_iter().all(|kv| {
        let order = match &compare.target {
            Target::Version(wanted) => Some(kv.map_or(0, |kv| kv.version).cmp(wanted)),
            Target::Lease(wanted) => Some(kv.map_or(0, |kv| kv.lease).cmp(wanted)),
            Target::Value(wanted) => kv.map(|kv| kv.value.bytes().cmp(wanted.bytes())),
            Target::CreateRevision(wanted) => {
                Some(kv.map_or(Revision::ZERO, |kv| kv.create_revision).cmp(wanted))
            }
            Target::ModRevision(wanted) => {
                Some(kv.map_or(Revision::ZERO, |kv| kv.mod_revision).cmp(wanted))
            }
        };
        order.is_some_and(|order| match compare.relation {
            Relation::Equal => order == Ordering::Equal,
            Relation::NotEqual => order != Ordering::Equal,
            Relation::Greater => order == Ordering::Greater,
            Relation::Less => order == Ordering::Less,
        })
    })
}

/// Every sequence of writes that some outcome of the inner conditions makes.
pub(super) fn paths(ops: &[Op]) -> Vec<Vec<&Op>> {
    ops.iter().fold(vec![Vec::new()], |heads, op| {
        let tails = match op {
            Op::Txn(inner) => [paths(&inner.then), paths(&inner.otherwise)].concat(),
            op => vec![vec![op]],
        };
        let extend = |head: &Vec<_>| -> Vec<_> {
            tails.iter().map(|tail| [head.as_slice(), tail.as_slice()].concat()).collect()
        };
        heads.iter().flat_map(extend).collect()
    })
}

/// On no path is a key put twice, or put and deleted.
pub(super) fn check_path(path: &[&Op]) -> Result<(), StoreError> {
    for (index, first) in path.iter().enumerate() {
        for second in &path[index + 1..] {
            let clash = match (first, second) {
                (Op::Put(a), Op::Put(b)) => a.key == b.key,
                (Op::Put(put), Op::Delete(keys)) | (Op::Delete(keys), Op::Put(put)) => {
                    keys.contains(put.key.as_bytes())
                }
                _ => false,
            };
            if clash {
                return Err(StoreError::Invalid("duplicate key"));
            }
        }
    }
    Ok(())
}
