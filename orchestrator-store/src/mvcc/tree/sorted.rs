//! What the two kinds of nodes have in common: some items in the order of their keys.

use std::ops::Deref;

use orchestrator_core::store::Key;

use super::heads::Heads;
use super::node::{Child, MAX};

/// By how many items the room of a node grows: none is left unused, for memory is dearer here than
/// a copy now and then.
const GROWTH: usize = 1;

/// Something that is ordered by its key.
pub(super) trait Keyed {
    /// How many items at the beginning have a key that means nothing.
    const UNKEYED: usize;

    fn key(&self) -> &[u8];
}

impl<V> Keyed for (Key, V) {
    const UNKEYED: usize = 0;

    #[inline]
    fn key(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl<V> Keyed for Child<V> {
    const UNKEYED: usize = 1;

    #[inline]
    fn key(&self) -> &[u8] {
        self.first.as_bytes()
    }
}

/// Items in the order of their keys.
#[derive(Clone)]
pub(super) struct Sorted<T> {
    heads: Heads,
    items: Vec<T>,
}

impl<T> Deref for Sorted<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T: Keyed> Sorted<T> {
    /// `items`, which are in order.
    pub(super) fn new(items: Vec<T>) -> Self {
        let mut sorted = Self { heads: Heads::default(), items };
        sorted.look_again();
        sorted
    }

    /// Where the item of `key` is, or where it would be.
    #[inline]
    pub(super) fn search(&self, key: &[u8]) -> Result<usize, usize> {
        let keyed = self.keyed();
        self.heads.search(keyed.len(), key, |at| keyed[at].key())
    }

    /// How many items have a key that is not greater than `key`.
    #[inline]
    pub(super) fn not_after(&self, key: &[u8]) -> usize {
        let keyed = self.keyed();
        self.heads.not_after(keyed.len(), key, |at| keyed[at].key())
    }

    /// The item at `at`; its key is not to be changed.
    #[inline]
    pub(super) fn item_mut(&mut self, at: usize) -> &mut T {
        &mut self.items[at]
    }

    /// Adds an item at its place, without making much more room than needed.
    pub(super) fn insert(&mut self, at: usize, item: T) {
        if self.items.len() == self.items.capacity() {
            self.items.reserve_exact(GROWTH.min(MAX - self.items.len()));
        }
        self.items.insert(at, item);
        let keyed = &self.items[T::UNKEYED.min(self.items.len())..];
        let known =
            at >= T::UNKEYED && self.heads.add(at - T::UNKEYED, keyed.len(), |at| keyed[at].key());
        if !known {
            self.look_again();
        }
    }

    /// Removes the item at `at`.
    pub(super) fn remove(&mut self, at: usize) -> T {
        let removed = self.items.remove(at);
        self.items.shrink_to(self.items.len() + GROWTH);
        match at.checked_sub(T::UNKEYED) {
            Some(at) => self.heads.remove(at),
            None => self.look_again(),
        }
        removed
    }

    /// Takes the items from `at` on away, without leaving room behind.
    pub(super) fn split_off(&mut self, at: usize) -> Vec<T> {
        let right = self.items.split_off(at);
        self.items.shrink_to_fit();
        if !right.is_empty() {
            self.look_again();
        }
        right
    }

    /// Adds items behind all others.
    pub(super) fn extend(&mut self, items: Vec<T>) {
        self.items.extend(items);
        self.look_again();
    }

    /// How many items there is room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.items.capacity()
    }

    pub(super) fn into_items(self) -> Vec<T> {
        self.items
    }

    #[inline]
    fn keyed(&self) -> &[T] {
        &self.items[T::UNKEYED.min(self.items.len())..]
    }

    fn look_again(&mut self) {
        let keyed = &self.items[T::UNKEYED.min(self.items.len())..];
        self.heads = Heads::of(keyed.len(), |at| keyed[at].key());
    }
}
