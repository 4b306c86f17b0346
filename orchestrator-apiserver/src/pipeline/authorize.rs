//! The question to the authorizer about a request.

use orchestrator_core::selector::{FieldRequirement, FieldSelector};
use orchestrator_core::{ApiRequest, Status, Verb};

use crate::authz::{Attributes, ResourceTarget, Target};
use crate::server::ApiServer;

/// The option that tells the verb of a request to a stream, which depends on its HTTP method; it
/// comes before all options of the query, so that none of them can stand in for it.
pub(crate) const STREAM_VERB: &str = ":verb";

/// The streams that run something in a pod, or reach into it.
const SESSIONS: [&str; 3] = ["attach", "exec", "portforward"];

/// Asks whether the request may be made at all.
pub(crate) async fn check(server: &ApiServer, request: &ApiRequest) -> Result<(), Status> {
    let fields = fields(request);
    let target = ResourceTarget {
        group: &request.resource.group,
        version: &request.resource.version,
        resource: &request.resource.resource,
        subresource: &request.subresource,
        namespace: &request.namespace,
        name: name(request, &fields),
        fields: &fields,
    };
    let verb = verb(request);
    let target = Target::Resource(target);
    server.authorize(Attributes { user: &request.user, verb, target }).await?;
    if verb == "get" && SESSIONS.contains(&request.subresource.as_str()) {
        // A session over WebSocket begins with a GET and is yet more than reading.
        return server.authorize(Attributes { user: &request.user, verb: "create", target }).await;
    }
    Ok(())
}

fn verb(request: &ApiRequest) -> &str {
    match request.verb {
        Verb::Connect => request.options.rest(STREAM_VERB).unwrap_or("create"),
        verb => verb.word(),
    }
}

/// The conditions on fields by which a collection is narrowed.
fn fields(request: &ApiRequest) -> Vec<FieldRequirement> {
    let text = request.options.field_selector.as_str();
    if text.is_empty() || !is_of_collection(request.verb) {
        return Vec::new();
    }
    // One that cannot be read narrows nothing; the verb refuses it.
    let selector = text.parse::<FieldSelector>().unwrap_or_default();
    selector.requirements().to_vec()
}

/// The object that the request names, in its path or as the only one of a collection.
fn name<'r>(request: &'r ApiRequest, fields: &'r [FieldRequirement]) -> &'r str {
    if !request.name.is_empty() || !is_of_collection(request.verb) {
        return &request.name;
    }
    let named = fields.iter().find(|term| term.equals && &*term.field == "metadata.name");
    named.map_or("", |term| &*term.value)
}

fn is_of_collection(verb: Verb) -> bool {
    matches!(verb, Verb::List | Verb::Watch | Verb::DeleteCollection)
}
