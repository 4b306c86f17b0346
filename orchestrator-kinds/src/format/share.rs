//! Numbers that may be shares: `3` or `25%`.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::numbers::check_not_negative;
use crate::report::Report;

const PERCENT: &str = "a valid percent string must be a numeric string followed by an ending '%' \
    (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/// The number before the percent sign.
fn percent(value: &Json) -> Option<i64> {
    let digits = value.as_str()?.strip_suffix('%')?;
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// Whether the amount is nothing, as a number or as a share.
pub fn is_zero(value: &Json) -> bool {
    percent(value).or(value.as_i64()).unwrap_or_default() == 0
}

/// A count that is not negative, or a share, at `path`.
pub fn check_count_or_share(value: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    match value.as_str() {
        Some(text) if percent(value).is_none() => errors.invalid(path, text, PERCENT),
        Some(_) => {}
        None => check_not_negative(value.as_i64().unwrap_or_default(), path, errors),
    }
}

/// A share at `path` that is no more than the whole.
pub fn check_at_most_whole(value: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if percent(value).is_some_and(|percent| percent > 100) {
        errors.invalid(path, value, "must not be greater than 100%");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_share_is_digits_and_a_percent_sign() {
        for (value, wanted) in [
            (json!(0), 0),
            (json!(-1), 1),
            (json!("25%"), 0),
            (json!("x%"), 1),
            (json!("%"), 1),
            (json!("25"), 1),
            (json!("101%"), 1),
        ] {
            let mut errors = FieldErrors::new();
            check_count_or_share(&value, &Path::new("n"), &mut errors);
            check_at_most_whole(&value, &Path::new("n"), &mut errors);
            assert_eq!(errors.len(), wanted, "{value}");
        }
        assert!(is_zero(&json!("0%")) && is_zero(&json!(0)) && !is_zero(&json!("1%")));
    }
}
