//! The forms of file paths inside volumes.

use orchestrator_core::field::{FieldErrors, Path};

use crate::report::Report;

/// A path that does not climb: no part of it is `..`.
pub fn check_no_climb(text: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if text.split('/').any(|part| part == "..") {
        errors.invalid(path, text, "must not contain '..'");
    }
}

/// A relative path that stays below where it starts.
pub fn check_descending(text: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if text.starts_with('/') {
        errors.invalid(path, text, "must be a relative path");
    }
    check_no_climb(text, path, errors);
}

/// A relative path that stays below where it starts and does not take a reserved name.
pub fn check_descending_unreserved(text: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    check_descending(text, path, errors);
    if text.starts_with("..") && !text.starts_with("../") {
        errors.invalid(path, text, "must not start with '..'");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_a_volume_stays_there() {
        for (text, wanted) in [("a/b", 0), ("a..b", 0), ("/a", 1), ("a/../b", 1), ("..a", 1)] {
            let mut errors = FieldErrors::new();
            check_descending_unreserved(text, &Path::new("path"), &mut errors);
            assert_eq!(errors.len(), wanted, "{text}");
        }
    }
}
