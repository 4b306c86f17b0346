//! The nodes: how they split when they are full and join when they are nearly empty.

use std::sync::Arc;

use orchestrator_core::store::Key;

/// The most items of a leaf, and the most children of a node above: large enough that the nodes
/// above weigh nothing, small enough to be copied in a microsecond.
pub(super) const MAX: usize = if cfg!(test) { 6 } else { 32 };

/// A node with fewer joins a neighbour, if both together fit.
const FEW: usize = MAX / 3;

/// By how many items the room of a leaf grows: little is left unused.
const GROWTH: usize = 4;

/// A node of the tree.
#[derive(Clone)]
pub(super) enum Node<V> {
    /// Keys with their values, in order.
    Leaf(Vec<(Key, V)>),
    /// Further nodes, in order; at least one.
    Inner(Vec<Child<V>>),
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

/// Where `key` is in a leaf, or where it would be.
pub(super) fn search<V>(items: &[(Key, V)], key: &[u8]) -> Result<usize, usize> {
    items.binary_search_by(|(item, _)| item.as_bytes().cmp(key))
}

/// Which child `key` belongs to.
pub(super) fn child_of<V>(children: &[Child<V>], key: &[u8]) -> usize {
    children[1..].partition_point(|child| child.first.as_bytes() <= key)
}

/// Adds a key that is not there; returns the new right neighbour where the node had to split.
pub(super) fn insert<V: Clone>(node: &mut Arc<Node<V>>, key: Key, value: V) -> Option<Child<V>> {
    match Arc::make_mut(node) {
        Node::Leaf(items) => {
            let at = search(items, key.as_bytes()).unwrap_or_else(|at| at);
            if items.len() < MAX {
                put(items, at, (key, value));
                return None;
            }
            let middle = split_at(at, items.len());
            let mut right = split_off(items, middle);
            match at.checked_sub(middle) {
                Some(at) => put(&mut right, at, (key, value)),
                None => put(items, at, (key, value)),
            }
            let (first, count) = (right[0].0.clone(), right.len());
            Some(Child { first, count, node: Arc::new(Node::Leaf(right)) })
        }
        Node::Inner(children) => {
            let at = child_of(children, key.as_bytes());
            let split = insert(&mut children[at].node, key, value);
            children[at].count += 1;
            let new = split?;
            children[at].count -= new.count;
            if children.len() < MAX {
                put(children, at + 1, new);
                return None;
            }
            let middle = split_at(at + 1, children.len());
            let mut right = split_off(children, middle);
            match (at + 1).checked_sub(middle) {
                Some(at) => put(&mut right, at, new),
                None => put(children, at + 1, new),
            }
            let first = right[0].first.clone();
            let count = right.iter().map(|child| child.count).sum();
            Some(Child { first, count, node: Arc::new(Node::Inner(right)) })
        }
    }
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
            let at = search(items, key).ok()?;
            let removed = items.remove(at);
            items.shrink_to(items.len() + GROWTH);
            Some(removed)
        }
        Node::Inner(children) => {
            let at = child_of(children, key);
            let removed = remove(&mut children[at].node, key)?;
            children[at].count -= 1;
            if children[at].node.len() < FEW {
                join(children, at);
            }
            Some(removed)
        }
    }
}

/// Joins the child at `at` with a neighbour if they fit one node; an empty one goes in any case.
fn join<V: Clone>(children: &mut Vec<Child<V>>, at: usize) {
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
fn join_right<V: Clone>(children: &mut Vec<Child<V>>, at: usize) {
    let right = children.remove(at + 1);
    let left = &mut children[at];
    let moved = Arc::unwrap_or_clone(right.node);
    match (Arc::make_mut(&mut left.node), moved) {
        (Node::Leaf(items), Node::Leaf(moved)) => items.extend(moved),
        (Node::Inner(inner), Node::Inner(mut moved)) => {
            // The first child's own first key means nothing; what is known of it stands above.
            moved[0].first = right.first;
            inner.extend(moved);
        }
        _ => unreachable!("all leaves are equally deep"),
    }
    left.count = left.node.count();
}

/// Inserts without making much more room than needed.
fn put<T>(items: &mut Vec<T>, at: usize, item: T) {
    if items.len() == items.capacity() {
        items.reserve_exact(GROWTH.min(MAX - items.len()));
    }
    items.insert(at, item);
}

/// Splits without leaving room behind.
fn split_off<T>(items: &mut Vec<T>, at: usize) -> Vec<T> {
    let right = items.split_off(at);
    items.shrink_to_fit();
    right
}
