//! `CertificateRequester`: a request for a certificate says who made it, as the server knows it.
//!
//! What the client writes about that does not count.

use async_trait::async_trait;
use orchestrator_core::{Json, Status};
use serde_json::json;

use super::{Admission, AdmissionRequest, Operation};

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateRequester;

#[async_trait]
impl Admission for CertificateRequester {
    fn name(&self) -> &'static str {
        "CertificateRequester"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create
            && request.is_for("certificates.k8s.io", "certificatesigningrequests")
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let user = request.user;
        let spec = request.object.map_mut("spec");
        for name in ["username", "uid", "groups", "extra"] {
            spec.remove(name);
        }
        if !user.name.is_empty() {
            spec.insert("username".into(), Json::from(user.name.as_str()));
        }
        if !user.uid.is_empty() {
            spec.insert("uid".into(), Json::from(user.uid.as_str()));
        }
        if !user.groups.is_empty() {
            spec.insert("groups".into(), Json::from(user.groups.clone()));
        }
        if !user.extra.is_empty() {
            spec.insert("extra".into(), json!(user.extra));
        }
        Ok(())
    }
}
