//! Handlers: what probes and lifecycle hooks do.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::numbers::{check_port, check_port_or_name};
use crate::report::Report;

const KINDS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];
const HEADER: &str = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. \
    'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";

/// Checks a handler, which does one thing; a pause is no longer than `grace_s`.
pub(super) fn check(handler: &Json, grace_s: i64, path: &Path<'_>, errors: &mut FieldErrors) {
    let mut known = false;
    for kind in KINDS {
        let Some(action) = handler.get_set(kind) else { continue };
        let at = path.child(kind);
        if known {
            errors.forbidden(&at, "may not specify more than 1 handler type");
            continue;
        }
        known = true;
        match kind {
            "exec" if action.list("command").is_empty() => {
                errors.required(&at.child("command"), "");
            }
            "exec" => {}
            "httpGet" => check_http(action, &at, errors),
            "tcpSocket" => check_port_or_name(action.sub("port"), &at.child("port"), errors),
            "grpc" => check_port(action.int("port").unwrap_or_default(), &at.child("port"), errors),
            _ => check_sleep(action.int("seconds").unwrap_or_default(), grace_s, &at, errors),
        }
    }
    if !known {
        errors.required(path, "must specify a handler type");
    }
}

fn check_http(action: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if action.text("path").is_empty() {
        errors.required(&path.child("path"), "");
    }
    check_port_or_name(action.sub("port"), &path.child("port"), errors);
    let scheme = action.text("scheme");
    if !matches!(scheme, "HTTP" | "HTTPS") {
        errors.unsupported(&path.child("scheme"), scheme, &["HTTP", "HTTPS"]);
    }
    for header in action.list("httpHeaders") {
        let name = header.text("name");
        let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.is_empty() || !name.bytes().all(right) {
            errors.invalid(&path.child("httpHeaders"), name, HEADER);
        }
    }
}

fn check_sleep(seconds: i64, grace_s: i64, path: &Path<'_>, errors: &mut FieldErrors) {
    if seconds < 0 || seconds > grace_s {
        let detail =
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace_s})");
        errors.invalid(path, seconds, detail);
    }
}
