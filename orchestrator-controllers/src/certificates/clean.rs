//! Throwing away certificate requests that have served their time.

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use orchestrator_client::{Api, DeleteOptions, Informer, KindExt, gvr};
use orchestrator_core::controller::{Controller, Outcome, ReconcileContext, WatchSpec};
use orchestrator_core::{ObjectKey, Status};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{condition, is_issued};
use crate::clock;
use crate::deps::ControllerDeps;

/// How long a request stays that was answered, in seconds.
const ANSWERED_S: i64 = 3600;
/// How long a request waits for an answer, in seconds.
const PENDING_S: i64 = 24 * 3600;

/// Deletes old certificate requests.
#[derive(Debug)]
pub struct CertificateCleaner {
    requests: Informer<CertificateSigningRequest>,
    api: Api<CertificateSigningRequest>,
}

impl CertificateCleaner {
    /// A controller on the shared informers.
    pub fn new(deps: &ControllerDeps) -> Self {
        Self { requests: deps.informers.of(), api: deps.client().api() }
    }
}

/// When a request is to be deleted; `None` where that depends on somebody else.
fn expires_at(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let since = |r#type: &str| condition(request, r#type)?.last_update_time.clone();
    let answered = |time: &Time| clock::plus(time, ANSWERED_S);
    let issued = is_issued(request).then(|| since("Approved")).flatten();
    let decided = [issued, since("Denied"), since("Failed")];
    let is_open = request
        .status
        .as_ref()
        .is_none_or(|status| status.conditions.as_ref().is_none_or(Vec::is_empty));
    let made = request.metadata.creation_timestamp.as_ref().filter(|_| is_open);
    let pending = made.map(|time| clock::plus(time, PENDING_S));
    let decided = decided.iter().flatten().map(answered);
    decided.chain(pending).chain(certificate_end(request)).min()
}

/// When the certificate that was given ends.
fn certificate_end(request: &CertificateSigningRequest) -> Option<Timestamp> {
    let certificate = &request.status.as_ref()?.certificate.as_ref()?.0;
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate).ok()?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

#[async_trait]
impl Controller for CertificateCleaner {
    fn name(&self) -> &str {
        "certificatesigningrequest-cleaner"
    }

    fn watches(&self) -> Vec<WatchSpec> {
        vec![WatchSpec::own(gvr::<CertificateSigningRequest>())]
    }

    async fn reconcile(&self, key: &ObjectKey, cx: &ReconcileContext) -> Result<Outcome, Status> {
        let request = self.requests.get(key).filter(|request| !request.is_terminating());
        let Some((request, at)) = request.and_then(|r| Some((r.clone(), expires_at(&r)?))) else {
            return Ok(Outcome::Done);
        };
        if let Some(wait) = clock::until(cx.env.now(), at) {
            return Ok(Outcome::RequeueAfter(wait));
        }
        match self.api.delete(key, &DeleteOptions::uid(request.uid())).await {
            Err(status) if !status.is_not_found() => Err(status),
            _ => Ok(Outcome::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_answered_goes_after_an_hour_and_what_waits_after_a_day() {
        let at = |condition: &str, certificate: &str| {
            let conditions: Vec<_> = Some(condition)
                .filter(|condition| !condition.is_empty())
                .map(|t| json!({"type": t, "status": "True", "lastUpdateTime": "2026-01-01T01:00:00Z"}))
                .into_iter()
                .collect();
            let request: CertificateSigningRequest = serde_json::from_value(json!({
                "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
                "spec": {"request": "", "signerName": ""},
                "status": {"conditions": conditions, "certificate": certificate},
            }))
            .unwrap();
            expires_at(&request).map(|at| at.to_string())
        };
        assert_eq!(at("", "").as_deref(), Some("2026-01-02T00:00:00Z"));
        assert_eq!(at("Denied", "").as_deref(), Some("2026-01-01T02:00:00Z"));
        assert_eq!(at("Failed", "").as_deref(), Some("2026-01-01T02:00:00Z"));
        assert_eq!(at("Approved", "eA==").as_deref(), Some("2026-01-01T02:00:00Z"));
        assert_eq!(at("Approved", ""), None);
    }
}
