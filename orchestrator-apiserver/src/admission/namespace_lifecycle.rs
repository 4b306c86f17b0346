//! `NamespaceLifecycle`: nothing is made in a namespace that is not there or on its way out, and
//! the namespaces that every cluster needs stay.

use async_trait::async_trait;
use orchestrator_core::{GroupResource, Status};

use super::{Admission, AdmissionRequest, Operation};

/// Namespaces that cannot be deleted.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamespaceLifecycle;

#[async_trait]
impl Admission for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        match request.operation {
            Operation::Create => {
                !request.namespace.is_empty()
                    && request.resource.def.gvr.resource != "localsubjectaccessreviews"
            }
            Operation::Delete => request.is_for("", "namespaces"),
            _ => false,
        }
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if request.operation == Operation::Delete {
            return match IMMORTAL.contains(&request.name) {
                true => Err(request.forbidden("this namespace may not be deleted")),
                false => Ok(()),
            };
        }
        let name = request.namespace;
        let Some(namespace) = request.namespace_object().await? else {
            return Err(Status::not_found(&GroupResource::new("", "namespaces"), name));
        };
        let tree = namespace.tree().map_err(Status::internal)?;
        if tree.text_at(&["status", "phase"]) == "Terminating" {
            let why = format!(
                "unable to create new content in namespace {name} because it is being terminated"
            );
            let cause = format!("namespace {name} is being terminated");
            let status = request.forbidden(why);
            return Err(status.with_cause("NamespaceTerminating", "metadata.namespace", cause));
        }
        Ok(())
    }
}
