//! Signing approved requests, for the signers that every cluster has.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use orchestrator_client::{Api, Informer, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{Env, ObjectKey, Status};

use super::authority::{Authority, AuthorityError};
use super::request::{RequestError, Wanted};
use super::signers::{Refusal, check, is_ours};
use super::{condition, is_approved, is_issued};
use crate::clock;
use crate::deps::ControllerDeps;

/// Signs what was approved; does nothing without an authority.
#[derive(Debug)]
pub struct CertificateSigner {
    requests: Informer<CertificateSigningRequest>,
    api: Api<CertificateSigningRequest>,
    authority: Option<Arc<Authority>>,
}

impl CertificateSigner {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self {
            requests: deps.informers.of(),
            api: deps.client().api(),
            authority: deps.config.authority.clone(),
        }
    }
}

/// Why no certificate is given.
#[derive(Debug, thiserror::Error)]
enum SignError {
    #[error("unable to parse csr: {0}")]
    Request(#[from] RequestError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("error auto signing csr: {0}")]
    Authority(#[from] AuthorityError),
}

/// Whether a request waits for one of our signers.
fn is_waiting(request: &CertificateSigningRequest) -> bool {
    is_approved(request)
        && !is_issued(request)
        && condition(request, "Failed").is_none()
        && is_ours(&request.spec.signer_name)
}

fn sign(
    authority: &Authority,
    request: &CertificateSigningRequest,
    env: &Env,
) -> Result<String, SignError> {
    let spec = &request.spec;
    let usages = spec.usages.as_deref().unwrap_or_default();
    let wanted = Wanted::parse(&spec.request.0)?;
    check(&spec.signer_name, &wanted, usages)?;
    Ok(authority.sign(&wanted, usages, spec.expiration_seconds, env)?)
}

/// The request with the certificate, or with the condition that it breaks the signer's rules.
///
/// # Errors
/// Nothing is to be written.
fn answered(
    request: &CertificateSigningRequest,
    signed: Result<String, SignError>,
    env: &Env,
) -> Result<CertificateSigningRequest, SignError> {
    let mut request = request.clone();
    let status = request.status.get_or_insert_default();
    match signed {
        Ok(certificate) => status.certificate = Some(ByteString(certificate.into_bytes())),
        Err(SignError::Refused(refusal)) => {
            let now = clock::now(env);
            status.conditions.get_or_insert_default().push(CertificateSigningRequestCondition {
                type_: "Failed".into(),
                status: "True".into(),
                reason: Some("SignerValidationFailure".into()),
                message: Some(refusal.to_string()),
                last_update_time: Some(now.clone()),
                last_transition_time: Some(now),
            });
        }
        Err(error) => return Err(error),
    }
    Ok(request)
}

#[async_trait]
impl Controller for CertificateSigner {
    fn name(&self) -> &str {
        "certificatesigningrequest-signing"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<CertificateSigningRequest>())]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let (Some(authority), Some(request)) = (&self.authority, self.requests.get(key)) else {
            return Ok(Outcome::Done);
        };
        if !is_waiting(&request) {
            return Ok(Outcome::Done);
        }
        let signed = sign(authority, &request, &cx.env);
        let request = answered(&request, signed, &cx.env).map_err(Status::internal)?;
        self.api.update_status(&request).await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::super::authority::tests::authority;
    use super::super::request::tests::pem;
    use super::super::signers::{CLIENT, KUBELET_CLIENT};
    use super::*;
    use base64::Engine as _;
    use serde_json::json;

    fn request(signer: &str, usage: &str, conditions: &[&str]) -> CertificateSigningRequest {
        let pem = base64::prelude::BASE64_STANDARD.encode(pem("jane", "dev", &[]));
        let conditions: Vec<_> =
            conditions.iter().map(|t| json!({"type": t, "status": "True"})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": "r"},
            "spec": {"request": pem, "signerName": signer, "usages": [usage]},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[test]
    fn only_approved_requests_of_our_signers_are_signed() {
        let cases = [
            (CLIENT, &["Approved"][..], true),
            (CLIENT, &[], false),
            (CLIENT, &["Approved", "Denied"], false),
            (CLIENT, &["Approved", "Failed"], false),
            ("example.com/x", &["Approved"], false),
        ];
        for (signer, conditions, want) in cases {
            let request = request(signer, "client auth", conditions);
            assert_eq!(is_waiting(&request), want, "{signer} {conditions:?}");
        }
    }

    #[test]
    fn a_request_is_answered_once_with_a_certificate_or_a_reason() {
        let ((authority, _), env) = (authority(), Env::simulated(1));
        let answer = |signer: &str, usage: &str| {
            let request = request(signer, usage, &["Approved"]);
            let answered = answered(&request, sign(&authority, &request, &env), &env).unwrap();
            assert!(!is_waiting(&answered));
            let failed = condition(&answered, "Failed").and_then(|c| c.message.clone());
            (is_issued(&answered), failed)
        };
        assert_eq!(answer(CLIENT, "client auth"), (true, None));
        let wrong = "invalid usage for client certificate: server auth";
        assert_eq!(answer(CLIENT, "server auth"), (false, Some(wrong.into())));
        let wrong = "subject organization is not system:nodes";
        assert_eq!(answer(KUBELET_CLIENT, "client auth"), (false, Some(wrong.into())));
    }
}
