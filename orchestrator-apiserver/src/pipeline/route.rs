//! Whether what is asked is served at all.

use std::sync::Arc;

use orchestrator_core::{ApiRequest, Status, Verb};

use crate::registry::Resource;
use crate::server::ApiServer;

/// The resource that the request names, where it is served with the verb asked for.
///
/// # Errors
/// 404 for a resource or a part that is not served, 405 for a verb that is not.
pub(crate) fn resolve(server: &ApiServer, request: &ApiRequest) -> Result<Arc<Resource>, Status> {
    let found = server.registry.get(&request.resource);
    let resource = found.ok_or_else(Status::no_such_resource)?;
    let def = &resource.def;
    if !def.is_namespaced() && !request.namespace.is_empty() {
        return Err(Status::no_such_resource());
    }
    let verbs = match request.subresource.as_str() {
        "" => &def.verbs,
        part => match (def.subresource(part), &resource.custom) {
            (Some(part), _) => &part.verbs,
            // Of custom resources, a part that there is not is no page that there is not.
            (None, Some(_)) => {
                return Err(Status::not_found(&resource.group_resource, &request.name));
            }
            (None, None) => return Err(Status::no_such_resource()),
        },
    };
    // A kind on its way out tells of fewer verbs than it has.
    let is_ending = resource.custom.as_ref().is_some_and(|custom| custom.is_terminating);
    let is_change = matches!(request.verb, Verb::Create | Verb::Update | Verb::Patch);
    let served =
        verbs.contains(&request.verb) || connects(request, verbs) || (is_ending && is_change);
    if !served || !fits(request, def.is_namespaced()) {
        return Err(Status::method_not_allowed());
    }
    Ok(resource)
}

/// Streams are listed in discovery under the methods that open them.
fn connects(request: &ApiRequest, verbs: &[Verb]) -> bool {
    request.verb == Verb::Connect
        && verbs.iter().any(|verb| matches!(verb, Verb::Get | Verb::Create))
}

/// Whether the verb goes with the shape of the path: a collection or one object.
fn fits(request: &ApiRequest, namespaced: bool) -> bool {
    let named = !request.name.is_empty();
    let placed = !namespaced || !request.namespace.is_empty();
    if !request.subresource.is_empty() {
        return named && placed;
    }
    match request.verb {
        Verb::List | Verb::Watch => true,
        Verb::Create | Verb::DeleteCollection => !named && placed,
        _ => named && placed,
    }
}
