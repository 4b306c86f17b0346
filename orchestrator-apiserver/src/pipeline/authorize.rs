//! The question to the authorizer about a request.

use orchestrator_core::{ApiRequest, Status, Verb};

use crate::authz::{Attributes, ResourceTarget, Target};
use crate::server::ApiServer;

/// Asks whether the request may be made at all.
pub(crate) async fn check(server: &ApiServer, request: &ApiRequest) -> Result<(), Status> {
    let target = ResourceTarget {
        group: &request.resource.group,
        version: &request.resource.version,
        resource: &request.resource.resource,
        subresource: &request.subresource,
        namespace: &request.namespace,
        name: &request.name,
    };
    let verb = match request.verb {
        // A stream may run a command: that is more than reading.
        Verb::Connect => "create",
        verb => verb.word(),
    };
    let attributes = Attributes { user: &request.user, verb, target: Target::Resource(target) };
    server.authorize(attributes).await
}
