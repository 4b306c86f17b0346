//! The heads of a node's keys: where a search looks first.
//!
//! A key is bytes behind a pointer, so a search that compares keys waits for memory at each step.
//! The keys of a node nearly always begin alike and differ soon after that; two bytes of each,
//! from where they begin to differ, lie together in one cache line and decide nearly everything.

use std::cmp::Ordering;
use std::ops::Range;

use super::node::MAX;

/// What stands in the room that no key uses.
const UNUSED: u16 = u16::MAX;

/// The first two bytes of each key behind what all keys of the node have in common.
#[derive(Clone, Debug)]
pub(super) struct Heads {
    /// How many bytes all keys have in common, or fewer.
    shared: usize,
    heads: [u16; MAX],
}

impl Default for Heads {
    fn default() -> Self {
        Self { shared: 0, heads: [UNUSED; MAX] }
    }
}

impl Heads {
    /// The heads of some keys in order; `key` tells each by its place.
    pub(super) fn of<'a>(len: usize, key: impl Fn(usize) -> &'a [u8]) -> Self {
        let mut made = Self::default();
        if len > 0 {
            // What the first and the last have in common, all between them have too.
            made.shared = common(key(0), key(len - 1));
            (0..len).for_each(|at| made.heads[at] = made.head(key(at)));
        }
        made
    }

    /// Where `wanted` is among `len` keys, or where it would be.
    #[inline]
    pub(super) fn search<'a>(
        &self,
        len: usize,
        wanted: &[u8],
        key: impl Fn(usize) -> &'a [u8],
    ) -> Result<usize, usize> {
        if len == 0 {
            return Err(0);
        }
        if wanted.len() >= self.shared {
            let alike = self.alike(self.head(wanted), len);
            // Mostly one key has the head, and it is the one; then nothing else is looked at.
            if alike.len() == 1 && key(alike.start) == wanted {
                return Ok(alike.start);
            }
            let begin = &key(0)[..self.shared];
            match wanted[..self.shared].cmp(begin) {
                Ordering::Less => Err(0),
                Ordering::Greater => Err(len),
                Ordering::Equal => self.search_alike(alike, wanted, key),
            }
        } else {
            // A key that is shorter than what all begin with is not among them.
            Err(if wanted < key(0) { 0 } else { len })
        }
    }

    /// How many of `len` keys are not greater than `wanted`.
    #[inline]
    pub(super) fn not_after<'a>(
        &self,
        len: usize,
        wanted: &[u8],
        key: impl Fn(usize) -> &'a [u8],
    ) -> usize {
        self.search(len, wanted, key).map_or_else(|at| at, |at| at + 1)
    }

    /// Notes that the key at `at`, of now `len` keys, was added; false if all must be made anew.
    pub(super) fn add<'a>(
        &mut self,
        at: usize,
        len: usize,
        key: impl Fn(usize) -> &'a [u8],
    ) -> bool {
        let added = key(at);
        let neighbour = if at == 0 { 1 } else { at - 1 };
        if neighbour >= len || common(added, key(neighbour)) < self.shared {
            return false;
        }
        self.heads.copy_within(at..len - 1, at + 1);
        self.heads[at] = self.head(added);
        true
    }

    /// Notes that the key at `at` was removed.
    pub(super) fn remove(&mut self, at: usize) {
        self.heads.copy_within(at + 1.., at);
        self.heads[MAX - 1] = UNUSED;
    }

    /// The keys whose head is `head`; where none is, the empty place where one would be.
    #[inline]
    fn alike(&self, head: u16, len: usize) -> Range<usize> {
        // Sums of so many small numbers, which the compiler makes a few wide instructions.
        let less: u16 = self.heads.iter().map(|other| u16::from(*other < head)).sum();
        let equal: u16 = self.heads.iter().map(|other| u16::from(*other == head)).sum();
        let start = usize::from(less).min(len);
        start..(start + usize::from(equal)).min(len)
    }

    fn search_alike<'a>(
        &self,
        alike: Range<usize>,
        wanted: &[u8],
        key: impl Fn(usize) -> &'a [u8],
    ) -> Result<usize, usize> {
        let (mut low, mut high) = (alike.start, alike.end);
        while low < high {
            let middle = low.midpoint(high);
            match key(middle)[self.shared..].cmp(&wanted[self.shared..]) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// The head of a key that has the common beginning, or is as long.
    #[inline]
    fn head(&self, key: &[u8]) -> u16 {
        match &key[self.shared..] {
            [] => 0,
            [only] => u16::from_be_bytes([*only, 0]),
            [first, second, ..] => u16::from_be_bytes([*first, *second]),
        }
    }
}

/// How many bytes two keys have in common at their beginning.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(prop_oneof![Just(0), Just(b'a'), Just(b'b'), Just(0xff)], 0..6)
    }

    proptest! {
        /// A search finds what comparing all keys finds, however the heads came about.
        #[test]
        fn it_finds_what_a_search_of_the_keys_finds(
            keys in proptest::collection::btree_set(key(), 0..MAX + 1),
            removed in any::<prop::sample::Index>(),
            wanted in proptest::collection::vec(key(), 20),
        ) {
            let mut keys: Vec<Vec<u8>> = keys.into_iter().collect();
            let check = |heads: &Heads, keys: &[Vec<u8>]| {
                for wanted in wanted.iter().chain(keys) {
                    let found = heads.search(keys.len(), wanted, |at| &keys[at]);
                    prop_assert_eq!(found, keys.binary_search(wanted));
                }
                Ok(())
            };
            let mut heads = Heads::of(keys.len(), |at| &keys[at]);
            check(&heads, &keys)?;
            if keys.is_empty() {
                return Ok(());
            }
            let at = removed.index(keys.len());
            let back = keys.remove(at);
            heads.remove(at);
            check(&heads, &keys)?;
            keys.insert(at, back);
            if !heads.add(at, keys.len(), |at| &keys[at]) {
                heads = Heads::of(keys.len(), |at| &keys[at]);
            }
            check(&heads, &keys)?;
        }
    }
}
