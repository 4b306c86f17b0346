//! `PersistentVolumeClaimResize`: a claim grows only where its class allows that.

use async_trait::async_trait;
use orchestrator_core::object::Object;
use orchestrator_core::{GroupVersionResource, Json, Quantity, Status};

use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct PersistentVolumeClaimResize;

#[async_trait]
impl Admission for PersistentVolumeClaimResize {
    fn name(&self) -> &'static str {
        "PersistentVolumeClaimResize"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Update && request.is_for("", "persistentvolumeclaims")
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let Some(old) = request.old else { return Ok(()) };
        if size(&request.object) <= size(old) {
            return Ok(());
        }
        if old.text_at(&["status", "phase"]) != "Bound" {
            return Err(request.forbidden("Only bound persistent volume claims can be expanded"));
        }
        let name = request.object.text_at(&["spec", "storageClassName"]);
        let gvr = GroupVersionResource::new("storage.k8s.io", "v1", "storageclasses");
        let class = match name {
            "" => None,
            name => request.objects.get(&gvr, "", name).await?,
        };
        let allows = class.is_some_and(|class| {
            let tree = class.tree().ok();
            tree.and_then(|tree| tree.get("allowVolumeExpansion")?.as_bool()) == Some(true)
        });
        match allows {
            true => Ok(()),
            false => Err(request.forbidden(
                "only dynamically provisioned pvc can be resized and the storageclass that \
                 provisions the pvc must support resize",
            )),
        }
    }
}

/// How much a claim asks for.
fn size(claim: &Object) -> Option<Quantity> {
    claim.at(&["spec", "resources", "requests", "storage"]).and_then(Json::as_str)?.parse().ok()
}
