//! Certificates on request: approving, signing, and throwing away what nobody needs any more.
//!
//! Three controllers share the words of this module. `request` reads what somebody asks for,
//! `signers` holds the rules of the signers that every cluster has, `authority` signs. The key of
//! the cluster's authority is handed in by [`Config::authority`](crate::Config::authority); without
//! one nothing is signed.

mod approve;
mod authority;
mod clean;
mod der;
mod request;
mod sign;
mod signers;

pub use approve::CertificateApprover;
pub use authority::{Authority, AuthorityError};
pub use clean::CertificateCleaner;
pub use sign::CertificateSigner;

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};

/// The condition of a type that holds.
fn condition<'a>(
    request: &'a CertificateSigningRequest,
    r#type: &str,
) -> Option<&'a CertificateSigningRequestCondition> {
    let conditions = request.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == r#type && condition.status == "True")
}

/// Whether a request was approved, and not denied since.
fn is_approved(request: &CertificateSigningRequest) -> bool {
    condition(request, "Approved").is_some() && condition(request, "Denied").is_none()
}

/// Whether a certificate has been given.
fn is_issued(request: &CertificateSigningRequest) -> bool {
    let certificate = request.status.as_ref().and_then(|status| status.certificate.as_ref());
    certificate.is_some_and(|certificate| !certificate.0.is_empty())
}
