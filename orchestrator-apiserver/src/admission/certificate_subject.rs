//! `CertificateSubjectRestriction`: nobody asks for a certificate of the masters' group.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::{Status, UserInfo};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;

use super::{Admission, AdmissionRequest, Operation};

/// The signer whose certificates the server trusts as users.
const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// The step.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateSubjectRestriction;

#[async_trait]
impl Admission for CertificateSubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    fn handles(&self, request: &AdmissionRequest<'_>) -> bool {
        request.operation == Operation::Create
            && request.is_for("certificates.k8s.io", "certificatesigningrequests")
            && request.object.text_at(&["spec", "signerName"]) == CLIENT_SIGNER
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let groups = groups(request.object.text_at(&["spec", "request"]));
        match groups.iter().any(|group| group == UserInfo::MASTERS) {
            true => Err(request.forbidden(
                "use of kubernetes.io/kube-apiserver-client signer with system:masters group is \
                 not allowed",
            )),
            false => Ok(()),
        }
    }
}

/// The groups that a request for a certificate names; none where it cannot be read, which is for
/// validation to refuse.
fn groups(base64: &str) -> Vec<String> {
    let Ok(pem) = STANDARD.decode(base64) else { return Vec::new() };
    let Ok((_, pem)) = parse_x509_pem(&pem) else { return Vec::new() };
    let Ok((_, request)) = X509CertificationRequest::from_der(&pem.contents) else {
        return Vec::new();
    };
    let subject = &request.certification_request_info.subject;
    let names = subject.iter_organization().filter_map(|name| name.as_str().ok());
    names.map(str::to_owned).collect()
}
