//! The field manager: tracks ownership through writes and applies.

use super::claim::claim;
use super::compare::{Difference, compare};
use super::create::created;
use super::fields;
use super::managed::{self, Entry, Operation};
use super::prune::prune;
use super::validate::validate;
use super::walk::Place;
use super::{ApplyError, Conflict, FieldSet, last_applied, merge};
use crate::Json;
use crate::object::Map;
use crate::schema::{Definition, Schema};

/// Owns all fields of an object that was never applied to, when it is for the first time.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

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

/// The result of an apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The new object, its managed fields included.
    pub object: Json,
    /// Whether anything but the managed fields differs from the live object.
    pub changed: bool,
}

impl FieldManager<'_> {
    /// Brings the managed fields of `new` up to date after an ordinary write.
    ///
    /// `live` is the object before the write, `None` for a create. Clients may edit the managed
    /// fields themselves: an empty list, or a list of one empty entry, ends the tracking; a
    /// malformed list is ignored.
    pub fn update(&self, live: Option<&Json>, new: &mut Json, write: &Write<'_>) {
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

    /// Moves the fields that differ to the manager of `write`; all of `new` without a difference.
    fn track(
        &self,
        entries: &mut Vec<Entry>,
        difference: Option<Difference>,
        new: &Json,
        write: &Write<'_>,
    ) {
        let mut owned = match difference {
            // On a create there is nobody to take fields from.
            None => self.without_reset(created(self.place(), new)),
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

    /// Applies a configuration: what `write.manager` wants of the object.
    ///
    /// `live` is the object before, `None` if the apply creates it. Fields of other managers are
    /// taken over only with `force`. The result still has to be decoded, defaulted and validated
    /// as any other object.
    ///
    /// # Errors
    /// [`Conflict`](ApplyError::Conflict) names the fields that others own; the other variants
    /// say what is wrong with the request.
    pub fn apply(
        &self,
        live: Option<&Json>,
        applied: &Json,
        write: &Write<'_>,
        force: bool,
    ) -> Result<Applied, ApplyError> {
        self.check(applied, write)?;
        match self.try_apply(live, applied, write, force) {
            Err(ApplyError::Conflict(conflicts)) if write.manager == last_applied::KUBECTL => {
                self.retry_for_kubectl(live, applied, write, conflicts)
            }
            other => other,
        }
    }

    fn check(&self, applied: &Json, write: &Write<'_>) -> Result<(), ApplyError> {
        let text = |name: &str| applied.get(name).and_then(Json::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let known = self.definition.kinds.iter().any(|known| known.kind == kind);
        if api_version != write.api_version || !known {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            let message = format!("invalid object type: {group}/{version}, Kind={kind}");
            return Err(ApplyError::Request(message));
        }
        let empty = |list: &Json| list.is_null() || list.as_array().is_some_and(Vec::is_empty);
        if managed::list(applied).is_some_and(|list| !empty(list)) {
            return Err(ApplyError::Request("metadata.managedFields must be nil".into()));
        }
        let errors = validate(self.place(), applied);
        let errors = match errors.as_slice() {
            [] => return Ok(()),
            [error] => error.clone(),
            errors => format!("errors:\n  {}", errors.join("\n  ")),
        };
        let meta = |name: &str| applied.get("metadata")?.get(name)?.as_str();
        let (namespace, name) = (meta("namespace"), meta("name"));
        let version =
            if api_version.contains('/') { api_version.into() } else { format!("/{api_version}") };
        let object = format!(
            "{}/{}; {version}, Kind={kind}",
            namespace.unwrap_or_default(),
            name.unwrap_or_default()
        );
        Err(ApplyError::Schema { object, errors })
    }

    fn try_apply(
        &self,
        live: Option<&Json>,
        applied: &Json,
        write: &Write<'_>,
        force: bool,
    ) -> Result<Applied, ApplyError> {
        let (before, mut entries) = self.before(live, applied, write)?;
        let claimed = self.without_reset(claim(self.place(), applied));
        let mut own = new_entry(write, Operation::Apply, claimed);
        let known = entries.iter().position(|entry| entry.is_same_manager(&own));
        let last = known.map(|index| entries.swap_remove(index));
        own.time = last.as_ref().and_then(|last| last.time.clone());
        let last = last.map(|last| last.fields).unwrap_or_default();

        let mut object = merge::merge(self.place(), &before, applied);
        let mut dropped = last.clone();
        fields::subtract(&mut dropped, &own.fields);
        entries.push(own);
        if !dropped.is_empty() {
            object = prune(self.place(), object, &last, &entries);
        }
        let mut own = entries.pop().expect("pushed above");

        let difference = self.difference(&before, &object);
        take_over(&mut entries, &difference, force)?;
        let changed = live.is_none() || before != object;
        if changed {
            own.time = Some(write.now.to_owned());
        }
        strip(&mut own.fields);
        if !own.fields.is_empty() {
            entries.push(own);
        }
        managed::store(&mut object, entries);
        if write.manager == last_applied::KUBECTL {
            last_applied::update(&mut object, applied);
        }
        Ok(Applied { object, changed })
    }

    /// The live object without its managers, and the managers.
    fn before(
        &self,
        live: Option<&Json>,
        applied: &Json,
        write: &Write<'_>,
    ) -> Result<(Json, Vec<Entry>), ApplyError> {
        let Some(live) = live else {
            let kind = applied.get("kind").and_then(Json::as_str).unwrap_or_default();
            return Ok((merge::empty(write.api_version, kind), Vec::new()));
        };
        let mut before = live.clone();
        let list = managed::take(&mut before).unwrap_or_default();
        let mut entries = managed::decode(list).map_err(ApplyError::ManagedFields)?;
        if entries.is_empty() {
            let first = Write { manager: BEFORE_FIRST_APPLY, ..*write };
            self.track(&mut entries, None, &before, &first);
        }
        Ok((before, entries))
    }

    /// Lets kubectl take over what it wrote by client-side apply.
    fn retry_for_kubectl(
        &self,
        live: Option<&Json>,
        applied: &Json,
        write: &Write<'_>,
        mut conflicts: Vec<Conflict>,
    ) -> Result<Applied, ApplyError> {
        let claimed = live.and_then(|live| last_applied::claimed(self.place(), live));
        let Some(claimed) = claimed else { return Err(ApplyError::Conflict(conflicts)) };
        let claimed = fields::paths(&claimed);
        conflicts.retain(|conflict| !claimed.contains(&conflict.field));
        if conflicts.is_empty() {
            self.try_apply(live, applied, write, true)
        } else {
            Err(ApplyError::Conflict(conflicts))
        }
    }

    fn place(&self) -> Place<'_> {
        Place::root(self.schema, self.definition)
    }

    fn without_reset(&self, mut set: Map) -> Map {
        if let Some(reset) = self.reset_fields {
            fields::subtract_below(&mut set, reset.as_map());
        }
        set
    }

    fn difference(&self, live: &Json, new: &Json) -> Difference {
        let mut difference = compare(self.place(), Some(live), new);
        // The live object comes with its managers, the new one without.
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

/// The managers stored with `object`; none where the list cannot be read.
fn stored(object: &Json) -> Vec<Entry> {
    let list = managed::list(object).cloned().unwrap_or_default();
    managed::decode(list).unwrap_or_default()
}

fn new_entry(write: &Write<'_>, operation: Operation, fields: Map) -> Entry {
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

/// Takes the fields that an apply changes from their owners, or says who owns them.
fn take_over(
    entries: &mut Vec<Entry>,
    difference: &Difference,
    force: bool,
) -> Result<(), ApplyError> {
    let changed = difference.changed();
    let mut conflicts = Vec::new();
    for entry in entries.iter_mut() {
        let conflict = fields::intersection(&entry.fields, &changed);
        if !conflict.is_empty() && !force {
            let manager = entry.show();
            let found = fields::paths(&conflict).into_iter();
            conflicts.push((
                manager.clone(),
                found.map(|field| (manager.clone(), field)).collect::<Vec<_>>(),
            ));
        }
        fields::subtract(&mut entry.fields, &conflict);
        fields::subtract(&mut entry.fields, &difference.removed);
    }
    if !conflicts.is_empty() {
        conflicts.sort_by(|a, b| a.0.cmp(&b.0));
        let conflicts = conflicts.into_iter().flat_map(|(_, found)| found);
        let conflicts = conflicts.map(|(manager, field)| Conflict { manager, field }).collect();
        return Err(ApplyError::Conflict(conflicts));
    }
    entries.retain(|entry| !entry.fields.is_empty());
    Ok(())
}

/// Takes out what nobody owns.
fn strip(owned: &mut Map) {
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

/// Gives `new` the managed fields of `old` where they differ in nothing but times.
///
/// A write that changes nothing must not make a new version only because it came later.
pub fn keep_times_if_unchanged(old: &Json, new: &mut Json) {
    let (Some(before), Some(after)) = (managed::list(old), managed::list(new)) else { return };
    let (Some(before), Some(after)) = (before.as_array(), after.as_array()) else { return };
    let timeless = |entry: &Json| {
        let mut entry = entry.as_object().cloned().unwrap_or_default();
        entry.remove("time");
        entry
    };
    let same = |list: &[Json]| {
        let mut entries: Vec<Map> = list.iter().map(timeless).collect();
        entries.sort_by_cached_key(|entry| Json::Object(entry.clone()).to_string());
        entries
    };
    if before == after || before.len() != after.len() || same(before) != same(after) {
        return;
    }
    let before = before.clone();
    let (Some(ours), Some(theirs)) = (old.as_object(), new.as_object()) else { return };
    let top = |(key, _): &(&String, &Json)| key.as_str() != "metadata";
    let rest = ours.iter().filter(top).eq(theirs.iter().filter(top));
    let field = |(key, _): &(&String, &Json)| key.as_str() != "managedFields";
    let metadata = |object: &Map| {
        let map = object.get("metadata").and_then(Json::as_object).cloned().unwrap_or_default();
        map.iter().filter(field).map(|(key, value)| (key.clone(), value.clone())).collect::<Map>()
    };
    if rest && metadata(ours) == metadata(theirs) {
        new["metadata"]["managedFields"] = Json::Array(before);
    }
}
