//! MutatingWebhookConfiguration and ValidatingWebhookConfiguration: webhooks that are asked.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::Change;
use orchestrator_core::{Json, Object};

use super::expressions::{self, Scope};
use super::matching::{check_conditions, check_match, check_rules, fill_match, fill_rules};
use crate::fields::{Fields, Fill};
use crate::format::names::dns_subdomain;
use crate::format::numbers::check_port;
use crate::pod::check::check_option;
use crate::report::Report;
use crate::rules::Rules;

const VERSIONS: [&str; 2] = ["v1", "v1beta1"];
const TIMEOUT_S: i64 = 10;

/// The rules of a configuration of webhooks.
#[derive(Debug)]
pub struct WebhookConfiguration {
    /// Whether the webhooks may change what they are asked about.
    pub mutating: bool,
}

impl Rules for WebhookConfiguration {
    fn defaults(&self, object: &mut Object) {
        for webhook in object.as_map_mut().maps_of("webhooks") {
            fill_webhook(webhook);
            if self.mutating {
                webhook.fill("reinvocationPolicy", "Never");
            }
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (webhooks, path) = (new.list("webhooks"), Path::new("webhooks"));
        for (i, webhook) in webhooks.iter().enumerate() {
            let (path, name) = (path.index(i), webhook.text("name"));
            check_webhook(webhook, &path, errors);
            if self.mutating {
                const AGAIN: [&str; 2] = ["IfNeeded", "Never"];
                check_option(webhook, "reinvocationPolicy", &AGAIN, &path, errors);
            }
            check_versions(webhook, &path.child("admissionReviewVersions"), errors);
            let earlier = &webhooks[..i];
            if !name.is_empty() && earlier.iter().any(|other| other.text("name") == name) {
                errors.duplicate(&path.child("name"), name, "");
            }
        }
    }

    fn unconditional_update(&self) -> bool {
        false
    }
}

fn fill_webhook(webhook: &mut Map) {
    webhook.fill("failurePolicy", "Fail");
    webhook.fill("timeoutSeconds", TIMEOUT_S);
    fill_match(webhook);
    fill_rules(webhook, "rules");
    if let Some(service) = webhook.map_made("clientConfig").map_at("service") {
        service.fill("port", 443);
    }
}

fn check_webhook(webhook: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_name(webhook.text("name"), &path.child("name"), errors);
    check_rules(webhook.list("rules"), &path.child("rules"), errors);
    check_option(webhook, "failurePolicy", &["Fail", "Ignore"], path, errors);
    check_match(webhook, path, errors);
    match webhook.sub("sideEffects").as_str() {
        None => {
            let detail = "must specify one of None, NoneOnDryRun";
            errors.required(&path.child("sideEffects"), detail);
        }
        Some("None" | "NoneOnDryRun") => {}
        Some(other) => {
            errors.unsupported(&path.child("sideEffects"), other, &["None", "NoneOnDryRun"]);
        }
    }
    if let Some(seconds) = webhook.int("timeoutSeconds").filter(|s| !(1..=30).contains(s)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.invalid(&path.child("timeoutSeconds"), seconds, detail);
    }
    check_client(webhook.sub("clientConfig"), &path.child("clientConfig"), errors);
    let conditions = webhook.list("matchConditions");
    if !conditions.is_empty() {
        let env = expressions::env(Scope { params: false, authorizer: true });
        check_conditions(conditions, &env, &path.child("matchConditions"), errors);
    }
}

fn check_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.required(path, "");
        return;
    }
    let faults = dns_subdomain(name);
    if !faults.is_empty() {
        errors.invalid(path, name, faults.join(","));
    } else if name.split('.').count() < 3 {
        let detail = "should be a domain with at least three segments separated by dots";
        errors.invalid(path, name, detail);
    }
}

fn check_versions(webhook: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let known = VERSIONS.join(", ");
    if webhook.list("admissionReviewVersions").is_empty() {
        errors.required(path, format!("must specify one of {known}"));
    } else if !webhook.texts("admissionReviewVersions").any(|v| VERSIONS.contains(&v)) {
        let versions = webhook.sub("admissionReviewVersions");
        errors.invalid(path, versions, format!("must include at least one of {known}"));
    }
}

/// Checks where a webhook is: behind a URL or behind a service.
pub fn check_client(client: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match (client.sub("url").as_str(), client.get_set("service")) {
        (Some(url), None) => check_url(url, &path.child("url"), errors),
        (None, Some(service)) => check_service(service, &path.child("service"), errors),
        _ => errors.required(path, "exactly one of url or service is required"),
    }
}

fn check_url(url: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    const FORM: &str = "; desired format: https://host[/path]";
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    if scheme != "https" {
        let detail = format!("'https' is the only allowed URL scheme{FORM}");
        errors.invalid(path, scheme, detail);
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() {
        errors.invalid(path, host, format!("host must be specified{FORM}"));
    }
    if let Some((user, _)) = host.split_once('@') {
        errors.invalid(path, user, "user information is not permitted in the URL");
    }
    if let Some((_, fragment)) = url.split_once('#') {
        errors.invalid(path, fragment, "fragments are not permitted in the URL");
    }
    if let Some((_, query)) = url.split_once('?') {
        errors.invalid(path, query, "query parameters are not permitted in the URL");
    }
}

fn check_service(service: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for field in ["name", "namespace"] {
        if service.text(field).is_empty() {
            let detail = format!("service {field} is required");
            errors.required(&path.child(field), detail);
        }
    }
    check_port(service.int("port").unwrap_or_default(), &path.child("port"), errors);
    if let Some(target) = service.sub("path").as_str()
        && !target.is_empty()
        && !target.starts_with('/')
    {
        errors.invalid(&path.child("path"), target, "must start with a '/'");
    }
}
