//! How objects get from one version to another.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::names::dns1035_label;
use crate::kinds::admissionregistration::webhookconfiguration::check_client;
use crate::report::Report;

/// The versions of the question that a webhook may be asked.
const REVIEWS: [&str; 2] = ["v1", "v1beta1"];

/// Checks the conversion at `path`.
pub(super) fn check(conversion: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let webhook = conversion.sub("webhook");
    let client = path.child("webhookClientConfig");
    let reviews = path.child("conversionReviewVersions");
    match conversion.text("strategy") {
        "Webhook" => {
            match webhook.get_set("clientConfig") {
                None => errors.required(&client, "required when strategy is set to Webhook"),
                Some(config) => check_client(config, &client, errors),
            }
            check_reviews(webhook, &reviews, errors);
        }
        strategy => {
            if strategy.is_empty() {
                errors.required(&path.child("strategy"), "");
            } else if strategy != "None" {
                errors.unsupported(&path.child("strategy"), strategy, &["None", "Webhook"]);
            }
            let detail = "should not be set when strategy is not set to Webhook";
            if webhook.has("clientConfig") {
                errors.forbidden(&client, detail);
            }
            if !webhook.list("conversionReviewVersions").is_empty() {
                errors.forbidden(&reviews, detail);
            }
        }
    }
}

fn check_reviews(webhook: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let versions: Vec<&str> = webhook.texts("conversionReviewVersions").collect();
    if versions.is_empty() {
        errors.required(path, "");
        return;
    }
    for (i, version) in versions.iter().enumerate() {
        match versions[..i].contains(version) {
            true => errors.invalid(&path.index(i), *version, "duplicate version"),
            false => errors.faults(&path.index(i), version, dns1035_label(version)),
        }
    }
    if !versions.iter().any(|version| REVIEWS.contains(version)) {
        let detail = format!("must include at least one of {}", REVIEWS.join(", "));
        errors.invalid(path, webhook.sub("conversionReviewVersions"), detail);
    }
}
