//! A rule as the messages about it show it.

use std::fmt::{self, Display};

use super::Rule;

/// A text as Go's encoder of JSON writes it.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self.0).map_err(|_| fmt::Error)?;
        for letter in text.chars() {
            match letter {
                // Harmless inside of HTML, as Go thinks right.
                '<' | '>' | '&' => write!(f, "\\u{:04x}", u32::from(letter))?,
                letter => write!(f, "{letter}")?,
            }
        }
        Ok(())
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"Rule\":{},\"Message\":{},", Quoted(&self.rule), Quoted(&self.message))?;
        write!(f, "\"MessageExpression\":{},", Quoted(&self.message_expression))?;
        match &self.reason {
            Some(reason) => write!(f, "\"Reason\":{},", Quoted(reason))?,
            None => f.write_str("\"Reason\":null,")?,
        }
        write!(f, "\"FieldPath\":{},", Quoted(&self.field_path))?;
        match self.optional_old_self {
            Some(set) => write!(f, "\"OptionalOldSelf\":{set}}}"),
            None => f.write_str("\"OptionalOldSelf\":null}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_shown_with_all_its_fields() {
        let rule = Rule { rule: "self.a > 1".into(), ..Rule::default() };
        assert_eq!(
            rule.to_string(),
            r#"{"Rule":"self.a \u003e 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}"#
        );
    }
}
