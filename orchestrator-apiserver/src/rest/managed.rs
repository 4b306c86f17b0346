//! Managed fields: who set what, as server-side apply needs to know it.

use bytes::Bytes;
use orchestrator_core::Status;
use orchestrator_core::object::Object;

use crate::pipeline::Cx;

/// Notes who made the object.
pub(crate) fn created(_cx: &Cx<'_>, object: &mut Object) -> Result<(), Status> {
    object.meta_mut().remove("managedFields");
    Ok(())
}

/// Notes who changed what between `live` and `new`.
pub(crate) fn updated(_cx: &Cx<'_>, live: &Object, new: &mut Object) -> Result<(), Status> {
    new.set_meta("managedFields", live.meta("managedFields").cloned().unwrap_or_default());
    Ok(())
}

/// Reads the intent of an apply.
pub(crate) fn read_intent(_cx: &Cx<'_>, _bytes: &Bytes) -> Result<Object, Status> {
    Err(Status::not_implemented("server-side apply"))
}

/// Merges an intent into the live object.
pub(crate) fn applied(
    _cx: &Cx<'_>,
    _live: Option<&Object>,
    _intent: &Object,
) -> Result<Object, Status> {
    Err(Status::not_implemented("server-side apply"))
}
