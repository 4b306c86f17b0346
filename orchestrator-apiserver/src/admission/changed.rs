//! Objects that others have changed: by a patch, or by a configuration.
//!
//! What comes out is held to the schema as a body is, and its defaults are filled in.

use orchestrator_core::apply::{FieldManager, Write};
use orchestrator_core::object::Object;
use orchestrator_core::patch::json::JsonPatch;
use orchestrator_core::schema::decode;
use orchestrator_core::{GroupVersionResource, Json};

use super::AdmissionRequest;

/// The object after a JSON patch.
///
/// # Errors
/// Why it cannot be applied.
pub(super) fn patched(object: &Object, patch: &[u8]) -> Result<Object, String> {
    let patch = JsonPatch::parse(patch).map_err(|error| error.to_string())?;
    let mut tree = object.clone().into_json();
    patch.apply(&mut tree).map_err(|error| error.to_string())?;
    match tree {
        Json::Object(map) => Ok(Object::from(map)),
        _ => Err("the result of the patch is no object".into()),
    }
}

/// The object with a configuration merged into it.
///
/// # Errors
/// Why it cannot be merged.
pub(super) fn merged(
    request: &AdmissionRequest<'_>,
    gvr: &GroupVersionResource,
    object: &Object,
    configuration: Json,
) -> Result<Object, String> {
    let resource = request.objects.resource(gvr).ok_or("the resource is not served")?;
    let def = &resource.def;
    let definition = def.definition.as_deref().and_then(|name| def.schema.definition(name));
    let definition = definition.ok_or("the kind has no schema")?;
    let Json::Object(map) = configuration else { return Err("it is no object".into()) };
    let mut configuration = Object::from(map);
    configuration.set("apiVersion", object.api_version());
    configuration.set("kind", object.kind());
    for name in ["name", "namespace"] {
        if configuration.meta(name).is_some() {
            return Err(format!("metadata.{name} must not be set"));
        }
    }
    // Nobody owns what nobody is asked about: the merge takes everything over.
    let mut live = object.clone();
    let managed = live.meta_mut().remove("managedFields");
    let manager = FieldManager { schema: &def.schema, definition, reset_fields: None };
    let write = Write {
        manager: "admission",
        api_version: &resource.api_version,
        subresource: "",
        now: "1970-01-01T00:00:00Z",
    };
    let applied = manager
        .apply(Some(&live), &configuration, &write, true)
        .map_err(|error| error.to_string())?;
    let mut object = applied.object;
    object.meta_mut().remove("managedFields");
    if let Some(managed) = managed {
        object.set_meta("managedFields", managed);
    }
    Ok(object)
}

/// Holds a changed object to the schema of its kind, and fills in its defaults.
///
/// # Errors
/// A value of the wrong type.
pub(super) fn decoded(
    request: &AdmissionRequest<'_>,
    gvr: &GroupVersionResource,
    object: Object,
) -> Result<Object, String> {
    let Some(resource) = request.objects.resource(gvr) else { return Ok(object) };
    let def = &resource.def;
    if object.kind() != def.kind {
        return Ok(object);
    }
    let definition = def.definition.as_deref().and_then(|name| def.schema.definition(name));
    let mut object = match definition {
        None => object,
        Some(definition) => {
            let read = decode::from_json(&def.schema, definition, object.into_json());
            match read.map_err(|error| error.to_string())?.value {
                Json::Object(map) => Object::from(map),
                _ => return Err("it is no object".into()),
            }
        }
    };
    def.strategy.default(&mut object);
    Ok(object)
}
