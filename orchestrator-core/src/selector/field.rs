//! Field selectors: `metadata.name=a,status.phase!=Running`.

use std::fmt;
use std::str::FromStr;

use super::MAX_BYTES;

/// Why a text is no field selector; worded as the API does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldSelectorError {
    /// A term has no operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The whole selector.
        selector: String,
        /// The term.
        term: String,
    },
    /// A backslash stands before a letter that needs none.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A comma or an equals sign stands in a value without a backslash.
    #[error("invalid field selector: unescaped character in value: {}", u32::from(*.0))]
    Unescaped(char),
    /// The selector is too long.
    #[error("field selector is longer than {MAX_BYTES} bytes")]
    Long,
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldRequirement {
    /// The path of the field, such as `spec.nodeName`.
    pub field: Box<str>,
    /// The value that it must have, or must not have.
    pub value: Box<str>,
    /// Whether it must have the value.
    pub equals: bool,
}

impl FieldRequirement {
    /// Whether a field of this value satisfies the condition; a missing field is empty.
    pub fn matches(&self, value: &str) -> bool {
        (*self.value == *value) == self.equals
    }
}

/// Requirements on fields that must all hold.
///
/// # Examples
/// ```
/// use orchestrator_core::selector::FieldSelector;
/// let selector: FieldSelector = "spec.nodeName=n1,status.phase!=Failed".parse()?;
/// assert!(selector.matches(|field| if field == "spec.nodeName" { "n1" } else { "" }));
/// # Ok::<(), orchestrator_core::selector::FieldSelectorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector {
    requirements: Box<[FieldRequirement]>,
}

impl FieldSelector {
    /// The selector that every object matches.
    pub fn everything() -> Self {
        Self::default()
    }

    /// The selector of these requirements.
    pub fn new(requirements: impl IntoIterator<Item = FieldRequirement>) -> Self {
        Self { requirements: requirements.into_iter().collect() }
    }

    /// The selector for the one object of this name.
    pub fn name(name: &str) -> Self {
        Self::equal("metadata.name", name)
    }

    /// The selector that asks for a field to have a value.
    pub fn equal(field: &str, value: &str) -> Self {
        Self::new([FieldRequirement { field: field.into(), value: value.into(), equals: true }])
    }

    /// The requirements.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// Whether every object matches.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The value that `field` must have, where the selector asks for one.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        let wanted =
            self.requirements.iter().find(|wanted| wanted.equals && *wanted.field == *field);
        wanted.map(|wanted| &*wanted.value)
    }

    /// Whether an object whose field `f` has the value `get(f)` matches; a missing one is empty.
    pub fn matches<T: AsRef<str>>(&self, get: impl Fn(&str) -> T) -> bool {
        self.requirements.iter().all(|wanted| wanted.matches(get(&wanted.field).as_ref()))
    }
}

impl FromStr for FieldSelector {
    type Err = FieldSelectorError;

    fn from_str(text: &str) -> Result<Self, FieldSelectorError> {
        if text.len() > MAX_BYTES {
            return Err(FieldSelectorError::Long);
        }
        let requirements =
            split_terms(text).into_iter().filter(|term| !term.is_empty()).map(|term| {
                let (field, equals, value) = split_term(term).ok_or_else(|| {
                    FieldSelectorError::Term { selector: text.into(), term: term.into() }
                })?;
                Ok(FieldRequirement { field: field.into(), value: unescape(value)?.into(), equals })
            });
        let mut requirements = requirements.collect::<Result<Vec<_>, _>>()?;
        requirements.sort_unstable();
        Ok(Self { requirements: requirements.into() })
    }
}

/// Splits at commas that no backslash precedes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|letter| {
        let splits = letter == ',' && !escaped;
        escaped = letter == '\\' && !escaped;
        splits
    })
    .collect()
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    // A lone `!` belongs to the field's name.
    let is_operator = |place: &usize| {
        let rest = &term[*place..];
        rest.starts_with('=') || rest.starts_with("!=")
    };
    let place = term.char_indices().map(|(place, _)| place).find(is_operator)?;
    let (field, rest) = term.split_at(place);
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((field, false, value));
    }
    Some((field, true, rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?))
}

fn unescape(value: &str) -> Result<String, FieldSelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                Some(other) => return Err(FieldSelectorError::Escape(format!("\\{other}"))),
                None => return Err(FieldSelectorError::Escape("\\".into())),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(letter)),
            _ => plain.push(letter),
        }
    }
    Ok(plain)
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, wanted) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if wanted.equals { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}", wanted.field)?;
            for letter in wanted.value.chars() {
                if matches!(letter, '\\' | ',' | '=') {
                    f.write_str("\\")?;
                }
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        text.parse::<FieldSelector>()
            .map(|selector| selector.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn terms_are_sorted_and_printed_in_one_form() {
        for (text, wanted) in [
            ("", ""),
            (",a=b,,", "a=b"),
            ("b==1,a!=2", "a!=2,b=1"),
            (r"a=x\,y\=z\\", r"a=x\,y\=z\\"),
            ("a!b=c", "a!b=c"),
            ("a=!b", "a=!b"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(wanted), "{text:?}");
        }
    }

    #[test]
    fn malformed_selectors_are_refused_in_the_servers_words() {
        for (text, wanted) in [
            ("a", "invalid selector: 'a'; can't understand 'a'"),
            ("a=b,c d", "invalid selector: 'a=b,c d'; can't understand 'c d'"),
            (r"a=\b", r"invalid field selector: invalid escape sequence: \b"),
            ("a=b=c", "invalid field selector: unescaped character in value: 61"),
            ("a=b\\", r"invalid field selector: invalid escape sequence: \"),
        ] {
            assert_eq!(parse(text), Err(wanted.into()), "{text:?}");
        }
        assert!(parse(&"a=b,".repeat(MAX_BYTES)).is_err());
    }

    #[test]
    fn a_missing_field_is_the_empty_text() {
        let selector: FieldSelector = "spec.nodeName=,status.phase!=Failed".parse().unwrap();
        assert!(selector.matches(|_| ""));
        assert!(!selector.matches(|_| "Failed"));
        assert_eq!(selector.required_value("spec.nodeName"), Some(""));
        assert_eq!(selector.required_value("status.phase"), None);
        assert!(FieldSelector::name("a").matches(|_| "a"));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_and_prints_stably(text in r"[ab=!,\\.é]{0,20}") {
            if let Ok(selector) = text.parse::<FieldSelector>() {
                let printed = selector.to_string();
                let again: FieldSelector = printed.parse().unwrap();
                prop_assert_eq!(again.to_string(), printed);
            }
        }
    }
}
