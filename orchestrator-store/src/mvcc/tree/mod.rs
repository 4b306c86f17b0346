//! A persistent ordered map that can count: a B+ tree whose nodes are shared between versions.
//!
//! A copy is a pointer. A write copies the nodes on its path that some copy shares, and changes
//! the others in place. Every node above the leaves knows how many keys each of its children has,
//! so that the keys of a range are counted without looking at them. Nodes are no larger than what
//! they hold, and one that is filled in order is filled up, which is what loading a checkpoint
//! does: the map's share of the memory of a key is then some 70 bytes. Of the keys of a node, a
//! search looks at two bytes each that lie together, and then at one key.

mod bulk;
mod heads;
mod iter;
mod node;
mod sorted;
#[cfg(test)]
mod tests;

pub(crate) use bulk::Bulk;
pub(crate) use iter::Iter;

use std::sync::Arc;

use orchestrator_core::store::{Key, KeyRange};

use node::{Child, Node};
use sorted::Sorted;

/// An ordered map from keys to `V`.
#[derive(Clone)]
pub(crate) struct Tree<V> {
    root: Arc<Node<V>>,
    len: usize,
}

/// Only how many keys there are: a store may have millions.
impl<V> std::fmt::Debug for Tree<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<V> Default for Tree<V> {
    fn default() -> Self {
        Self { root: Arc::new(Node::Leaf(Sorted::new(Vec::new()))), len: 0 }
    }
}

impl<V> Tree<V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The key as the map holds it, with its value.
    pub(crate) fn get_key_value(&self, key: &[u8]) -> Option<(&Key, &V)> {
        self.item(key).map(|(key, value)| (key, value))
    }

    fn item(&self, key: &[u8]) -> Option<&(Key, V)> {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Inner(children) => node = &children[children.not_after(key)].node,
                Node::Leaf(items) => return Some(&items[items.search(key).ok()?]),
            }
        }
    }

    /// The keys from `start` on, up to `end` where there is one.
    pub(crate) fn range<'a>(&'a self, start: &[u8], end: Option<&'a [u8]>) -> Iter<'a, V> {
        Iter::new(&self.root, start, end)
    }

    /// The keys of `keys` in order.
    pub(crate) fn iter<'a>(&'a self, keys: &'a KeyRange) -> Iter<'a, V> {
        let start = keys.start.as_bytes();
        match &keys.end {
            Some(_) => self.range(start, end(keys)),
            None => Iter::of(self.item(start)),
        }
    }

    /// How many keys of `keys` there are, without looking at them.
    pub(crate) fn count(&self, keys: &KeyRange) -> usize {
        let start = keys.start.as_bytes();
        match end(keys) {
            None if keys.end.is_none() => usize::from(self.get(start).is_some()),
            None => self.len - self.rank(start),
            // A range that ends before it starts is empty.
            Some(end) => self.rank(end).saturating_sub(self.rank(start)),
        }
    }

    /// How many keys come before `key`.
    pub(crate) fn rank(&self, key: &[u8]) -> usize {
        let mut node = &*self.root;
        let mut before = 0;
        loop {
            match node {
                Node::Inner(children) => {
                    let at = children.not_after(key);
                    before += children[..at].iter().map(|child| child.count).sum::<usize>();
                    node = &children[at].node;
                }
                Node::Leaf(items) => {
                    return before + items.search(key).unwrap_or_else(|at| at);
                }
            }
        }
    }
}

impl<V: Clone> Tree<V> {
    /// The value of `key`, to be changed; copies what other versions share, even if there is none.
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<(&Key, &mut V)> {
        let mut node = Arc::make_mut(&mut self.root);
        loop {
            match node {
                Node::Inner(children) => {
                    let at = children.not_after(key);
                    node = Arc::make_mut(&mut children.item_mut(at).node);
                }
                Node::Leaf(items) => {
                    let found = items.search(key).ok()?;
                    let (key, value) = items.item_mut(found);
                    return Some((key, value));
                }
            }
        }
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, key: Key, value: V) {
        self.len += 1;
        let Some(right) = node::insert(&mut self.root, key, value) else { return };
        let left = Arc::clone(&self.root);
        // The first key of the first child is never looked at.
        let left = Child { first: Key::from(""), count: self.len - right.count, node: left };
        self.root = Arc::new(Node::Inner(Sorted::new(vec![left, right])));
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(Key, V)> {
        // The look first, so that nothing is copied for a key that is not there.
        self.get(key)?;
        let removed = node::remove(&mut self.root, key);
        self.len -= 1;
        while let Node::Inner(children) = &*self.root
            && let [only] = &children[..]
        {
            self.root = Arc::clone(&only.node);
        }
        removed
    }
}

/// Where a range of keys ends, if it does.
fn end(keys: &KeyRange) -> Option<&[u8]> {
    keys.end.as_ref().map(Key::as_bytes).filter(|_| !keys.is_unbounded())
}
