//! `metadata.managedFields`: the list of managers and what each of them owns.

use std::cmp::Ordering;

use super::manager::Write;
use super::{element, fields};
use crate::Json;
use crate::object::{Map, Object};

/// The field of the metadata.
const FIELD: &str = "managedFields";

/// The form of the sets.
const FIELDS_TYPE: &str = "FieldsV1";

/// How many managers of ordinary writes an object keeps apart; older ones share one entry.
const MAX_UPDATERS: usize = 10;

/// The manager that takes over the fields of the oldest ones.
const ANCIENT: &str = "ancient-changes";

/// How a manager writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// A manager and what it owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) manager: String,
    pub(super) operation: Operation,
    pub(super) api_version: String,
    pub(super) subresource: String,
    pub(super) time: Option<String>,
    pub(super) fields: Map,
}

impl Entry {
    /// Whether both stand for one manager. One that applies does so in any version.
    pub(super) fn is_same_manager(&self, other: &Entry) -> bool {
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }

    /// The manager as messages show it.
    pub(super) fn show(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if self.operation == Operation::Update {
            text += &format!(" using {}", self.api_version);
        }
        text
    }

    fn decode(entry: Json) -> Result<Self, String> {
        let Json::Object(mut entry) = entry else { return Err("an entry is no object".into()) };
        let mut text = |name: &str| match entry.remove(name) {
            Some(Json::String(text)) => text,
            _ => String::new(),
        };
        let operation = match text("operation").as_str() {
            "Apply" => Operation::Apply,
            "Update" => Operation::Update,
            _ => return Err("operation must be `Apply` or `Update`".into()),
        };
        let api_version = text("apiVersion");
        if api_version.is_empty() {
            return Err("apiVersion must not be empty".into());
        }
        match text("fieldsType").as_str() {
            "FieldsV1" => {}
            "" => return Err("missing fieldsType in managed fields entry".into()),
            other => return Err(format!("invalid fieldsType {other} in managed fields entry")),
        }
        let (manager, subresource, time) = (text("manager"), text("subresource"), text("time"));
        let fields = match entry.remove("fieldsV1") {
            Some(Json::Object(fields)) => fields,
            None => Map::new(),
            Some(_) => return Err("fieldsV1 is no object".into()),
        };
        let time = (!time.is_empty()).then_some(time);
        Ok(Self { manager, operation, api_version, subresource, time, fields })
    }

    /// The text of a list of nothing but the entry of an ordinary write that owns the set `fields`,
    /// as [`store`] would write it.
    pub(super) fn text(write: &Write<'_>, fields: &str) -> String {
        let before = [("apiVersion", write.api_version), ("fieldsType", FIELDS_TYPE)];
        let after = [
            ("manager", write.manager),
            ("operation", Operation::Update.name()),
            ("subresource", write.subresource),
            ("time", write.now),
        ];
        let mut text = String::with_capacity(fields.len() + 256);
        text.push_str("[{");
        before.into_iter().for_each(|(name, value)| push(&mut text, name, value));
        text.push_str("\"fieldsV1\":");
        text.push_str(fields);
        text.push(',');
        after.into_iter().for_each(|(name, value)| push(&mut text, name, value));
        text.pop();
        text.push_str("}]");
        text
    }

    fn encode(self) -> Json {
        let mut entry = Map::new();
        let mut set = |name: &str, value: String| {
            if !value.is_empty() {
                entry.insert(name.into(), Json::String(value));
            }
        };
        set("manager", self.manager);
        set("operation", self.operation.name().to_owned());
        set("apiVersion", self.api_version);
        set("subresource", self.subresource);
        set("time", self.time.unwrap_or_default());
        set("fieldsType", FIELDS_TYPE.to_owned());
        entry.insert("fieldsV1".into(), Json::Object(self.fields));
        Json::Object(entry)
    }
}

/// Appends a member with the comma behind it; an empty text is left out.
fn push(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        text.push('"');
        text.push_str(name);
        text.push_str("\":\"");
        element::push_escaped(text, value);
        text.push_str("\",");
    }
}

/// Takes the list of managers out of `object`.
pub(super) fn take(object: &mut Object) -> Option<Json> {
    list(object)?;
    object.meta_mut().remove(FIELD)
}

/// Puts a list of managers into `object` as it is.
pub(super) fn put_back(object: &mut Object, list: Option<Json>) {
    if let Some(list) = list {
        object.meta_mut().insert(FIELD.into(), list);
    }
}

/// The list of managers in `object`.
pub(super) fn list(object: &Object) -> Option<&Json> {
    object.meta(FIELD)
}

/// Reads a list that this server wrote.
pub(super) fn decode(list: Json) -> Result<Vec<Entry>, String> {
    let Json::Array(entries) = list else { return Ok(Vec::new()) };
    entries.into_iter().map(Entry::decode).collect()
}

/// Reads a list that a client wrote, which may name fields in any spelling.
pub(super) fn decode_foreign(list: Json) -> Result<Vec<Entry>, String> {
    let mut entries = decode(list)?;
    for entry in &mut entries {
        entry.fields = fields::canonical(&entry.fields)?;
    }
    Ok(entries)
}

/// Whether a list asks for the tracking to stop: it is there and says nothing.
pub(super) fn is_reset(list: &Json) -> bool {
    match list.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([entry]) => entry.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

/// Writes the list of managers into `object`; an empty list is left out.
pub(super) fn store(object: &mut Object, mut entries: Vec<Entry>) {
    if entries.is_empty() {
        return;
    }
    entries.sort_by(order);
    let list = entries.into_iter().map(Entry::encode).collect();
    object.meta_mut().insert(FIELD.into(), Json::Array(list));
}

/// The order of entries: those that apply first, the older first.
fn order(a: &Entry, b: &Entry) -> Ordering {
    a.operation
        .cmp(&b.operation)
        // No time is before every time.
        .then_with(|| a.time.cmp(&b.time))
        .then_with(|| a.manager.cmp(&b.manager))
        .then_with(|| a.api_version.cmp(&b.api_version))
        .then_with(|| a.subresource.cmp(&b.subresource))
}

/// Merges the oldest managers of ordinary writes into one entry where there are too many.
pub(super) fn cap(entries: &mut Vec<Entry>) {
    let mut count = entries.iter().filter(|entry| entry.operation == Operation::Update).count();
    if count <= MAX_UPDATERS {
        return;
    }
    let (mut updaters, rest): (Vec<_>, Vec<_>) =
        std::mem::take(entries).into_iter().partition(|entry| entry.operation == Operation::Update);
    *entries = rest;
    updaters.sort_by(order);
    let mut kept: Vec<Entry> = Vec::new();
    // Per version, the oldest manager stays until a second one joins it.
    for entry in updaters {
        let first = kept.iter_mut().find(|first| first.api_version == entry.api_version);
        match first {
            Some(first) if count > MAX_UPDATERS => {
                first.manager = ANCIENT.to_owned();
                first.subresource = String::new();
                fields::union(&mut first.fields, entry.fields);
                first.time = entry.time;
                count -= 1;
            }
            _ => kept.push(entry),
        }
    }
    entries.append(&mut kept);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn updater(manager: &str, second: usize) -> Entry {
        Entry {
            manager: manager.into(),
            operation: Operation::Update,
            api_version: "v1".into(),
            subresource: String::new(),
            time: Some(format!("2020-01-01T00:00:{second:02}Z")),
            fields: Map::from_iter([(format!("f:{manager}"), json!({}))]),
        }
    }

    #[test]
    fn the_oldest_updaters_share_an_entry() {
        let mut entries: Vec<_> = (0..13).map(|n| updater(&format!("m{n:02}"), n)).collect();
        cap(&mut entries);
        assert_eq!(entries.len(), MAX_UPDATERS);
        assert_eq!(entries[0].manager, ANCIENT);
        assert_eq!(
            Json::Object(entries[0].fields.clone()),
            json!({"f:m00": {}, "f:m01": {}, "f:m02": {}, "f:m03": {}})
        );
        assert_eq!(entries[0].time.as_deref(), Some("2020-01-01T00:00:03Z"));
        assert_eq!(entries[1].manager, "m04");
    }

    #[test]
    fn malformed_lists_are_refused() {
        let entry = |change: Json| {
            let mut entry = json!({"manager": "m", "operation": "Update", "apiVersion": "v1",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:a": {}}});
            entry.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            decode_foreign(json!([entry]))
        };
        assert!(entry(json!({})).is_ok());
        for bad in [
            json!({"operation": "X"}),
            json!({"apiVersion": ""}),
            json!({"fieldsType": "FieldsV2"}),
            json!({"fieldsType": ""}),
            json!({"fieldsV1": []}),
            json!({"fieldsV1": {"a": {}}}),
        ] {
            assert!(entry(bad.clone()).is_err(), "{bad}");
        }
    }
}
