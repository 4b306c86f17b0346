//! `Status`: the error that every request ends in when it does not succeed.
//!
//! Clients branch on `code`, `reason` and `details.causes`; the constructors give each condition
//! the code, the reason and the words that clients know.

use std::fmt;

use serde_json::json;

use crate::field::{FieldError, FieldErrors};
use crate::object::Object;
use crate::resource::{GroupKind, GroupResource};
use crate::{Json, Verb};

/// A failure as the Kubernetes API reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable condition, such as `NotFound`.
    pub reason: &'static str,
    /// The words for people.
    pub message: String,
    /// What the failure is about; boxed, since most of a status is read only when it is sent.
    pub details: Box<Details>,
}

/// What a failure is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// The name of the object.
    pub name: String,
    /// The group of its kind.
    pub group: String,
    /// Its kind or resource.
    pub kind: String,
    /// Its uid.
    pub uid: String,
    /// The single things that are wrong.
    pub causes: Vec<Cause>,
    /// When to try again, in seconds.
    pub retry_after_s: Option<u32>,
    /// Where a list may go on whose revision is gone; sent in the metadata.
    pub continue_token: String,
    /// Send the details even where they say nothing, as clients expect it of errors that are
    /// known by their code alone.
    pub always_sent: bool,
    /// What is right but unwise about the request; sent in headers.
    pub warnings: Vec<String>,
}

/// One of the things that are wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cause {
    /// The machine-readable reason, such as `FieldValueInvalid`.
    pub reason: String,
    /// The words for people.
    pub message: String,
    /// The field, as in `spec.replicas`.
    pub field: String,
}

impl std::error::Error for Status {}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Status {
    /// A status without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Box::default() }
    }

    /// A status that is known by its code alone: its details are sent though they are empty.
    pub fn generic(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let mut status = Self::new(code, reason, message);
        status.details.always_sent = true;
        status
    }

    fn about(mut self, resource: &GroupResource, name: &str) -> Self {
        self.details.group = resource.group.to_string();
        self.details.kind = resource.resource.to_string();
        self.details.name = name.into();
        self
    }

    /// 404: no object of that name.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        let message = format!("{resource} {name:?} not found");
        Self::new(404, "NotFound", message).about(resource, name)
    }

    /// 404: no such path or resource.
    pub fn no_such_resource() -> Self {
        Self::generic(404, "NotFound", "the server could not find the requested resource")
    }

    /// 409: an object of that name is there.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        let message = format!("{resource} {name:?} already exists");
        Self::new(409, "AlreadyExists", message).about(resource, name)
    }

    /// 409: the object is not in the state that the request expects.
    pub fn conflict(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// 409: the object has changed since the version that the request names.
    pub fn modified(resource: &GroupResource, name: &str) -> Self {
        const WHY: &str = "the object has been modified; please apply your changes to the latest \
                           version and try again";
        Self::conflict(resource, name, WHY)
    }

    /// 422: the object breaks rules, one cause each.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &FieldErrors) -> Self {
        let message = format!("{kind} {name:?} is invalid: {}", joined(errors));
        let mut status = Self::new(422, "Invalid", message);
        status.details.group = kind.group.to_string();
        status.details.kind = kind.kind.to_string();
        status.details.name = name.into();
        status.details.causes = errors.iter().map(Cause::from).collect();
        status
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 401: the caller is unknown.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403: the caller, or the state, does not allow it.
    pub fn forbidden(resource: &GroupResource, name: &str, why: impl fmt::Display) -> Self {
        let message = if resource.resource.is_empty() {
            format!("forbidden: {why}")
        } else if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// 405: the resource is there, the verb is not.
    pub fn method_not_supported(resource: &GroupResource, verb: Verb) -> Self {
        let message =
            format!("{} is not supported on resources of kind \"{resource}\"", verb.word());
        Self::new(405, "MethodNotAllowed", message).about(resource, "")
    }

    /// 405: the path is there, the HTTP method is not.
    pub fn method_not_allowed() -> Self {
        const WHY: &str = "the server does not allow this method on the requested resource";
        Self::generic(405, "MethodNotAllowed", WHY)
    }

    /// 406: none of the media types that the client accepts can be served.
    pub fn not_acceptable(offered: &str) -> Self {
        let message = format!("only the following media types are accepted: {offered}");
        Self::new(406, "NotAcceptable", message)
    }

    /// 410: the revision is gone; list again.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 413: the body is larger than the server takes.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "RequestEntityTooLarge", message)
    }

    /// 415: the media type of the body is none of `supported`.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 429: try again later.
    pub fn too_many_requests(message: impl Into<String>, retry_after_s: u32) -> Self {
        let mut status = Self::new(429, "TooManyRequests", message);
        status.details.retry_after_s = Some(retry_after_s);
        status
    }

    /// 500: the server failed; the source is logged where it is known.
    pub fn internal(why: impl fmt::Display) -> Self {
        let message = format!("Internal error occurred: {why}");
        let mut status = Self::new(500, "InternalError", message);
        status.details.causes.push(Cause { message: why.to_string(), ..Cause::default() });
        status
    }

    /// 501: the server knows the request and does not serve it.
    pub fn not_implemented(what: impl fmt::Display) -> Self {
        Self::new(501, "NotImplemented", format!("{what} is not implemented by this server"))
    }

    /// 503: a part that the request needs is not there.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// 504: the server did not finish in time; try again after some seconds.
    pub fn timeout(message: impl Into<String>, retry_after_s: u32) -> Self {
        let mut status = Self::new(504, "Timeout", message);
        status.details.retry_after_s = Some(retry_after_s);
        status
    }

    /// Adds a cause.
    #[must_use]
    pub fn with_cause(mut self, reason: &str, field: &str, message: impl Into<String>) -> Self {
        let (reason, field) = (reason.into(), field.into());
        self.details.causes.push(Cause { reason, message: message.into(), field });
        self
    }

    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.code == 404
    }

    /// Whether the object has changed meanwhile, so that it must be read again.
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict"
    }

    /// Whether an object of that name is there already.
    pub fn is_already_exists(&self) -> bool {
        self.reason == "AlreadyExists"
    }

    /// Whether the revision asked for is gone, so that the caller must list again.
    pub fn is_expired(&self) -> bool {
        self.code == 410
    }

    /// The failure that a `Status` object tells of; one without a code has the one given.
    pub fn from_object(object: &Object, code: u16) -> Self {
        let code = object.int_at(&["code"]).and_then(|code| code.try_into().ok()).unwrap_or(code);
        let message = match object.text_at(&["message"]) {
            "" => format!("the server answered with status {code}"),
            message => message.to_owned(),
        };
        let mut status = Self::new(code, known_reason(object.text_at(&["reason"])), message);
        let detail = |name| object.text_at(&["details", name]).to_owned();
        status.details.name = detail("name");
        status.details.group = detail("group");
        status.details.kind = detail("kind");
        status.details.uid = detail("uid");
        status.details.retry_after_s = object
            .int_at(&["details", "retryAfterSeconds"])
            .and_then(|seconds| seconds.try_into().ok());
        let causes = object.at(&["details", "causes"]).and_then(Json::as_array);
        status.details.causes = causes.into_iter().flatten().map(Cause::from_json).collect();
        status
    }

    /// The `Status` object on the wire.
    pub fn to_object(&self) -> Object {
        let mut object = Object::new("v1", "Status");
        object.set("status", "Failure");
        object.set("message", self.message.as_str());
        if !self.reason.is_empty() {
            object.set("reason", self.reason);
        }
        if !self.details.continue_token.is_empty() {
            object.set_meta("continue", self.details.continue_token.as_str());
        }
        if let Some(details) = self.details.to_json() {
            object.set("details", details);
        } else if self.details.always_sent {
            object.set("details", json!({}));
        }
        object.set("code", self.code);
        object
    }
}

impl Details {
    /// The details on the wire; `None` where there is nothing to say.
    fn to_json(&self) -> Option<Json> {
        let causes: Vec<Json> = self.causes.iter().map(Cause::to_json).collect();
        let mut details = json!({
            "name": self.name, "group": self.group, "kind": self.kind, "uid": self.uid,
            "causes": causes, "retryAfterSeconds": self.retry_after_s,
        });
        let map = details.as_object_mut().expect("made as an object");
        map.retain(|_, value| !crate::object::is_empty(value));
        (!map.is_empty()).then_some(details)
    }
}

/// The reasons that clients branch on, as the constants that a [`Status`] carries.
fn known_reason(reason: &str) -> &'static str {
    const KNOWN: [&str; 18] = [
        "Unauthorized",
        "Forbidden",
        "NotFound",
        "AlreadyExists",
        "Conflict",
        "Gone",
        "Invalid",
        "ServerTimeout",
        "Timeout",
        "TooManyRequests",
        "BadRequest",
        "MethodNotAllowed",
        "NotAcceptable",
        "RequestEntityTooLarge",
        "UnsupportedMediaType",
        "InternalError",
        "Expired",
        "ServiceUnavailable",
    ];
    KNOWN.into_iter().find(|known| *known == reason).unwrap_or_default()
}

impl Cause {
    fn from_json(cause: &Json) -> Self {
        let text = |name: &str| cause[name].as_str().unwrap_or_default().to_owned();
        Self { reason: text("reason"), message: text("message"), field: text("field") }
    }

    fn to_json(&self) -> Json {
        let mut cause =
            json!({"reason": self.reason, "message": self.message, "field": self.field});
        let map = cause.as_object_mut().expect("made as an object");
        map.retain(|_, value| !crate::object::is_empty(value));
        cause
    }
}

impl From<&FieldError> for Cause {
    fn from(error: &FieldError) -> Self {
        Self {
            reason: error.kind.reason().into(),
            message: error.message.clone(),
            field: error.field.clone(),
        }
    }
}

/// Several errors as one text: bracketed, and each text once.
fn joined(errors: &FieldErrors) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for text in errors.iter().map(FieldError::to_string) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.len() {
        1 => texts.remove(0),
        _ => format!("[{}]", texts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Path;

    #[test]
    fn each_condition_has_the_code_reason_and_words_that_clients_know() {
        let pods = GroupResource::new("", "pods");
        let deployments = GroupResource::new("apps", "deployments");
        let cases = [
            (Status::not_found(&pods, "a"), 404, "NotFound", "pods \"a\" not found"),
            (
                Status::already_exists(&deployments, "a"),
                409,
                "AlreadyExists",
                "deployments.apps \"a\" already exists",
            ),
            (Status::forbidden(&pods, "a", "no"), 403, "Forbidden", "pods \"a\" is forbidden: no"),
            (Status::internal("x"), 500, "InternalError", "Internal error occurred: x"),
        ];
        for (status, code, reason, message) in cases {
            assert_eq!(
                (status.code, status.reason, status.message.as_str()),
                (code, reason, message)
            );
        }
    }

    #[test]
    fn an_invalid_object_gets_one_cause_per_error_and_each_text_once() {
        let error = FieldError::required(&Path::new("spec"), "");
        let kind = GroupKind::new("apps", "Deployment");
        let status = Status::invalid(&kind, "a", &vec![error.clone(), error]);
        assert_eq!(status.message, "Deployment.apps \"a\" is invalid: spec: Required value");
        let object = status.to_object().into_json();
        assert_eq!(object["details"]["causes"].as_array().unwrap().len(), 2);
        assert_eq!(object["details"]["causes"][0]["reason"], "FieldValueRequired");
        assert_eq!((&object["code"], &object["metadata"]), (&json!(422), &json!({})));
        assert_eq!(Status::from_object(&status.to_object(), 500), status);
    }
}
