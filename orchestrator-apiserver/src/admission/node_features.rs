//! `NodeDeclaredFeatureValidator`: a running pod is resized only on a node that is known, since
//! only a node that has said what it can do is able to.

use async_trait::async_trait;
use orchestrator_core::{GroupVersionResource, Status};

use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeDeclaredFeatureValidator;

#[async_trait]
impl Admission for NodeDeclaredFeatureValidator {
    fn name(&self) -> &'static str {
        "NodeDeclaredFeatureValidator"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Update
            && request.subresource == "resize"
            && request.resource.def.gvr.resource == "pods"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let resized = request.old.is_some_and(|old| old.get("spec") != request.object.get("spec"));
        let node = request.object.text_at(&["spec", "nodeName"]);
        if !resized || node.is_empty() {
            return Ok(());
        }
        let gvr = GroupVersionResource::new("", "v1", "nodes");
        match request.objects.get(&gvr, "", node).await? {
            Some(_) => Ok(()),
            None => Err(request.forbidden(format!("node {node:?} not found"))),
        }
    }
}
