//! The field manager, and how it tracks ordinary writes.

use super::FieldSet;
use super::compare::{Difference, compare};
use super::create::{self, created};
use super::element;
use super::fields;
use super::managed::{self, Entry, Operation};
use super::walk::Place;
use crate::Json;
use crate::object::{Map, Object};
use crate::schema::{Definition, Schema};

/// Room for the text of most sets, so that few outgrow it.
const ROOM: usize = 2048;

/// What the server writes itself: nobody owns these fields of the metadata.
const UNOWNED_METADATA: [&str; 9] = [
    "f:name",
    "f:namespace",
    "f:creationTimestamp",
    "f:selfLink",
    "f:uid",
    "f:clusterName",
    "f:generation",
    "f:managedFields",
    "f:resourceVersion",
];

/// Tracks the ownership of the fields of one kind of object.
#[derive(Clone, Copy, Debug)]
pub struct FieldManager<'a> {
    /// Where `definition` comes from.
    pub schema: &'a Schema,
    /// The kind of the objects.
    pub definition: &'a Definition,
    /// Fields that a write cannot change, such as the status of the main resource.
    pub reset_fields: Option<&'a FieldSet>,
}

/// Who writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// The name of the manager.
    pub manager: &'a str,
    /// Group and version of the request.
    pub api_version: &'a str,
    /// The subresource; empty for the resource itself.
    pub subresource: &'a str,
    /// The time of the write in RFC 3339, with seconds.
    pub now: &'a str,
}

impl FieldManager<'_> {
    /// Why the fields of `object` cannot be told apart under the schema, one line per fault; of
    /// an object in another version, that it says what this version does not know.
    pub fn faults(&self, object: &Object) -> Vec<String> {
        let mut faults = super::validate::validate(self.place(), object.as_map());
        // What is stored may be there twice.
        faults.retain(|fault| !fault.contains(": duplicate entries for key "));
        faults
    }

    /// Brings the managed fields of `new` up to date after an ordinary write.
    ///
    /// `live` is the object before the write, `None` for a create. Clients may edit the managed
    /// fields themselves: an empty list, or a list of one empty entry, ends the tracking; a
    /// malformed list is ignored.
    pub fn update(&self, live: Option<&Object>, new: &mut Object, write: &Write<'_>) {
        let sent = managed::take(new);
        let known = live.and_then(managed::list);
        let difference = live.map(|live| self.difference(live, new));
        // The list as it is stored needs no reading where nothing has changed.
        let untouched = sent.is_none() || sent.as_ref() == known;
        if untouched && difference.as_ref().is_some_and(Difference::is_empty) {
            managed::put_back(new, sent.or_else(|| known.cloned()));
            return;
        }
        let mut entries = match (live, sent) {
            // A subresource does not let the list be edited.
            (Some(live), _) if !write.subresource.is_empty() => stored(live),
            (Some(_), Some(sent)) if managed::is_reset(&sent) => return,
            (Some(_), Some(sent)) if untouched => managed::decode(sent).unwrap_or_default(),
            (live, Some(sent)) => match managed::decode_foreign(sent) {
                Ok(entries) if !entries.is_empty() => entries,
                _ => live.map(stored).unwrap_or_default(),
            },
            (Some(live), None) => stored(live),
            (None, None) => Vec::new(),
        };
        // What has no managers once it exists is not tracked.
        if entries.is_empty() && live.is_some() {
            return;
        }
        self.track(&mut entries, difference, new, write);
        managed::cap(&mut entries);
        managed::store(new, entries);
    }

    /// The managed fields of an object that is being created by an ordinary write, as the text of
    /// the list; `None` where there are none, or where the object has them already because the
    /// client sent some.
    pub fn create(&self, new: &mut Object, write: &Write<'_>) -> Option<String> {
        let resets = |key: &str| {
            let reset = self.reset_fields.map(FieldSet::as_map);
            reset.is_some_and(|reset| reset.contains_key(&element::field(key)))
        };
        let is_flat = |set: &FieldSet| fields::elements(set.as_map()).all(|(_, b)| b.is_empty());
        if managed::list(new).is_some() || !self.reset_fields.is_none_or(is_flat) {
            self.update(None, new, write);
            return None;
        }
        let mut text = String::with_capacity(ROOM);
        let owned = create::whole(self.place(), new.as_map(), is_unowned, resets, &mut text);
        owned.then(|| Entry::text(write, &text))
    }

    /// Moves the fields that differ to the manager of `write`; all of `new` without a difference.
    pub(super) fn track(
        &self,
        entries: &mut Vec<Entry>,
        difference: Option<Difference>,
        new: &Object,
        write: &Write<'_>,
    ) {
        let mut owned = match difference {
            // On a create there is nobody to take fields from.
            None => self.without_reset(created(self.place(), new.as_map())),
            Some(difference) => {
                let changed = difference.changed();
                for entry in entries.iter_mut() {
                    fields::subtract(&mut entry.fields, &changed);
                    fields::subtract(&mut entry.fields, &difference.removed);
                }
                entries.retain(|entry| !entry.fields.is_empty());
                changed
            }
        };
        strip(&mut owned);
        if owned.is_empty() {
            return;
        }
        let mut entry = new_entry(write, Operation::Update, owned);
        entry.time = Some(write.now.to_owned());
        put(entries, entry);
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place::root(self.schema, self.definition)
    }

    pub(super) fn without_reset(&self, mut set: Map) -> Map {
        if let Some(reset) = self.reset_fields {
            fields::subtract_below(&mut set, reset.as_map());
        }
        set
    }

    /// What differs; the managers, which only one of the two may have, do not count.
    pub(super) fn difference(&self, live: &Object, new: &Object) -> Difference {
        let mut difference = compare(self.place(), live.as_map(), new.as_map());
        if let Some(metadata) =
            difference.removed.get_mut("f:metadata").and_then(Json::as_object_mut)
        {
            metadata.remove("f:managedFields");
            if metadata.is_empty() {
                difference.removed.remove("f:metadata");
            }
        }
        if let Some(reset) = self.reset_fields {
            difference.ignore(reset.as_map());
        }
        difference
    }
}

/// Whether the server writes the field `name` of the metadata itself.
fn is_unowned(name: &str) -> bool {
    UNOWNED_METADATA.iter().any(|unowned| unowned.strip_prefix("f:") == Some(name))
}

/// The managers stored with `object`; none where the list cannot be read.
fn stored(object: &Object) -> Vec<Entry> {
    let list = managed::list(object).cloned().unwrap_or_default();
    managed::decode(list).unwrap_or_default()
}

pub(super) fn new_entry(write: &Write<'_>, operation: Operation, fields: Map) -> Entry {
    Entry {
        manager: write.manager.to_owned(),
        operation,
        api_version: write.api_version.to_owned(),
        subresource: write.subresource.to_owned(),
        time: None,
        fields,
    }
}

/// Adds what `entry` owns to the entry of the same manager, or adds the entry.
fn put(entries: &mut Vec<Entry>, entry: Entry) {
    match entries.iter_mut().find(|known| known.is_same_manager(&entry)) {
        Some(known) => {
            fields::union(&mut known.fields, entry.fields);
            known.time = entry.time;
        }
        None => entries.push(entry),
    }
}

/// Takes out what nobody owns.
pub(super) fn strip(owned: &mut Map) {
    owned.remove("f:apiVersion");
    owned.remove("f:kind");
    let Some(metadata) = owned.get_mut("f:metadata").and_then(Json::as_object_mut) else { return };
    for field in UNOWNED_METADATA {
        metadata.remove(field);
    }
    metadata.remove(fields::SELF);
    if metadata.is_empty() {
        owned.remove("f:metadata");
    }
}
