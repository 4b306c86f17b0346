//! The admission chain, as the verbs call it.

use orchestrator_core::Status;
use orchestrator_core::object::Object;

use crate::admission::{self, AdmissionRequest, Operation};
use crate::pipeline::Cx;

/// Runs the mutating half of the chain over `object`; what it became.
pub(crate) async fn mutate(
    cx: &Cx<'_>,
    operation: Operation,
    object: Object,
    old: Option<&Object>,
) -> Result<Object, Status> {
    let mut request = request(cx, operation, object, old);
    admission::mutate(&cx.server.admission, &mut request).await?;
    Ok(request.object)
}

/// Runs the validating half of the chain over `object`, which comes back as it was.
pub(crate) async fn validate(
    cx: &Cx<'_>,
    operation: Operation,
    object: Object,
    old: Option<&Object>,
) -> Result<Object, Status> {
    let request = request(cx, operation, object, old);
    admission::validate(&cx.server.admission, &request).await?;
    Ok(request.object)
}

/// Asks the whole chain about the body of a part: a binding, an eviction, the options of a stream.
/// What it became.
pub(crate) async fn part(
    cx: &Cx<'_>,
    operation: Operation,
    body: Object,
) -> Result<Object, Status> {
    let body = mutate(cx, operation, body, None).await?;
    validate(cx, operation, body, None).await
}

/// Asks the whole chain about a deletion of `old`.
pub(crate) async fn delete(cx: &Cx<'_>, old: &Object) -> Result<(), Status> {
    let gone = mutate(cx, Operation::Delete, Object::default(), Some(old)).await?;
    validate(cx, Operation::Delete, gone, Some(old)).await?;
    Ok(())
}

fn request<'a>(
    cx: &'a Cx<'_>,
    operation: Operation,
    object: Object,
    old: Option<&'a Object>,
) -> AdmissionRequest<'a> {
    AdmissionRequest {
        operation,
        resource: &cx.resource,
        subresource: &cx.request.subresource,
        namespace: &cx.request.namespace,
        // A collection's deletion names no object, also when one of its objects is deleted.
        name: &cx.request.name,
        user: &cx.request.user,
        options: &cx.request.options,
        object,
        old,
        objects: &cx.server.objects,
        seen: &cx.seen,
        authorizer: &cx.server.authorizer,
        env: &cx.server.env,
        warnings: &cx.warnings,
    }
}
