//! Which objects, by their labels and by those of their namespace.

use orchestrator_core::object::Object;
use orchestrator_core::{GroupResource, Status, selector::LabelSelector};

use crate::admission::{AdmissionRequest, Operation};

/// Whether the object, as it was or as it will be, is selected.
pub(super) fn objects(selector: Option<&LabelSelector>, request: &AdmissionRequest<'_>) -> bool {
    let Some(selector) = selector else { return false };
    if selector.is_everything() {
        return true;
    }
    let selected = |object: &Object| {
        // For a deletion there is no object.
        !object.as_map().is_empty() && selector.matches_json(object.labels())
    };
    selected(&request.object) || request.old.is_some_and(selected)
}

/// Whether the namespace of the request is selected; what is in none always is.
pub(super) async fn namespaces(
    selector: Option<&LabelSelector>,
    request: &AdmissionRequest<'_>,
) -> Result<bool, Status> {
    let Some(selector) = selector else { return Ok(false) };
    if selector.is_everything() {
        return Ok(true);
    }
    if request.is_for("", "namespaces") {
        let object = match (request.operation, request.old) {
            (Operation::Create | Operation::Update, _) | (_, None) => &request.object,
            (_, Some(old)) => old,
        };
        return Ok(selector.matches_json(object.labels()));
    }
    if request.namespace.is_empty() {
        return Ok(true);
    }
    let resource = GroupResource { group: "".into(), resource: "namespaces".into() };
    let namespace = request.namespace_object().await?;
    let namespace = namespace.ok_or_else(|| Status::not_found(&resource, request.namespace))?;
    let tree = namespace.tree().map_err(Status::internal)?;
    Ok(selector.matches_json(tree.labels()))
}
