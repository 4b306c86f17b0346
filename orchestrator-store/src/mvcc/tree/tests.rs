use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a step does to the tree.
#[derive(Clone, Debug)]
enum Step {
    Put(u16),
    Remove(u16),
    RemoveRange(u16, u16),
    /// Another version is kept from here on.
    Fork,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..200_u16;
    prop_oneof![
        8 => key().prop_map(Step::Put),
        4 => key().prop_map(Step::Remove),
        1 => (key(), 0..40_u16).prop_map(|(from, count)| Step::RemoveRange(from, count)),
        1 => Just(Step::Fork),
    ]
}

fn name(key: u16) -> Key {
    Key::from(format!("{key:03}"))
}

fn put(tree: &mut Tree<usize>, key: u16, value: usize) {
    match tree.get_mut(name(key).as_bytes()) {
        Some((_, present)) => *present = value,
        None => tree.insert(name(key), value),
    }
}

/// Checks the order, the counts and the sizes of all nodes; returns how deep it is.
fn check<V>(node: &Node<V>) -> usize {
    match node {
        Node::Leaf(items) => {
            assert!(items.is_sorted_by(|(a, _), (b, _)| a < b) && items.len() <= node::MAX);
            0
        }
        Node::Inner(children) => {
            assert!(!children.is_empty() && children.len() <= node::MAX);
            let depths = children.iter().map(|child| check(&child.node));
            let depths: Vec<_> = depths.collect();
            assert!(depths.iter().all(|depth| *depth == depths[0]));
            for (before, child) in children.iter().zip(&children[1..]) {
                let keys = |child: &Child<V>| -> Vec<Key> {
                    Iter::new(&child.node, b"", None).map(|(key, _)| key.clone()).collect()
                };
                assert_eq!(child.count, keys(child).len());
                assert!(keys(before).iter().all(|key| *key < child.first));
                assert!(keys(child).iter().all(|key| *key >= child.first));
            }
            depths[0] + 1
        }
    }
}

fn equal(tree: &Tree<usize>, model: &BTreeMap<Key, usize>) {
    assert!(tree.range(b"", None).eq(model.iter()));
    assert_eq!(tree.len(), model.len());
    check(&tree.root);
}

proptest! {
    /// Whatever is done, the tree holds what an ordinary map would, and so do its copies.
    #[test]
    fn it_is_a_map_and_copies_stay_as_they_were(
        steps in proptest::collection::vec(step(), 1..300),
        ranges in proptest::collection::vec((0..210_u16, 0..210_u16), 10),
    ) {
        let mut tree = Tree::default();
        let mut model = BTreeMap::new();
        let mut forks = Vec::new();
        for (value, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(key) => {
                    put(&mut tree, key, value);
                    model.insert(name(key), value);
                }
                Step::Remove(key) => {
                    let wanted = model.remove_entry(&name(key));
                    prop_assert_eq!(tree.remove(name(key).as_bytes()), wanted);
                }
                Step::RemoveRange(from, count) => {
                    for key in from..from + count {
                        tree.remove(name(key).as_bytes());
                        model.remove(&name(key));
                    }
                }
                Step::Fork => forks.push((tree.clone(), model.clone())),
            }
        }
        forks.push((tree, model));
        for (tree, model) in &forks {
            equal(tree, model);
            for (from, to) in &ranges {
                let (from, to) = (name(*from), name(*to));
                let found = tree.range(from.as_bytes(), Some(to.as_bytes()));
                let wanted = model.iter().filter(|(key, _)| **key >= from && **key < to);
                prop_assert!(found.eq(wanted));
                prop_assert_eq!(tree.rank(from.as_bytes()), model.range(..from.clone()).count());
                prop_assert_eq!(tree.get(from.as_bytes()), model.get(&from));
            }
        }
    }
}

#[test]
fn a_tree_that_was_built_at_once_is_a_tree_like_others() {
    for count in [0, 1, 5, 6, 7, 35, 36, 37, 43, 500] {
        let mut bulk = Bulk::default();
        (0..count).for_each(|key| bulk.push(name(key), usize::from(key)));
        let mut tree = bulk.finish();
        let mut model: BTreeMap<Key, usize> =
            (0..count).map(|key| (name(key), usize::from(key))).collect();
        equal(&tree, &model);
        for key in (0..count + 40).step_by(3) {
            put(&mut tree, key, 0);
            model.insert(name(key), 0);
        }
        equal(&tree, &model);
        for key in (0..count).rev().step_by(2) {
            assert_eq!(tree.remove(name(key).as_bytes()), model.remove_entry(&name(key)));
        }
        equal(&tree, &model);
    }
}

#[test]
fn keys_in_order_fill_the_nodes_up() {
    let mut tree = Tree::default();
    (0..999).for_each(|key| put(&mut tree, key, 0));
    fn leaves<V>(node: &Node<V>) -> Vec<(usize, usize)> {
        match node {
            Node::Leaf(items) => vec![(items.len(), items.capacity())],
            Node::Inner(children) => children.iter().flat_map(|c| leaves(&c.node)).collect(),
        }
    }
    let leaves = leaves(&tree.root);
    let (full, last) = leaves.split_at(leaves.len() - 1);
    assert!(full.iter().all(|leaf| *leaf == (node::MAX, node::MAX)) && last[0].0 > 0);
    (0..999).for_each(|key| drop(tree.remove(name(key).as_bytes())));
    assert!(matches!(&*tree.root, Node::Leaf(items) if items.is_empty()));
}
