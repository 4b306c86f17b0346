//! Goes through a range of keys in order.

use orchestrator_core::store::Key;
use smallvec::SmallVec;

use super::node::{Child, Node};

/// The keys of a range with their values.
pub(crate) struct Iter<'a, V> {
    leaf: std::slice::Iter<'a, (Key, V)>,
    /// What comes after the leaf, the nearest last.
    rest: SmallVec<[std::slice::Iter<'a, Child<V>>; 8]>,
    end: Option<&'a [u8]>,
}

impl<'a, V> Iter<'a, V> {
    /// Only `item`, if there is one.
    pub(super) fn of(item: Option<&'a (Key, V)>) -> Self {
        let leaf = item.map_or(&[][..], std::slice::from_ref).iter();
        Self { leaf, rest: SmallVec::new(), end: None }
    }

    /// Begins at `start`, below `root`.
    pub(super) fn new(root: &'a Node<V>, start: &[u8], end: Option<&'a [u8]>) -> Self {
        let mut rest = SmallVec::new();
        let mut node = root;
        loop {
            match node {
                Node::Inner(children) => {
                    let at = children.not_after(start);
                    rest.push(children[at + 1..].iter());
                    node = &children[at].node;
                }
                Node::Leaf(items) => {
                    let at = items.search(start).unwrap_or_else(|at| at);
                    return Self { leaf: items[at..].iter(), rest, end };
                }
            }
        }
    }

    /// Goes on with the next leaf; false where there is none.
    fn next_leaf(&mut self) -> bool {
        while let Some(nearest) = self.rest.last_mut() {
            let Some(child) = nearest.next() else {
                self.rest.pop();
                continue;
            };
            match &*child.node {
                Node::Inner(children) => self.rest.push(children.iter()),
                Node::Leaf(items) => {
                    self.leaf = items.iter();
                    return true;
                }
            }
        }
        false
    }
}

impl<'a, V> Iterator for Iter<'a, V> {
    type Item = (&'a Key, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                let within = self.end.is_none_or(|end| key.as_bytes() < end);
                return within.then_some((key, value));
            }
            if !self.next_leaf() {
                return None;
            }
        }
    }
}
