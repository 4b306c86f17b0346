//! The `resourceVersion` of a request.

use orchestrator_core::{Revision, Status};

/// Reads a `resourceVersion`; empty and `0` are [`Revision::ZERO`].
///
/// # Errors
/// 500, as the field has always been answered: the text is no number.
pub(crate) fn parse(text: &str) -> Result<Revision, Status> {
    if text.is_empty() {
        return Ok(Revision::ZERO);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits => Ok(Revision::new(number)),
        _ => {
            let why = if digits { "value out of range" } else { "invalid syntax" };
            let message = format!(
                "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}"
            );
            Err(Status::new(500, "", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number_or_nothing() {
        assert_eq!(parse("").unwrap(), Revision::ZERO);
        assert_eq!(parse("12").unwrap(), Revision::new(12));
        let refused = |text| parse(text).unwrap_err().message;
        let abc = "resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": \
                   invalid syntax";
        assert_eq!(refused("abc"), abc);
        assert!(refused("99999999999999999999").ends_with("value out of range"));
        assert!(refused("+1").ends_with("invalid syntax"));
    }
}
