//! CertificateSigningRequest: somebody asks for a certificate.
//!
//! Who asks is written by the server, which knows the caller.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};
use serde_json::json;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer;

use crate::fields::{Fields, Fill};
use crate::format::labels::qualified_name;
use crate::format::names::{NameRule, dns_subdomain, path_segment};
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const LEGACY: &str = "kubernetes.io/legacy-unknown";
/// The shortest life of a certificate, in seconds.
const EXPIRATION_MIN_S: i64 = 600;
const SIGNER_MAX: usize = 571;
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

/// The rules of a CertificateSigningRequest.
#[derive(Debug)]
pub struct CertificateSigningRequest;

impl Rules for CertificateSigningRequest {
    fn names(&self) -> NameRule {
        path_segment
    }

    fn defaults(&self, object: &mut Object) {
        for condition in object.map_mut("status").maps_of("conditions") {
            condition.fill("lastUpdateTime", Json::Null);
            condition.fill("lastTransitionTime", Json::Null);
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        let Some(old) = old else {
            new.set("status", json!({}));
            return;
        };
        let (status, metadata) = (new.sub("status").clone(), new.sub("metadata").clone());
        let mut kept = old.clone();
        kept.set("metadata", metadata);
        match change.subresource {
            "status" => {
                kept.set("status", status);
                stamp(&mut kept, old, change);
            }
            "approval" => {
                let conditions = status.list("conditions").to_vec();
                set_conditions(&mut kept, conditions);
                stamp(&mut kept, old, change);
            }
            // The request itself never changes.
            _ => {}
        }
        *new = kept;
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        check_request(spec.text("request"), errors);
        check_usages(spec, errors);
        check_signer(spec.text("signerName"), errors);
        if let Some(seconds) = spec.int("expirationSeconds").filter(|s| *s < EXPIRATION_MIN_S) {
            const DETAIL: &str = "may not specify a duration less than 600 seconds (10 minutes)";
            errors.invalid(&SPEC.child("expirationSeconds"), seconds, DETAIL);
        }
        check_conditions(new, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_conditions(new, errors);
        check_decisions(new, old, change.subresource == "approval", errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_conditions(new, errors);
        check_decisions(new, old, false, errors);
        check_certificate(new, old, errors);
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

fn set_conditions(request: &mut Object, conditions: Vec<Json>) {
    let status = request.map_mut("status");
    status.insert("conditions".into(), conditions.into());
    status.drop_empty("conditions");
}

/// Writes the time of a new decision.
fn stamp(request: &mut Object, old: &Object, change: Change<'_>) {
    let now = change.env.now_rfc3339();
    let known: Vec<String> =
        old.sub("status").list("conditions").iter().map(|c| c.text("type").to_owned()).collect();
    for condition in request.map_mut("status").maps_of("conditions") {
        if !known.iter().any(|kind| kind == condition.text("type")) {
            condition.fill("lastUpdateTime", &*now);
            condition.fill("lastTransitionTime", &*now);
        }
    }
}

fn check_request(request: &str, errors: &mut FieldErrors) {
    let path = SPEC.child("request");
    let bytes = STANDARD.decode(request).unwrap_or_default();
    let pem = Pem::iter_from_buffer(&bytes).next().and_then(Result::ok);
    let Some(pem) = pem.filter(|pem| pem.label == "CERTIFICATE REQUEST") else {
        errors.invalid(&path, request, "PEM block type must be CERTIFICATE REQUEST");
        return;
    };
    if X509CertificationRequest::from_der(&pem.contents).is_err() {
        errors.invalid(&path, request, "asn1: structure error: malformed certificate request");
    }
}

fn check_usages(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("usages");
    let usages = spec.list("usages");
    if usages.is_empty() {
        errors.required(&path, "");
    }
    for (i, usage) in spec.texts("usages").enumerate() {
        if !USAGES.contains(&usage) {
            errors.unsupported(&path.index(i), usage, &USAGES);
        }
        if usages[..i].iter().any(|earlier| earlier == usage) {
            errors.duplicate(&path.index(i), usage, "");
        }
    }
}

fn check_signer(signer: &str, errors: &mut FieldErrors) {
    const FORM: &str =
        "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    let path = SPEC.child("signerName");
    if signer.is_empty() {
        errors.required(&path, "");
        return;
    }
    if signer == LEGACY {
        let detail = "the legacy signerName is not allowed via this API version";
        errors.invalid(&path, signer, detail);
        return;
    }
    let parts = signer.split_once('/').filter(|(_, name)| !name.contains('/'));
    let Some((domain, name)) = parts else {
        errors.invalid(&path, signer, FORM);
        return;
    };
    if domain.split('.').count() < 2 {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.invalid(&path, domain, detail);
    }
    errors.faults(&path, domain, dns_subdomain(domain));
    errors.faults(&path, name, qualified_name(name));
    if signer.len() > SIGNER_MAX {
        errors.too_long(&path, SIGNER_MAX);
    }
}

/// What is decided stays decided; who may sign may not approve, which has a path of its own.
fn check_decisions(new: &Object, old: &Object, approving: bool, errors: &mut FieldErrors) {
    let has = |request: &Object, kind: &str| {
        request.sub("status").list("conditions").iter().any(|c| c.text("type") == kind)
    };
    let path = Path::new("status");
    let path = path.child("conditions");
    for kind in ["Approved", "Denied", "Failed"] {
        match (has(new, kind), has(old, kind)) {
            (false, true) => {
                let detail = format!("updates may not remove a condition of type {kind:?}");
                errors.forbidden(&path, detail);
            }
            (true, false) if !approving && kind != "Failed" => {
                let detail = format!("updates may not add a condition of type {kind:?}");
                errors.forbidden(&path, detail);
            }
            _ => {}
        }
    }
}

/// Checks a certificate that was issued: once, and as PEM.
fn check_certificate(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (issued, was) =
        (new.sub("status").text("certificate"), old.sub("status").text("certificate"));
    let path = Path::new("status");
    let path = path.child("certificate");
    if issued == was {
        return;
    }
    if !was.is_empty() {
        let detail = "updates may not set or modify the certificate once it is set";
        errors.forbidden(&path, detail);
        return;
    }
    let bytes = STANDARD.decode(issued).unwrap_or_default();
    let mut blocks = Pem::iter_from_buffer(&bytes).filter_map(Result::ok);
    if !blocks.any(|block| block.label == "CERTIFICATE") {
        let detail = "must contain at least one CERTIFICATE PEM block";
        errors.invalid(&path, "<certificate data>", detail);
    }
}

fn check_conditions(request: &Object, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let path = path.child("conditions");
    let conditions = request.sub("status").list("conditions");
    for (i, condition) in conditions.iter().enumerate() {
        let (at, kind) = (path.index(i), condition.text("type"));
        if kind.is_empty() {
            errors.required(&at.child("type"), "");
        }
        let (status, at_status) = (condition.text("status"), at.child("status"));
        match (status, kind) {
            ("", _) => errors.required(&at_status, ""),
            ("True", _) => {}
            (other, "Approved" | "Denied" | "Failed") => {
                errors.unsupported(&at_status, other, &["True"]);
            }
            ("False" | "Unknown", _) => {}
            (other, _) => errors.unsupported(&at_status, other, &["True", "False", "Unknown"]),
        }
        if conditions[..i].iter().any(|earlier| earlier.text("type") == kind) {
            errors.duplicate(&at.child("type"), kind, "");
        }
    }
    let has = |wanted: &str| conditions.iter().any(|condition| condition.text("type") == wanted);
    if has("Approved") && has("Denied") {
        const DETAIL: &str = "Approved and Denied conditions are mutually exclusive";
        errors.invalid(&path, "Denied", DETAIL);
    }
}
