//! Which groups of watchers a key concerns, found without looking at the others.
//!
//! Nearly every watch is of one key or of a prefix: keys are looked up, and the prefixes of a key
//! are found by stepping down an ordered map, from the longest to the shortest. Any other range is
//! compared one by one.

use std::collections::BTreeMap;
use std::ops::Bound;

use orchestrator_core::store::{Key, KeyRange};
use rustc_hash::FxHashMap;

/// The number of a group in the hub.
pub(super) type GroupId = usize;

/// Groups by the keys that they watch.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: FxHashMap<Key, GroupId>,
    prefixes: BTreeMap<Key, GroupId>,
    others: Vec<(KeyRange, GroupId)>,
}

/// How a range is indexed.
enum Shape {
    Key,
    Prefix,
    Other,
}

fn shape(keys: &KeyRange) -> Shape {
    match &keys.end {
        None => Shape::Key,
        Some(end) if *end == Key::prefix_end(keys.start.as_bytes()) => Shape::Prefix,
        Some(_) => Shape::Other,
    }
}

impl Index {
    /// The group of exactly `keys`.
    pub(super) fn get(&self, keys: &KeyRange) -> Option<GroupId> {
        match shape(keys) {
            Shape::Key => self.keys.get(&keys.start).copied(),
            Shape::Prefix => self.prefixes.get(&keys.start).copied(),
            Shape::Other => {
                let same = self.others.iter().find(|(range, _)| range == keys);
                same.map(|(_, group)| *group)
            }
        }
    }

    pub(super) fn insert(&mut self, keys: KeyRange, group: GroupId) {
        match shape(&keys) {
            Shape::Key => drop(self.keys.insert(keys.start, group)),
            Shape::Prefix => drop(self.prefixes.insert(keys.start, group)),
            Shape::Other => self.others.push((keys, group)),
        }
    }

    pub(super) fn remove(&mut self, keys: &KeyRange) {
        match shape(keys) {
            Shape::Key => drop(self.keys.remove(&keys.start)),
            Shape::Prefix => drop(self.prefixes.remove(&keys.start)),
            Shape::Other => self.others.retain(|(range, _)| range != keys),
        }
    }

    /// Calls `found` with each group that watches `key`.
    pub(super) fn matching(&self, key: &[u8], mut found: impl FnMut(GroupId)) {
        if let Some(group) = self.keys.get(key) {
            found(*group);
        }
        self.prefixes_of(key, &mut found);
        for (keys, group) in &self.others {
            if keys.contains(key) {
                found(*group);
            }
        }
    }

    fn prefixes_of(&self, key: &[u8], found: &mut impl FnMut(GroupId)) {
        // The longest prefix of `key` that may still be in the map; each step shortens it.
        let mut upper = Bound::Included(key);
        while let Some((prefix, group)) =
            self.prefixes.range::<[u8], _>((Bound::Unbounded, upper)).next_back()
        {
            let prefix = prefix.as_bytes();
            let common = prefix.iter().zip(key).take_while(|(a, b)| a == b).count();
            upper = if common == prefix.len() {
                found(*group);
                Bound::Excluded(&key[..common])
            } else {
                Bound::Included(&key[..common])
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range() -> impl Strategy<Value = KeyRange> {
        let key = || "[ab\u{7f}]{0,4}";
        prop_oneof![
            key().prop_map(KeyRange::key),
            key().prop_map(KeyRange::prefix),
            (key(), key())
                .prop_map(|(start, end)| KeyRange { start: start.into(), end: Some(end.into()) }),
            key().prop_map(|start| KeyRange { start: start.into(), end: Some("\0".into()) }),
        ]
    }

    proptest! {
        /// The index finds what comparing every range with the key finds.
        #[test]
        fn it_finds_each_range_that_contains_the_key_once(
            ranges in proptest::collection::vec(range(), 0..12),
            removed in proptest::collection::vec(any::<bool>(), 12),
            key in "[ab\u{7f}]{0,5}",
        ) {
            let mut index = Index::default();
            let mut kept: Vec<(KeyRange, GroupId)> = Vec::new();
            for (group, keys) in ranges.into_iter().enumerate() {
                if index.get(&keys).is_none() {
                    index.insert(keys.clone(), group);
                    kept.push((keys, group));
                }
            }
            kept.retain(|(keys, group)| {
                if removed[*group] {
                    index.remove(keys);
                }
                !removed[*group]
            });
            let mut found = Vec::new();
            index.matching(key.as_bytes(), |group| found.push(group));
            found.sort_unstable();
            let wanted = kept.iter().filter(|(keys, _)| keys.contains(key.as_bytes()));
            prop_assert_eq!(found, wanted.map(|(_, group)| *group).collect::<Vec<_>>());
        }
    }
}
