//! Kinds about the cluster itself.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{condition, list, name, text};

pub(super) fn namespace(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name(object), object.text_at(&["status", "phase"]).into(), age::of(object, now)]
}

pub(super) fn lease(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name(object), object.text_at(&["spec", "holderIdentity"]).into(), age::of(object, now)]
}

pub(super) fn runtime_class(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name(object), object.text_at(&["handler"]).into(), age::of(object, now)]
}

pub(super) fn component_status(object: &Object, _now: Timestamp) -> Vec<Json> {
    let healthy = list(object, &["conditions"]).find(|c| text(c, "type") == "Healthy");
    let status = match healthy.map(|c| text(c, "status")) {
        Some("True") => "Healthy",
        Some("False") => "Unhealthy",
        _ => "Unknown",
    };
    let word = |field: &str| Json::from(healthy.map_or("", |c| text(c, field)));
    vec![name(object), status.into(), word("message"), word("error")]
}

pub(super) fn api_service(object: &Object, now: Timestamp) -> Vec<Json> {
    let service = match object.at(&["spec", "service"]) {
        Some(service) => format!("{}/{}", text(service, "namespace"), text(service, "name")),
        None => "Local".into(),
    };
    let available = match condition(object, "Available") {
        Some(c) if text(c, "status") == "True" => "True".to_owned(),
        Some(c) => format!("{} ({})", text(c, "status"), text(c, "reason")),
        None => "Unknown".to_owned(),
    };
    vec![name(object), service.into(), available.into(), age::of(object, now)]
}
