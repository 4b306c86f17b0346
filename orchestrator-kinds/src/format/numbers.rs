//! The ranges of numbers: ports, ids, counts.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::names::too_long;
use crate::fields::Fields;
use crate::report::{Faults, Report};

/// The length of a port's name.
const PORT_NAME_MAX: usize = 15;

/// That a count is below zero.
pub const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
/// That an amount is zero or below.
pub const POSITIVE: &str = "must be greater than zero";

/// That a number is not between two others.
pub fn between(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// A number at `path` that must be at least 0.
pub fn check_not_negative(value: i64, path: &Path<'_>, errors: &mut FieldErrors) {
    if value < 0 {
        errors.invalid(path, value, NOT_NEGATIVE);
    }
}

/// The field `name` below `path`, which must be at least 0 where it is set.
pub fn check_count(parent: &Json, name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if let Some(value) = parent.int(name) {
        check_not_negative(value, &path.child(name), errors);
    }
}

/// A number at `path` that must be above 0.
pub fn check_positive(value: i64, path: &Path<'_>, errors: &mut FieldErrors) {
    if value <= 0 {
        errors.invalid(path, value, POSITIVE);
    }
}

/// A number at `path` between `low` and `high`.
pub fn check_between(value: i64, low: i64, high: i64, path: &Path<'_>, errors: &mut FieldErrors) {
    if value < low || value > high {
        errors.invalid(path, value, between(low, high));
    }
}

/// Whether a number is a port.
pub fn is_port(number: i64) -> bool {
    (1..=65535).contains(&number)
}

/// A port's number at `path`.
pub fn check_port(number: i64, path: &Path<'_>, errors: &mut FieldErrors) {
    check_between(number, 1, 65535, path, errors);
}

/// A port's name.
pub fn port_name(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > PORT_NAME_MAX {
        faults.push(too_long(PORT_NAME_MAX));
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || !text.bytes().all(allowed) {
        const FAULT: &str =
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
        faults.push(FAULT.into());
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".into());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".into());
    }
    faults
}

/// A port at `path`: its number or its name.
pub fn check_port_or_name(port: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match port.as_str() {
        Some(name) => errors.faults(path, name, port_name(name)),
        None => check_port(port.as_i64().unwrap_or_default(), path, errors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_name_is_short_and_has_a_letter() {
        for good in ["a", "http-2", "1a"] {
            assert!(port_name(good).is_empty(), "{good}");
        }
        for (bad, faults) in [("", 2), ("1", 1), ("A", 2), ("a--b", 1), ("-a", 1)] {
            assert_eq!(port_name(bad).len(), faults, "{bad}");
        }
    }

    #[test]
    fn a_port_is_between_1_and_65535() {
        let mut errors = FieldErrors::new();
        for port in [0, 1, 65535, 65536] {
            check_port(port, &Path::new("port"), &mut errors);
        }
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[0].message, "Invalid value: 0: must be between 1 and 65535, inclusive");
    }
}
