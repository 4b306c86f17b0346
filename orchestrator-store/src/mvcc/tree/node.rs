//! The nodes: how they split when they are full and join when they are nearly empty.

use std::sync::Arc;

use orchestrator_core::store::Key;

use super::sorted::{Keyed, Sorted};

/// The most items of a leaf, and the most children of a node above: large enough that the nodes
/// above weigh nothing, small enough to be copied in a microsecond.
pub(super) const MAX: usize = if cfg!(test) { 6 } else { 32 };

/// A node with fewer joins a neighbour, if both together fit.
const FEW: usize = MAX / 3;

/// A node of the tree.
#[derive(Clone)]
pub(super) enum Node<V> {
    /// Keys with their values.
    Leaf(Sorted<(Key, V)>),
    /// Further nodes; at least one.
    Inner(Sorted<Child<V>>),
}

/// A node below another one.
pub(super) struct Child<V> {
    /// No key of the child is less, none of those before it is as great. Of the first child it
    /// means nothing.
    pub(super) first: Key,
    /// How many keys it has.
    pub(super) count: usize,
    pub(super) node: Arc<Node<V>>,
}

impl<V> Clone for Child<V> {
    fn clone(&self) -> Self {
        Self { first: self.first.clone(), count: self.count, node: Arc::clone(&self.node) }
    }
}

impl<V> Node<V> {
    fn len(&self) -> usize {
        match self {
            Self::Leaf(items) => items.len(),
            Self::Inner(children) => children.len(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Leaf(items) => items.len(),
            Self::Inner(children) => children.iter().map(|child| child.count).sum(),
        }
    }
}

/// Adds a key that is not there; returns the new right neighbour where the node had to split.
pub(super) fn insert<V: Clone>(node: &mut Arc<Node<V>>, key: Key, value: V) -> Option<Child<V>> {
    match Arc::make_mut(node) {
        Node::Leaf(items) => {
            let at = items.search(key.as_bytes()).unwrap_or_else(|at| at);
            if items.len() < MAX {
                items.insert(at, (key, value));
                return None;
            }
            let right = insert_splitting(items, at, (key, value));
            let (first, count) = (right[0].0.clone(), right.len());
            Some(Child { first, count, node: Arc::new(Node::Leaf(right)) })
        }
        Node::Inner(children) => {
            let at = children.not_after(key.as_bytes());
            let child = children.item_mut(at);
            let split = insert(&mut child.node, key, value);
            child.count += 1;
            let new = split?;
            child.count -= new.count;
            if children.len() < MAX {
                children.insert(at + 1, new);
                return None;
            }
            let right = insert_splitting(children, at + 1, new);
            let first = right[0].first.clone();
            let count = right.iter().map(|child| child.count).sum();
            Some(Child { first, count, node: Arc::new(Node::Inner(right)) })
        }
    }
}

/// Adds `item` at `at` to a full node; returns the right part of it, which has to be split off.
fn insert_splitting<T: Keyed>(items: &mut Sorted<T>, at: usize, item: T) -> Sorted<T> {
    let middle = split_at(at, items.len());
    let mut right = Sorted::new(items.split_off(middle));
    match at.checked_sub(middle) {
        Some(at) => right.insert(at, item),
        None => items.insert(at, item),
    }
    right
}

/// Where to split a full node that gets one more at `at`: in the middle, but behind its end where
/// keys come in order, so that it stays full.
fn split_at(at: usize, len: usize) -> usize {
    if at == len { len } else { len / 2 }
}

/// Removes a key that is there.
pub(super) fn remove<V: Clone>(node: &mut Arc<Node<V>>, key: &[u8]) -> Option<(Key, V)> {
    match Arc::make_mut(node) {
        Node::Leaf(items) => {
            let at = items.search(key).ok()?;
            Some(items.remove(at))
        }
        Node::Inner(children) => {
            let at = children.not_after(key);
            let child = children.item_mut(at);
            let removed = remove(&mut child.node, key)?;
            child.count -= 1;
            if child.node.len() < FEW {
                join(children, at);
            }
            Some(removed)
        }
    }
}

/// Joins the child at `at` with a neighbour if they fit one node; an empty one goes in any case.
fn join<V: Clone>(children: &mut Sorted<Child<V>>, at: usize) {
    let fits = |left: usize, right: usize| {
        children.get(right).is_some_and(|right| children[left].node.len() + right.node.len() <= MAX)
    };
    if fits(at, at + 1) {
        join_right(children, at);
    } else if at > 0 && fits(at - 1, at) {
        join_right(children, at - 1);
    }
}

/// Joins the child at `at` with its right neighbour.
fn join_right<V: Clone>(children: &mut Sorted<Child<V>>, at: usize) {
    let right = children.remove(at + 1);
    let left = children.item_mut(at);
    let moved = Arc::unwrap_or_clone(right.node);
    match (Arc::make_mut(&mut left.node), moved) {
        (Node::Leaf(items), Node::Leaf(moved)) => items.extend(moved.into_items()),
        (Node::Inner(inner), Node::Inner(moved)) => {
            let mut moved = moved.into_items();
            // The first child's own first key means nothing; what is known of it stands above.
            moved[0].first = right.first;
            inner.extend(moved);
        }
        _ => unreachable!("all leaves are equally deep"),
    }
    left.count = left.node.count();
}
