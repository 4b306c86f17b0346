//! Walks over maps.

use std::collections::btree_map;
use std::{slice, vec};

use super::{Map, Repr};
use crate::key::Key;
use crate::value::Value;

/// The entries of a map in the order of keys.
#[derive(Clone, Debug)]
pub struct Iter<'a>(Borrowed<'a>);

#[derive(Clone, Debug)]
enum Borrowed<'a> {
    Flat(slice::Iter<'a, (Key, Value)>),
    Tree(btree_map::Iter<'a, Key, Value>),
}

/// The entries of a map, whose values may be changed.
#[derive(Debug)]
pub struct IterMut<'a>(Changing<'a>);

#[derive(Debug)]
enum Changing<'a> {
    Flat(slice::IterMut<'a, (Key, Value)>),
    Tree(btree_map::IterMut<'a, Key, Value>),
}

/// The entries of a map, owned.
#[derive(Debug)]
pub struct IntoIter(Owned);

#[derive(Debug)]
enum Owned {
    Flat(vec::IntoIter<(Key, Value)>),
    Tree(btree_map::IntoIter<Key, Value>),
}

macro_rules! walk {
    ($name:ty, $kind:ident, $item:ty, $entry:pat => $both:expr) => {
        impl<'a> Iterator for $name {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                match &mut self.0 {
                    $kind::Flat(entries) => entries.next().map(|$entry| $both),
                    $kind::Tree(entries) => entries.next(),
                }
            }

            #[inline]
            fn size_hint(&self) -> (usize, Option<usize>) {
                match &self.0 {
                    $kind::Flat(entries) => entries.size_hint(),
                    $kind::Tree(entries) => entries.size_hint(),
                }
            }
        }

        impl<'a> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                match &mut self.0 {
                    $kind::Flat(entries) => entries.next_back().map(|$entry| $both),
                    $kind::Tree(entries) => entries.next_back(),
                }
            }
        }

        impl<'a> ExactSizeIterator for $name {}
    };
}

walk!(Iter<'a>, Borrowed, (&'a Key, &'a Value), (key, value) => (key, value));
walk!(IterMut<'a>, Changing, (&'a Key, &'a mut Value), (key, value) => (&*key, value));

impl Iterator for IntoIter {
    type Item = (Key, Value);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Owned::Flat(entries) => entries.next(),
            Owned::Tree(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Owned::Flat(entries) => entries.size_hint(),
            Owned::Tree(entries) => entries.size_hint(),
        }
    }
}

impl DoubleEndedIterator for IntoIter {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Owned::Flat(entries) => entries.next_back(),
            Owned::Tree(entries) => entries.next_back(),
        }
    }
}

impl ExactSizeIterator for IntoIter {}

impl Map {
    /// The entries in the order of keys.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.repr {
            Repr::Flat(entries) => Borrowed::Flat(entries.iter()),
            Repr::Tree(tree) => Borrowed::Tree(tree.iter()),
        })
    }

    /// The entries in the order of keys, whose values may be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        IterMut(match &mut self.repr {
            Repr::Flat(entries) => Changing::Flat(entries.iter_mut()),
            Repr::Tree(tree) => Changing::Tree(tree.iter_mut()),
        })
    }
}

impl IntoIterator for Map {
    type Item = (Key, Value);
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(match self.repr {
            Repr::Flat(entries) => Owned::Flat(entries.into_iter()),
            Repr::Tree(tree) => Owned::Tree(tree.into_iter()),
        })
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Key, &'a Value);
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Map {
    type Item = (&'a Key, &'a mut Value);
    type IntoIter = IterMut<'a>;

    fn into_iter(self) -> IterMut<'a> {
        self.iter_mut()
    }
}
