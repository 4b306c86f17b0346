//! The forms of names: DNS labels and subdomains, path segments, environment variables.

use std::borrow::Cow;

use crate::report::Faults;

/// The length of a DNS label.
pub const LABEL_MAX: usize = 63;
/// The length of a DNS name.
pub const SUBDOMAIN_MAX: usize = 253;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
    or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
    regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const SUBDOMAIN_UNDERSCORE: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
    alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric \
    character (e.g. 'example.com', regex used for validation is \
    '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or \
    '-', start with an alphabetic character, and end with an alphanumeric character (e.g. \
    'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS \
    subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with \
    an alphanumeric character (e.g. '*.example.com', regex used for validation is \
    '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or \
    '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
    '[-._a-zA-Z0-9]+')";
const ENV_VAR: &str = "a valid environment variable name must consist only of printable ASCII characters other than \
     '='";

/// The form of an object's name, or of a prefix that a suffix will be added to.
pub type NameRule = fn(&str) -> Faults;

/// That a text is longer than `max`.
pub fn too_long(max: usize) -> Cow<'static, str> {
    format!("must be no more than {max} characters").into()
}

fn lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// Whether `text` is made of lower case letters, digits and, inside, the bytes of `inner`.
fn is_part(text: &str, inner: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    lower_or_digit(*first)
        && lower_or_digit(*last)
        && bytes.iter().all(|byte| lower_or_digit(*byte) || inner.contains(byte))
}

fn is_subdomain_of_any_length(text: &str) -> bool {
    text.split('.').all(|part| is_part(part, b"-"))
}

/// Whether `text` is a DNS name in lower case.
pub fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN_MAX && is_subdomain_of_any_length(text)
}

/// Whether `text` is a DNS label in lower case.
pub fn is_dns_label(text: &str) -> bool {
    text.len() <= LABEL_MAX && is_part(text, b"-")
}

/// A DNS label: `my-name`.
pub fn dns_label(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > LABEL_MAX {
        faults.push(too_long(LABEL_MAX));
    }
    if !is_part(text, b"-") {
        let dots = is_subdomain_of_any_length(text);
        faults.push(if dots { "must not contain dots" } else { LABEL }.into());
    }
    faults
}

/// A DNS name: `my.name`.
pub fn dns_subdomain(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > SUBDOMAIN_MAX {
        faults.push(too_long(SUBDOMAIN_MAX));
    }
    if !is_subdomain_of_any_length(text) {
        faults.push(SUBDOMAIN.into());
    }
    faults
}

/// A DNS name whose parts may hold and begin with underscores.
pub fn dns_subdomain_with_underscore(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > SUBDOMAIN_MAX {
        faults.push(too_long(SUBDOMAIN_MAX));
    }
    if !text.split('.').all(|part| is_part(part.strip_prefix('_').unwrap_or(part), b"-_")) {
        faults.push(SUBDOMAIN_UNDERSCORE.into());
    }
    faults
}

/// A DNS label that begins with a letter.
pub fn dns1035_label(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > LABEL_MAX {
        faults.push(too_long(LABEL_MAX));
    }
    if !is_part(text, b"-") || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        faults.push(LABEL_1035.into());
    }
    faults
}

/// `*.` and a DNS name.
pub fn wildcard_subdomain(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > SUBDOMAIN_MAX {
        faults.push(too_long(SUBDOMAIN_MAX));
    }
    if !text.strip_prefix("*.").is_some_and(is_subdomain_of_any_length) {
        faults.push(WILDCARD.into());
    }
    faults
}

/// A DNS name with at least three parts.
pub fn full_domain(text: &str) -> Faults {
    if text.is_empty() {
        return vec![Cow::Borrowed("")];
    }
    let faults = dns_subdomain(text);
    if faults.is_empty() && text.split('.').count() < 3 {
        return vec!["should be a domain with at least three segments separated by dots".into()];
    }
    faults
}

/// What one part of a URL path may be.
pub fn path_segment(text: &str) -> Faults {
    match text {
        "." => return vec!["may not be '.'".into()],
        ".." => return vec!["may not be '..'".into()],
        _ => {}
    }
    let mut faults = Faults::new();
    if text.contains('/') {
        faults.push("may not contain '/'".into());
    }
    if text.contains('%') {
        faults.push("may not contain '%'".into());
    }
    faults
}

/// A key of a config map or secret.
pub fn config_key(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > SUBDOMAIN_MAX {
        faults.push(too_long(SUBDOMAIN_MAX));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || !text.bytes().all(allowed) {
        faults.push(CONFIG_KEY.into());
    }
    match text {
        "." => faults.push("must not be '.'".into()),
        ".." => faults.push("must not be '..'".into()),
        _ if text.starts_with("..") => faults.push("must not start with '..'".into()),
        _ => {}
    }
    faults
}

/// The name of an environment variable.
pub fn env_var(text: &str) -> Faults {
    let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
    if text.is_empty() || !text.bytes().all(printable) { vec![ENV_VAR.into()] } else { vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_takes_what_it_should() {
        let long = "a".repeat(64);
        let cases: [(NameRule, &[&str], &[&str]); 7] = [
            (dns_label, &["a", "a-1", "1a"], &["", "A", "a_b", "-a", "a-", "a.b", &long]),
            (dns_subdomain, &["a", "a.b-c.1", &long], &["", "a..b", ".a", "A", "a_b"]),
            (dns1035_label, &["a", "a-1"], &["", "1a", "a.b"]),
            (wildcard_subdomain, &["*.a", "*.a.b"], &["*", "a.b", "*.", "*.*.a"]),
            (path_segment, &["a b", "A:b", ""], &[".", "..", "a/b", "a%b"]),
            (config_key, &["a", "a.B_c-", "a.."], &["", ".", "..", "..a", "a b"]),
            (env_var, &["A", "a b", "a.b"], &["", "a=b", "ä"]),
        ];
        for (rule, good, bad) in cases {
            good.iter().for_each(|text| assert!(rule(text).is_empty(), "{text}"));
            bad.iter().for_each(|text| assert!(!rule(text).is_empty(), "{text}"));
        }
    }

    #[test]
    fn a_name_that_is_too_long_and_wrong_has_two_faults() {
        assert_eq!(dns_label(&"A".repeat(64)).len(), 2);
        assert_eq!(dns_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
        assert_eq!(dns_label("a.b"), ["must not contain dots"]);
    }

    #[test]
    fn a_search_domain_may_have_underscores() {
        assert!(dns_subdomain_with_underscore("_a._b_c.d").is_empty());
        assert!(!dns_subdomain_with_underscore("a b").is_empty());
    }
}
