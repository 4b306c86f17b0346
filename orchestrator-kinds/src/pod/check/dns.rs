//! How names resolve inside a pod.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::addresses::check_address;
use crate::format::names::dns_subdomain_with_underscore;
use crate::report::Report;

const SERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_CHARS_MAX: usize = 2048;

/// Checks the resolver of a pod.
pub(super) fn check(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let config = spec.sub("dnsConfig");
    if spec.text("dnsPolicy") == "None" {
        if config.is_null() {
            errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
            return;
        }
        if config.list("nameservers").is_empty() {
            const DETAIL: &str =
                "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.required(&path.child("nameservers"), DETAIL);
            return;
        }
    }
    if !config.is_null() {
        check_servers(config, &path.child("nameservers"), errors);
        check_searches(config, &path.child("searches"), errors);
        for (i, option) in config.list("options").iter().enumerate() {
            if option.text("name").is_empty() {
                errors.required(&path.child("options").index(i), "must not be empty");
            }
        }
    }
}

fn check_servers(config: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if config.list("nameservers").len() > SERVERS_MAX {
        let detail = format!("must not have more than {SERVERS_MAX} nameservers");
        errors.invalid(path, config.sub("nameservers"), detail);
    }
    for (i, server) in config.texts("nameservers").enumerate() {
        check_address(server, &path.index(i), errors);
    }
}

fn check_searches(config: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let searches = config.list("searches");
    if searches.len() > SEARCHES_MAX {
        let detail = format!("must not have more than {SEARCHES_MAX} search paths");
        errors.invalid(path, config.sub("searches"), detail);
    }
    // With a blank between each two.
    let chars = config.texts("searches").map(str::len).sum::<usize>() + searches.len();
    if chars > SEARCH_CHARS_MAX + 1 {
        let detail = format!(
            "must not have more than {SEARCH_CHARS_MAX} characters (including spaces) in the \
             search list"
        );
        errors.invalid(path, config.sub("searches"), detail);
    }
    for (i, search) in config.texts("searches").enumerate() {
        if search != "." {
            let name = search.strip_suffix('.').unwrap_or(search);
            errors.faults(&path.index(i), name, dns_subdomain_with_underscore(name));
        }
    }
}
