//! The difference between two states of an object, as three sets of fields.
//!
//! Objects are stored without what their Go types always write: `strategy: {}`, `name: ""`. A
//! side that lacks such a field still has its zero value, so a write that first fills it in
//! changes fields of the struct but does not add the struct itself.

use std::collections::BTreeMap;

use super::element;
use super::fields;
use super::walk::{Place, View};
use crate::Json;
use crate::object::Map;
use crate::schema::{Field, List};

/// What differs between two states.
#[derive(Debug, Default)]
pub(super) struct Difference {
    pub(super) added: Map,
    pub(super) modified: Map,
    pub(super) removed: Map,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// What was added or modified.
    pub(super) fn changed(&self) -> Map {
        let mut changed = self.added.clone();
        fields::union(&mut changed, self.modified.clone());
        changed
    }

    /// Takes what is at or below `ignored` out of the difference.
    pub(super) fn ignore(&mut self, ignored: &Map) {
        for set in [&mut self.added, &mut self.modified, &mut self.removed] {
            fields::subtract_below(set, ignored);
        }
    }

    fn put(&mut self, key: &str, mark: Mark, below: Difference) {
        let key = || key.to_owned();
        fields::put(&mut self.added, key, mark == Mark::Added, below.added);
        fields::put(&mut self.modified, key, mark == Mark::Modified, below.modified);
        fields::put(&mut self.removed, key, mark == Mark::Removed, below.removed);
    }
}

/// What happened to a value itself, apart from what is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    None,
    Added,
    Modified,
    Removed,
}

/// A value on one side.
#[derive(Clone, Copy)]
enum Side<'v> {
    Absent,
    /// Not stored, but there: the zero value of the field.
    Implied(&'v Json),
    There(&'v Json),
}

/// The zero values of fields.
pub(super) mod zero {
    use std::sync::LazyLock;

    use crate::Json;
    use crate::object::Map;
    use crate::schema::{Field, Type};

    static OBJECT: LazyLock<Json> = LazyLock::new(|| Json::Object(Map::new()));

    /// The zero object.
    pub(in crate::apply) fn object() -> &'static Json {
        &OBJECT
    }

    /// The value of a field that nobody has set; `None` where it is absent then.
    pub(in crate::apply) fn of(field: &Field) -> Option<&Json> {
        match field.ty {
            _ if !field.implied => None,
            Type::Ref(..) => Some(object()),
            _ => field.default.as_deref().or(Some(&Json::Null)),
        }
    }
}

impl<'v> Side<'v> {
    fn of(value: Option<&'v Json>, field: Option<&'v Field>, parent: bool) -> Self {
        match (value, field) {
            (Some(value), _) => Self::There(value),
            (None, Some(field)) if parent => zero::of(field).map_or(Self::Absent, Self::Implied),
            _ => Self::Absent,
        }
    }

    fn value(self) -> Option<&'v Json> {
        match self {
            Self::Absent => None,
            Self::There(value) | Self::Implied(value) => Some(value),
        }
    }
}

/// Compares `new` with `old`; an empty old object has the zero value of its kind.
pub(super) fn compare(place: Place<'_>, old: &Map, new: &Map) -> Difference {
    let mut difference = Difference::default();
    maps(place, Some(old), Some(new), &mut difference);
    difference
}

fn node<'v>(place: Place<'v>, old: Side<'v>, new: Side<'v>) -> (Mark, Difference) {
    let (before, after) = (place.view(old.value()), place.view(new.value()));
    let mut below = Difference::default();
    match (before, after) {
        (View::Map(before), View::Map(after)) if !(before.is_empty() && after.is_empty()) => {
            maps(place, Some(before), Some(after), &mut below);
        }
        (View::Map(before), View::Empty) if !before.is_empty() => {
            maps(place, Some(before), None, &mut below);
        }
        (View::Empty, View::Map(after)) if !after.is_empty() => {
            maps(place, None, Some(after), &mut below);
        }
        (View::List(list, before), View::List(_, after))
            if !(before.is_empty() && after.is_empty()) =>
        {
            lists(place, list, before, after, &mut below);
        }
        (View::List(list, before), View::Empty) if !before.is_empty() => {
            lists(place, list, before, &[], &mut below);
        }
        (View::Empty, View::List(list, after)) if !after.is_empty() => {
            lists(place, list, &[], after, &mut below);
        }
        _ => return (leaf(old, new), below),
    }
    let mark = match (old, new) {
        (Side::Absent, _) => Mark::Added,
        (_, Side::Absent) => Mark::Removed,
        _ => Mark::None,
    };
    (mark, below)
}

fn leaf(old: Side<'_>, new: Side<'_>) -> Mark {
    match (old.value(), new.value()) {
        (None, None) => Mark::None,
        (None, Some(_)) => Mark::Added,
        (Some(_), None) => Mark::Removed,
        (Some(old), Some(new)) if old == new => Mark::None,
        (Some(_), Some(_)) => Mark::Modified,
    }
}

fn maps<'v>(
    place: Place<'v>,
    before: Option<&'v Map>,
    after: Option<&'v Map>,
    out: &mut Difference,
) {
    let mut one = |key: &str, old: Option<&'v Json>, new: Option<&'v Json>| {
        if old.is_some() && old == new {
            return;
        }
        let (below, field) = place.child(key);
        let old = Side::of(old, field, before.is_some());
        let new = Side::of(new, field, after.is_some());
        let (mark, difference) = node(below, old, new);
        if mark != Mark::None || !difference.is_empty() {
            out.put(&element::field(key), mark, difference);
        }
    };
    for (key, old) in before.into_iter().flatten() {
        one(key, Some(old), after.and_then(|after| after.get(key)));
    }
    for (key, new) in after.into_iter().flatten() {
        if before.is_none_or(|before| !before.contains_key(key)) {
            one(key, None, Some(new));
        }
    }
}

/// The items of a list by their elements; several items may have the same one.
type Items<'v> = BTreeMap<String, (Vec<&'v Json>, Vec<&'v Json>)>;

fn lists<'v>(
    place: Place<'v>,
    list: &'v List,
    before: &'v [Json],
    after: &'v [Json],
    out: &mut Difference,
) {
    let mut items = Items::new();
    for (index, item) in before.iter().enumerate() {
        items.entry(element::item(place, list, index, item)).or_default().0.push(item);
    }
    for (index, item) in after.iter().enumerate() {
        items.entry(element::item(place, list, index, item)).or_default().1.push(item);
    }
    for (key, (old, new)) in items {
        if old == new {
            continue;
        }
        match (old.as_slice(), new.as_slice()) {
            ([] | [_], [] | [_]) => {
                let side = |items: &[&'v Json]| {
                    items.first().map_or(Side::Absent, |item| Side::There(item))
                };
                let (mark, below) = node(place.items(list), side(&old), side(&new));
                out.put(&key, mark, below);
            }
            // Items that cannot be told apart are owned as a whole.
            ([], _) => out.put(&key, Mark::Added, Difference::default()),
            (_, []) => out.put(&key, Mark::Removed, Difference::default()),
            _ => out.put(&key, Mark::Modified, Difference::default()),
        }
    }
}
