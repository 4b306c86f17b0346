//! Completion indexes of a Job, written as `0,2-5,9`.

use std::collections::BTreeSet;
use std::fmt::Write;

/// A set of completion indexes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(BTreeSet<i32>);

impl Indexes {
    /// The indexes that `text` names, of those below `completions`; what cannot be read is left
    /// out, as it was written by us.
    pub(super) fn parse(text: &str, completions: i32) -> Self {
        let mut set = BTreeSet::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) else {
                continue;
            };
            set.extend(first.max(0)..=last.min(completions - 1));
        }
        Self(set)
    }

    /// Adds an index.
    pub(super) fn insert(&mut self, index: i32) {
        self.0.insert(index);
    }

    /// Whether an index is in the set.
    pub(super) fn contains(&self, index: i32) -> bool {
        self.0.contains(&index)
    }

    /// How many there are.
    pub(super) fn len(&self) -> i32 {
        i32::try_from(self.0.len()).unwrap_or(i32::MAX)
    }

    /// The indexes of both.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).copied().collect())
    }

    /// How many of them are in `other` too.
    pub(super) fn common(&self, other: &Self) -> i32 {
        i32::try_from(self.0.intersection(&other.0).count()).unwrap_or(i32::MAX)
    }
}

impl std::fmt::Display for Indexes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut runs: Vec<(i32, i32)> = Vec::new();
        for &index in &self.0 {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == index => *last = index,
                _ => runs.push((index, index)),
            }
        }
        for (place, (first, last)) in runs.into_iter().enumerate() {
            if place > 0 {
                f.write_char(',')?;
            }
            match last - first {
                0 => write!(f, "{first}")?,
                // Two neighbours are written one by one.
                1 => write!(f, "{first},{last}")?,
                _ => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runs_of_three_and_more_are_written_as_ranges() {
        let cases =
            [("", ""), ("0", "0"), ("0,1", "0,1"), ("1-3", "1-3"), ("0,2,3,4,9", "0,2-4,9")];
        for (text, want) in cases {
            assert_eq!(Indexes::parse(text, 10).to_string(), want);
        }
        assert_eq!(Indexes::parse("0-99,x,7-z", 5).to_string(), "0-4");
        assert_eq!(Indexes::parse("2000000000-2147483647", 3).len(), 0);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(set in proptest::collection::btree_set(0..50_i32, 0..50)) {
            let indexes = Indexes(set);
            prop_assert_eq!(Indexes::parse(&indexes.to_string(), 50), indexes);
        }
    }
}
