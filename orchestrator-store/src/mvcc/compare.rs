//! The conditions of a transaction.

use std::cmp::Ordering;

use orchestrator_core::store::{Compare, Relation, Revision, Target};

use super::root::{Entry, Root};

/// Whether `compare` holds for all its keys in `root`.
///
/// Where there is no key, numbers compare as zero, and a value compares as nothing at all: no
/// relation holds for it.
pub(super) fn holds(compare: &Compare, root: &Root) -> bool {
    let mut entries = root.iter(&compare.keys).map(|(_, entry)| entry).peekable();
    if entries.peek().is_none() {
        return one(compare, None);
    }
    entries.all(|entry| one(compare, Some(entry)))
}

fn one(compare: &Compare, entry: Option<&Entry>) -> bool {
    let number = |of: fn(&Entry) -> Revision| entry.map_or(Revision::ZERO, of);
    let order = match &compare.target {
        Target::Version(wanted) => entry.map_or(0, Entry::version).cmp(wanted),
        Target::CreateRevision(wanted) => number(Entry::create_revision).cmp(wanted),
        Target::ModRevision(wanted) => number(|entry| entry.mod_revision).cmp(wanted),
        Target::Lease(wanted) => entry.map_or(0, Entry::lease).cmp(wanted),
        Target::Value(wanted) => match entry {
            Some(entry) => entry.value.bytes().cmp(wanted.bytes()),
            None => return false,
        },
    };
    match compare.relation {
        Relation::Equal => order == Ordering::Equal,
        Relation::NotEqual => order != Ordering::Equal,
        Relation::Greater => order == Ordering::Greater,
        Relation::Less => order == Ordering::Less,
    }
}
