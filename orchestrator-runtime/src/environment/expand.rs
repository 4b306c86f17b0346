//! `$(NAME)` in values, commands and arguments.

/// The text with each `$(NAME)` replaced by what `value` gives; what it does not know stays as it
/// is, and `$$` is one `$`.
pub fn expand(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let reference = after.strip_prefix('(').and_then(|inner| inner.split_once(')'));
        rest = if let Some((name, tail)) = reference {
            match value(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("$({name})")),
            }
            tail
        } else if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            tail
        } else {
            out.push('$');
            after
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_and_dollars_escaped() {
        let cases = [
            ("$(A)", "a"),
            ("x$(A)y$(B)", "xayb"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$a"),
            ("$A", "$A"),
            ("$(A", "$(A"),
            ("$", "$"),
            ("a$", "a$"),
            ("$()", "$()"),
            ("ü$(A)ü", "üaü"),
        ];
        let value = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "B" => Some("b".to_owned()),
            _ => None,
        };
        for (text, expected) in cases {
            assert_eq!(expand(text, value), expected, "{text}");
        }
    }
}
