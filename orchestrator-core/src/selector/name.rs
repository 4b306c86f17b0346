//! The rules for label keys and values, in the words of the API.

const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
    regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const NAME_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

/// What is wrong with a label or annotation key, such as `example.com/name`; empty if nothing.
pub fn qualified_name(key: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let mut parts = key.split('/');
    let name = match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => name,
        (Some(prefix), Some(name), None) => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".into());
            } else {
                errors.extend(dns_subdomain(prefix).map(|error| format!("prefix part {error}")));
            }
            name
        }
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".into());
    } else if name.len() > NAME_MAX {
        errors.push(format!("name part must be no more than {NAME_MAX} bytes"));
    }
    if !is_qualified(name) {
        errors.push(format!("name part {QUALIFIED}"));
    }
    errors
}

/// What is wrong with a label value; empty if nothing.
pub fn label_value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > NAME_MAX {
        errors.push(format!("must be no more than {NAME_MAX} bytes"));
    }
    if !value.is_empty() && !is_qualified(value) {
        errors.push(VALUE.into());
    }
    errors
}

/// What is wrong with a DNS subdomain.
fn dns_subdomain(name: &str) -> impl Iterator<Item = String> {
    let long = (name.len() > SUBDOMAIN_MAX)
        .then(|| format!("must be no more than {SUBDOMAIN_MAX} characters"));
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.first().is_some_and(|byte| lower(*byte))
            && bytes.last().is_some_and(|byte| lower(*byte))
            && bytes.iter().all(|byte| lower(*byte) || *byte == b'-')
    };
    let shape = (!name.split('.').all(is_label)).then(|| SUBDOMAIN.to_owned());
    long.into_iter().chain(shape)
}

fn is_qualified(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_a_name_and_perhaps_a_domain() {
        for good in ["a", "A-b_c.d9", "example.com/a", "x.y-z/Name", &"a".repeat(63)] {
            assert!(qualified_name(good).is_empty(), "{good:?}");
        }
        let long = "a".repeat(64);
        for (bad, wanted) in [
            ("", "name part must be non-empty"),
            ("-a", "name part must consist of"),
            ("a b", "name part must consist of"),
            ("/a", "prefix part must be non-empty"),
            ("Ex.com/a", "prefix part a lowercase RFC 1123 subdomain"),
            ("a..b/c", "prefix part a lowercase RFC 1123 subdomain"),
            ("a/b/c", "a qualified name must consist of"),
            (&long, "name part must be no more than 63 bytes"),
        ] {
            let errors = qualified_name(bad);
            assert!(errors[0].starts_with(wanted), "{bad:?}: {errors:?}");
        }
    }

    #[test]
    fn values_may_be_empty() {
        for good in ["", "a", "a_b", &"9".repeat(63)] {
            assert!(label_value(good).is_empty(), "{good:?}");
        }
        assert!(label_value("a b")[0].starts_with("a valid label must be an empty string"));
        assert_eq!(label_value(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }
}
