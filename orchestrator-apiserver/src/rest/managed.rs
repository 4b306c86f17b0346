//! Managed fields: who set what, as server-side apply needs to know it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bytes::Bytes;
use orchestrator_core::apply::{self, FieldManager, FieldSet, Write};
use orchestrator_core::object::Object;
use orchestrator_core::resource::split_api_version;
use orchestrator_core::{Json, Status};

use super::body;
use crate::pipeline::Cx;

/// What a write of the whole does not change where the status has a path of its own.
static STATUS: LazyLock<FieldSet> = LazyLock::new(|| FieldSet::of([&["status"][..]]));

/// What a write of the status does not change.
static ALL_BUT_STATUS: LazyLock<FieldSet> =
    LazyLock::new(|| FieldSet::of([&["spec"][..], &["metadata"][..]]));

/// Notes who made the object: the list as JSON, to be stored with the object, unless the object
/// has to have it itself.
pub(crate) fn created(cx: &Cx<'_>, object: &mut Object) -> Option<String> {
    let Some(manager) = manager(cx) else {
        object.meta_mut().remove("managedFields");
        return None;
    };
    manager.create(object, &write(cx))
}

/// Notes who changed what between `live` and `new`.
pub(crate) fn updated(cx: &Cx<'_>, live: &Object, new: &mut Object) {
    let Some(manager) = manager(cx) else {
        new.meta_mut().remove("managedFields");
        return;
    };
    manager.update(Some(live), new, &write(cx));
    if other_versions(cx, live, new).is_err() {
        // Nobody can tell any more who owns what.
        new.meta_mut().remove("managedFields");
    }
}

/// Whether the states before and after a write can be held against the versions in which others
/// manage fields of a custom resource.
///
/// # Errors
/// 500: the object has fields that such a version does not know.
fn other_versions(cx: &Cx<'_>, old: &Object, new: &Object) -> Result<(), Status> {
    let Some(custom) = &cx.resource.custom else { return Ok(()) };
    if !custom.keeps_fields() {
        return Ok(());
    }
    let entries = old.meta("managedFields").and_then(Json::as_array);
    let versions = entries.into_iter().flatten().filter_map(|entry| entry["apiVersion"].as_str());
    let versions: BTreeSet<&str> = versions.filter(|v| *v != cx.resource.api_version).collect();
    for version in versions {
        let mut gvr = cx.resource.def.gvr.clone();
        gvr.version = split_api_version(version).1.to_owned().into();
        let Some(other) = cx.server.registry.get(&gvr) else { continue };
        let def = &other.def;
        let found = def.definition.as_deref().and_then(|name| def.schema.definition(name));
        let Some(definition) = found else { continue };
        let fields = FieldManager { schema: &def.schema, definition, reset_fields: None };
        for (which, object) in [("old", old), ("new", new)] {
            let why = match fields.faults(object).as_slice() {
                [] => continue,
                [one] => one.clone(),
                all => format!("errors:\n  {}", all.join("\n  ")),
            };
            let message = format!("failed to convert {which} object: {why}");
            return Err(Status::new(500, "", message));
        }
    }
    Ok(())
}

/// Reads the intent of an apply.
pub(crate) fn read_intent(bytes: &Bytes) -> Result<Object, Status> {
    let tree = body::yaml(bytes).map_err(|mut status| {
        status.message.insert_str(0, "error decoding YAML: ");
        status
    })?;
    match tree {
        Json::Object(map) => Ok(Object::from(map)),
        _ => Err(Status::bad_request("error decoding YAML: the body is no object")),
    }
}

/// Merges an intent into the live object.
pub(crate) fn applied(
    cx: &Cx<'_>,
    live: Option<&Object>,
    intent: &Object,
) -> Result<Object, Status> {
    let Some(manager) = manager(cx) else {
        return Err(Status::not_implemented("server-side apply to a kind without a schema"));
    };
    let force = cx.request.options.force == Some(true);
    let applied = manager.apply(live, intent, &write(cx), force);
    let object = applied.map_err(|error| error.status())?.object;
    if let Some(live) = live {
        other_versions(cx, live, &object)?;
    }
    Ok(object)
}

/// Keeps the times of the managers where a change is no change.
pub(crate) fn settle(live: &Object, new: &mut Object) {
    apply::keep_times_if_unchanged(live, new);
}

fn manager<'c>(cx: &'c Cx<'_>) -> Option<FieldManager<'c>> {
    let def = &cx.resource.def;
    let definition = def.schema.definition(def.definition.as_deref()?)?;
    let reset_fields = match &*cx.request.subresource {
        "status" => Some(&*ALL_BUT_STATUS),
        "" if def.subresource("status").is_some() => Some(&*STATUS),
        _ => None,
    };
    Some(FieldManager { schema: &def.schema, definition, reset_fields })
}

fn write<'c>(cx: &'c Cx<'_>) -> Write<'c> {
    let named = cx.request.options.field_manager.as_str();
    Write {
        manager: if named.is_empty() { &cx.request.agent } else { named },
        api_version: &cx.resource.api_version,
        subresource: &cx.request.subresource,
        now: cx.now(),
    }
}
