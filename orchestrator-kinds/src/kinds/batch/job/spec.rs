//! The spec of a job, which cron jobs carry too.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::failure_policy;
use crate::fields::Fields;
use crate::format::names::{LABEL_MAX, dns_subdomain};
use crate::format::numbers::check_count;
use crate::pod::check::check_option;
use crate::pod::template;
use crate::report::{Report, Verbatim};

/// How many pods of an indexed job may run at once.
const PARALLEL_MAX: i64 = 100_000;

/// Checks all of a spec at `path` but its selector.
pub fn check(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for name in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        check_count(spec, name, path, errors);
    }
    if spec.has("maxFailedIndexes") && !spec.has("backoffLimitPerIndex") {
        let detail = "when maxFailedIndexes is specified";
        errors.required(&path.child("backoffLimitPerIndex"), detail);
    }
    if let Some(manager) = spec.sub("managedBy").as_str() {
        check_manager(manager, &path.child("managedBy"), errors);
    }
    check_mode(spec, path, errors);
    if let Some(policy) = spec.get_set("podFailurePolicy") {
        failure_policy::check(policy, spec, &path.child("podFailurePolicy"), errors);
    }
    if let Some(policy) = spec.get_set("successPolicy") {
        check_success_policy(policy, spec, &path.child("successPolicy"), errors);
    }
    let replacement: &[&str] = match spec.has("podFailurePolicy") {
        true => &["Failed"],
        false => &["Failed", "TerminatingOrFailed"],
    };
    check_option(spec, "podReplacementPolicy", replacement, path, errors);
    let at = path.child("template");
    template::check(spec.sub("template"), &at, errors);
    check_restart(spec, &at, errors);
}

/// Checks that a text is a domain and a path in it.
pub fn check_domain_path(text: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    let Some((domain, rest)) = text.split_once('/').filter(|(d, r)| !d.is_empty() && !r.is_empty())
    else {
        const DETAIL: &str = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.invalid(path, text, DETAIL);
        return;
    };
    errors.faults(path, domain, dns_subdomain(domain));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:".contains(c);
    if !rest.chars().all(allowed) {
        const DETAIL: &str = "Invalid path (regex used for validation is \
            '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')";
        errors.invalid(path, rest, DETAIL);
    }
}

fn check_manager(manager: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    check_domain_path(manager, path, errors);
    if manager.len() > LABEL_MAX {
        errors.too_long(path, LABEL_MAX);
    }
}

fn check_mode(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let mode = spec.sub("completionMode").as_str();
    match mode {
        Some("Indexed") => {
            if !spec.has("completions") {
                let detail = "when completion mode is Indexed";
                errors.required(&path.child("completions"), detail);
            }
            if let Some(count) = spec.int("parallelism").filter(|count| *count > PARALLEL_MAX) {
                let detail = format!(
                    "must be less than or equal to {PARALLEL_MAX} when completion mode is Indexed"
                );
                errors.invalid(&path.child("parallelism"), count, detail);
            }
        }
        None | Some("NonIndexed") => {
            for name in ["backoffLimitPerIndex", "maxFailedIndexes"] {
                if let Some(count) = spec.int(name) {
                    errors.invalid(&path.child(name), count, "requires indexed completion mode");
                }
            }
        }
        Some(other) => {
            let path = path.child("completionMode");
            errors.unsupported(&path, other, &["NonIndexed", "Indexed"]);
        }
    }
}

fn check_success_policy(policy: &Json, spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (rules, at) = (policy.list("rules"), path.child("rules"));
    if spec.text("completionMode") != "Indexed" {
        let shown: Vec<_> = rules
            .iter()
            .map(|rule| {
                format!(
                    "{{\"SucceededIndexes\":{},\"SucceededCount\":{}}}",
                    rule.sub("succeededIndexes"),
                    rule.sub("succeededCount")
                )
            })
            .collect();
        let shown = Verbatim(format!("{{\"Rules\":[{}]}}", shown.join(",")));
        errors.invalid(path, shown, "requires indexed completion mode");
        return;
    }
    if rules.is_empty() {
        errors.required(
            &at,
            "at least one rules must be specified when the successPolicy is specified",
        );
    }
    if rules.len() > 20 {
        errors.too_many(&at, rules.len(), 20);
    }
    for (i, rule) in rules.iter().enumerate() {
        let path = at.index(i);
        if !rule.has("succeededCount") && !rule.has("succeededIndexes") {
            let detail = "at least one of succeededCount or succeededIndexes must be specified";
            errors.required(&path, detail);
        }
        check_count(rule, "succeededCount", &path, errors);
        let (count, all) = (rule.int("succeededCount"), spec.int("completions"));
        if let (Some(count), Some(all)) = (count, all)
            && count > all
        {
            let detail = format!(
                "must be less than or equal to {all} (the number of specified completions)"
            );
            errors.invalid(&path.child("succeededCount"), count, detail);
        }
    }
}

/// Pods that end are not started again as if they had not.
fn check_restart(spec: &Json, template: &Path<'_>, errors: &mut FieldErrors) {
    let path = template.child("spec");
    let path = path.child("restartPolicy");
    match spec.sub("template").sub("spec").text("restartPolicy") {
        "" | "Always" => errors.required(&path, "valid values: \"OnFailure\", \"Never\""),
        "Never" => {}
        policy @ "OnFailure" => {
            if spec.has("podFailurePolicy") {
                let detail = "only \"Never\" is supported when podFailurePolicy is specified";
                errors.invalid(&path, policy, detail);
            }
        }
        other => errors.unsupported(&path, other, &["OnFailure", "Never"]),
    }
}
