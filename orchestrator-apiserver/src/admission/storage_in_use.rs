//! `StorageObjectInUseProtection`: claims and volumes do not go while somebody uses them.

use async_trait::async_trait;
use orchestrator_core::Status;

use super::pod::list_mut;
use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct StorageObjectInUseProtection;

/// The finalizer that protects the kind of object which the request makes.
fn finalizer(request: &AdmissionRequest<'_>) -> Option<&'static str> {
    if request.is_for("", "persistentvolumeclaims") {
        return Some("kubernetes.io/pvc-protection");
    }
    if request.is_for("storage.k8s.io", "volumeattributesclasses") {
        return Some("kubernetes.io/vac-protection");
    }
    request.is_for("", "persistentvolumes").then_some("kubernetes.io/pv-protection")
}

#[async_trait]
impl Admission for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && finalizer(request).is_some()
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if let Some(finalizer) = finalizer(request) {
            let finalizers = list_mut(request.object.meta_mut(), "finalizers");
            if !finalizers.iter().any(|known| known == finalizer) {
                finalizers.push(finalizer.into());
            }
        }
        Ok(())
    }
}
