//! A bounded number of things by what they are for; the one that was not used for longest goes.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Things by a hash that need not tell all of them apart.
#[derive(Debug)]
pub(super) struct Kept<T> {
    items: Vec<Item<T>>,
    by_hash: FxHashMap<u64, SmallVec<[usize; 1]>>,
    clock: u64,
}

#[derive(Debug)]
struct Item<T> {
    hash: u64,
    used: u64,
    /// Different for all that ever were.
    serial: u64,
    thing: T,
}

/// Where a thing is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    index: usize,
    serial: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { items: Vec::new(), by_hash: FxHashMap::default(), clock: 0 }
    }
}

impl<T> Kept<T> {
    /// The thing that `is_it`.
    pub fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<Place> {
        let all = self.by_hash.get(&hash)?;
        let index = all.iter().copied().find(|index| is_it(&self.items[*index].thing))?;
        Some(Place { index, serial: self.items[index].serial })
    }

    /// Whether the thing is still there.
    pub fn has(&self, place: Place) -> bool {
        self.items.get(place.index).is_some_and(|item| item.serial == place.serial)
    }

    /// A thing that is there.
    pub fn get(&self, place: Place) -> &T {
        &self.items[place.index].thing
    }

    /// Uses a thing that is there.
    pub fn get_mut(&mut self, place: Place) -> &mut T {
        self.clock += 1;
        let item = &mut self.items[place.index];
        item.used = self.clock;
        &mut item.thing
    }

    /// Keeps a thing, in the place of another where there are `limit` already.
    pub fn add(&mut self, hash: u64, thing: T, limit: usize) -> Place {
        self.clock += 1;
        let item = Item { hash, used: self.clock, serial: self.clock, thing };
        let serial = item.serial;
        let index = if self.items.len() < limit.max(1) {
            self.items.push(item);
            self.items.len() - 1
        } else {
            let oldest = self.items.iter().enumerate().min_by_key(|(_, item)| item.used);
            let index = oldest.map(|(index, _)| index).expect("at least one is kept");
            self.unname(index);
            self.items[index] = item;
            index
        };
        self.by_hash.entry(hash).or_default().push(index);
        Place { index, serial }
    }

    /// All things.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|item| &item.thing)
    }

    /// Of the things that are `such`, the one that was not used for longest.
    pub fn oldest_mut(&mut self, such: impl Fn(&T) -> bool) -> Option<&mut T> {
        let those = self.items.iter_mut().filter(|item| such(&item.thing));
        those.min_by_key(|item| item.used).map(|item| &mut item.thing)
    }

    /// Forgets all things.
    pub fn clear(&mut self) {
        self.items.clear();
        self.by_hash.clear();
    }

    fn unname(&mut self, index: usize) {
        let hash = self.items[index].hash;
        if let Some(all) = self.by_hash.get_mut(&hash) {
            all.retain(|other| *other != index);
            if all.is_empty() {
                self.by_hash.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_not_used_for_longest_goes() {
        let mut kept = Kept::default();
        let a = kept.add(1, "a", 2);
        let b = kept.add(1, "b", 2);
        assert_eq!(kept.find(1, |thing| *thing == "b"), Some(b));
        assert_eq!(*kept.get_mut(a), "a");
        let c = kept.add(2, "c", 2);
        assert!(kept.has(a) && !kept.has(b) && kept.has(c));
        assert_eq!((kept.find(1, |thing| *thing == "b"), *kept.get(c)), (None, "c"));
        kept.clear();
        assert!(!kept.has(a));
    }
}
