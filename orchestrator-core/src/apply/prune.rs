//! Removing what a manager has stopped to apply.

use super::claim::{claim, with_named};
use super::fields;
use super::managed::Entry;
use super::remove::remove;
use super::walk::Place;
use crate::object::Map;

/// `merged` without what `last`, the former claim of a manager, names and `managers`, the
/// present claims of all, do not.
///
/// What nobody owned, and what only was inside a removed item, stays or goes with it.
pub(super) fn prune(place: Place<'_>, merged: Map, last: &Map, managers: &[Entry]) -> Map {
    if last.is_empty() {
        return merged;
    }
    let named = |set: &Map| with_named(place, set);
    let all = named(&claim(place, &merged));
    let last = named(last);
    let pruned = remove(place, &merged, &last);
    let mut owned = named(&claim(place, &pruned));
    for manager in managers {
        fields::union(&mut owned, named(&manager.fields));
    }
    // What somebody owns comes back, and with it the maps and items that it is in.
    let mut unowned = all.clone();
    fields::subtract(&mut unowned, &owned);
    let pruned = remove(place, &merged, &unowned);
    // What the manager did not own before comes back too.
    let mut gone = all;
    fields::subtract(&mut gone, &named(&claim(place, &pruned)));
    let gone = fields::intersection(&gone, &last);
    remove(place, &merged, &gone)
}
