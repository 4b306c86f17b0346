//! What was looked at by name of late: namespaces, accounts and classes, at every write.
//!
//! The store lets old values go cold, so that reading them means decoding them. The few that
//! admission asks for again and again are kept warm here, the rest goes cold again.

use std::hash::BuildHasher;

use orchestrator_core::value::Item;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

/// How many values are kept warm: more than admission asks for in a busy namespace or two, few
/// enough to be searched one after the other.
const PLACES: usize = 64;

/// Values that are kept warm.
#[derive(Debug, Default)]
pub(super) struct Recent {
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    /// By key, as a hash: two keys that share one share a place.
    taken: Vec<(u64, Item)>,
    /// The place that is taken over next.
    next: usize,
}

impl Recent {
    /// Keeps the value of `item`, which was found under `key`, warm until others take its place.
    pub(super) fn note(&self, key: &[u8], item: &Item) {
        item.value().warm();
        let hash = FxBuildHasher.hash_one(key);
        let mut places = self.places.lock();
        let Places { taken, next } = &mut *places;
        let before = match taken.iter().position(|(known, _)| *known == hash) {
            Some(place) if taken[place].1.revision() == item.revision() => return,
            Some(place) => std::mem::replace(&mut taken[place].1, item.light()),
            None if taken.len() < PLACES => return taken.push((hash, item.light())),
            None => {
                let place = *next;
                *next = (place + 1) % PLACES;
                std::mem::replace(&mut taken[place], (hash, item.light())).1
            }
        };
        drop(places);
        before.value().cool();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::object::Object;
    use orchestrator_core::{Revision, Value};

    #[test]
    fn a_value_stays_warm_until_another_takes_its_place() {
        let recent = Recent::default();
        let item = |revision| {
            let bytes = serde_json::to_vec(&Object::new("v1", "Namespace")).unwrap();
            Item::new(Value::from_bytes(bytes), Revision::new(revision))
        };
        let is_warm = |item: &Item| {
            let tree = item.light().tree().unwrap().clone();
            std::sync::Arc::ptr_eq(&tree, item.light().tree().unwrap())
        };
        let (first, second) = (item(1), item(2));
        recent.note(b"a", &first);
        recent.note(b"a", &first);
        assert!(is_warm(&first));
        recent.note(b"a", &second);
        assert!(is_warm(&second) && !is_warm(&first));
        (0..PLACES).for_each(|n| recent.note(format!("k{n}").as_bytes(), &first));
        assert!(is_warm(&first) && !is_warm(&second));
    }
}
