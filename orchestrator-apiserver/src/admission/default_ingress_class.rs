//! `DefaultIngressClass`: an ingress that names no class gets the one that is marked as default.

use async_trait::async_trait;
use orchestrator_core::{GroupVersionResource, Status};

use super::default_storage_class::newest_marked;
use super::{Admission, AdmissionRequest, Operation};

/// The annotation that marks a class as default.
const MARK: &str = "ingressclass.kubernetes.io/is-default-class";

/// The annotation that names the class in the form of old clients.
const CLASS: &str = "kubernetes.io/ingress.class";

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultIngressClass;

#[async_trait]
impl Admission for DefaultIngressClass {
    fn name(&self) -> &'static str {
        "DefaultIngressClass"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create && request.is_for("networking.k8s.io", "ingresses")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let ingress = &request.object;
        if ingress.at(&["spec", "ingressClassName"]).is_some()
            || ingress.annotation(CLASS).is_some()
        {
            return Ok(());
        }
        let gvr = GroupVersionResource::new("networking.k8s.io", "v1", "ingressclasses");
        let classes = request.objects.list(&gvr, "").await?;
        if let Some(name) = newest_marked(&classes, &[MARK])? {
            request.object.map_mut("spec").insert("ingressClassName".into(), name.into());
        }
        Ok(())
    }
}
