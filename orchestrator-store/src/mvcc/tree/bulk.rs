//! Builds a tree of keys that come in order: every node is full, and no key is searched for.

use std::sync::Arc;

use orchestrator_core::store::Key;

use super::Tree;
use super::node::{Child, MAX, Node};
use super::sorted::Sorted;

/// A tree that is being built.
pub(crate) struct Bulk<V> {
    leaves: Vec<Child<V>>,
    /// The last leaf, which is not full yet.
    open: Vec<(Key, V)>,
    len: usize,
}

impl<V> Default for Bulk<V> {
    fn default() -> Self {
        Self { leaves: Vec::new(), open: Vec::with_capacity(MAX), len: 0 }
    }
}

impl<V> Bulk<V> {
    /// Adds a key that follows all others.
    pub(crate) fn push(&mut self, key: Key, value: V) {
        if self.open.len() == MAX {
            let full = std::mem::replace(&mut self.open, Vec::with_capacity(MAX));
            self.leaves.push(leaf(full));
        }
        self.open.push((key, value));
        self.len += 1;
    }

    /// The tree.
    pub(crate) fn finish(mut self) -> Tree<V> {
        self.open.shrink_to_fit();
        if self.leaves.is_empty() {
            return Tree { root: Arc::new(Node::Leaf(Sorted::new(self.open))), len: self.len };
        }
        let mut level = self.leaves;
        level.push(leaf(self.open));
        while level.len() > 1 {
            let mut above = Vec::with_capacity(level.len().div_ceil(MAX));
            let mut rest = level.into_iter();
            while rest.len() > 0 {
                above.push(inner(rest.by_ref().take(MAX).collect()));
            }
            level = above;
        }
        let root = level.pop().expect("a level has a node").node;
        Tree { root, len: self.len }
    }
}

/// Only how many keys there are, as of a tree.
impl<V> std::fmt::Debug for Bulk<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bulk").field("len", &self.len).finish_non_exhaustive()
    }
}

fn leaf<V>(items: Vec<(Key, V)>) -> Child<V> {
    let (first, count) = (items[0].0.clone(), items.len());
    Child { first, count, node: Arc::new(Node::Leaf(Sorted::new(items))) }
}

fn inner<V>(children: Vec<Child<V>>) -> Child<V> {
    let (first, count) = (children[0].first.clone(), children.iter().map(|child| child.count));
    Child { first, count: count.sum(), node: Arc::new(Node::Inner(Sorted::new(children))) }
}
