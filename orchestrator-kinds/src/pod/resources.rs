//! Names and amounts of resources, in pods and elsewhere.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Quantity};

use crate::format::labels::qualified_name;
use crate::format::numbers::NOT_NEGATIVE;
use crate::report::Report;

const HUGE_PAGES: &str = "hugepages-";

/// What containers use, and quotas count of them.
pub const COMPUTE: [&str; 9] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// What quotas count: it comes in whole numbers.
pub const COUNTED: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// What volumes take, and quotas count of them.
const STORAGE: [&str; 2] = ["storage", "requests.storage"];

/// Resources without a domain that a container may use.
const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Reads an amount; what cannot be read, and was refused when the body was decoded, is nothing.
pub fn amount(value: &Json) -> Quantity {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Whether the resource is memory in large pages.
pub fn is_huge_pages(name: &str) -> bool {
    name.starts_with(HUGE_PAGES)
}

/// Whether the resource is the cluster's own: it has no domain, or the cluster's.
pub fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Whether the resource is somebody else's, such as a device.
pub fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && qualified_name(&format!("requests.{name}")).is_empty()
}

/// Whether containers may request less of the resource than they are limited to.
pub fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_pages(name)
}

/// Whether the resource has no domain and may be named anywhere.
fn is_standard(name: &str) -> bool {
    [&COMPUTE[..], &COUNTED, &STORAGE].iter().any(|table| table.contains(&name))
}

/// Checks the name of a resource at `path`; `false` where it is not even well formed.
pub fn check_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) -> bool {
    let faults = qualified_name(name);
    if !faults.is_empty() {
        errors.faults(path, name, faults);
        return false;
    }
    let huge = is_huge_pages(name) || name.starts_with("requests.hugepages-");
    if !name.contains('/') && !huge && !is_standard(name) {
        errors.invalid(path, name, "must be a standard resource type or fully qualified");
    }
    true
}

/// Checks the name of a resource that a container uses.
pub fn check_container_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    // The two that nearly every container names.
    if OF_CONTAINERS.contains(&name) {
        return;
    }
    check_name(name, path, errors);
    if !name.contains('/') {
        if !is_huge_pages(name) {
            errors.invalid(path, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.invalid(path, name, "doesn't follow extended resource name standard");
    }
}

/// Checks an amount at `path`: not negative, and whole where the resource comes in pieces.
pub fn check_amount(name: &str, value: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let amount = amount(value);
    if amount.signum() < 0 {
        errors.invalid(path, value, NOT_NEGATIVE);
    }
    if (COUNTED.contains(&name) || (name.contains('/') && is_extended(name)))
        && amount.milli_value() % 1000 != 0
    {
        errors.invalid(path, value, "must be an integer");
    }
}

/// Checks that an amount of memory in large pages is a multiple of the page.
pub fn check_huge_pages(name: &str, value: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let page = name.strip_prefix(HUGE_PAGES).and_then(|size| size.parse::<Quantity>().ok());
    let whole = page.is_some_and(|page| {
        page.signum() > 0 && amount(value).nano_value() % page.nano_value() == 0
    });
    if !whole {
        let shown = value.as_str().unwrap_or_default();
        errors.invalid(path, value, format!("{shown} is not positive integer multiple of {name}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_uses_standard_resources_or_those_of_a_domain() {
        for (name, wanted) in [
            ("cpu", 0),
            ("hugepages-2Mi", 0),
            ("example.com/gpu", 0),
            ("kubernetes.io/x", 0),
            ("pods", 1),
            ("foo", 2),
            ("a b", 2),
        ] {
            let mut errors = FieldErrors::new();
            check_container_name(name, &Path::ROOT, &mut errors);
            assert_eq!(errors.len(), wanted, "{name}: {errors:?}");
        }
    }

    #[test]
    fn amounts_are_not_negative_and_pieces_are_whole() {
        for (name, amount, wanted) in [
            ("cpu", "500m", 0),
            ("cpu", "-1", 1),
            ("example.com/gpu", "500m", 1),
            ("pods", "1500m", 1),
        ] {
            let mut errors = FieldErrors::new();
            check_amount(name, &json!(amount), &Path::ROOT, &mut errors);
            assert_eq!(errors.len(), wanted, "{name} {amount}");
        }
        let mut errors = FieldErrors::new();
        check_huge_pages("hugepages-2Mi", &json!("3Mi"), &Path::ROOT, &mut errors);
        check_huge_pages("hugepages-2Mi", &json!("4Mi"), &Path::ROOT, &mut errors);
        assert_eq!(errors.len(), 1);
    }
}
