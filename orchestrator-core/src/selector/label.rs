//! Label selectors: requirements on the labels of an object.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;

use super::{MAX_BYTES, name, syntax};
use crate::Json;
use crate::object::Map;

/// Why a text or an object is no label selector; worded as the API does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabelSelectorError(pub(super) String);

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// The label has one of the values.
    In,
    /// The label is missing or has none of the values.
    NotIn,
    /// The label has the value, written `=`.
    Equals,
    /// The label has the value, written `==`.
    DoubleEquals,
    /// The label is missing or has another value.
    NotEquals,
    /// The label is there.
    Exists,
    /// The label is missing.
    DoesNotExist,
    /// The label is a larger whole number.
    GreaterThan,
    /// The label is a smaller whole number.
    LessThan,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Requirement {
    key: Box<str>,
    operator: Operator,
    /// Sorted, without repetition.
    values: Box<[Box<str>]>,
    /// The value as a number, where the operator compares numbers.
    number: i64,
}

impl Requirement {
    /// A condition on the label `key`.
    ///
    /// # Errors
    /// The key or a value is no label, or the number of values does not fit the operator.
    pub fn new(
        key: &str,
        operator: Operator,
        values: impl IntoIterator<Item = impl Into<Box<str>>>,
    ) -> Result<Self, LabelSelectorError> {
        let mut values: Vec<Box<str>> = values.into_iter().map(Into::into).collect();
        values.sort_unstable();
        values.dedup();
        let mut errors: Vec<String> = check_key(key, "key").err().into_iter().collect();
        errors.extend(check_values(operator, &values));
        for (index, value) in values.iter().enumerate() {
            let wrong = name::label_value(value);
            if !wrong.is_empty() {
                let wrong = wrong.join("; ");
                errors.push(format!("values[{index}][{key}]: Invalid value: {value:?}: {wrong}"));
            }
        }
        match errors.as_slice() {
            [] => {}
            [error] => return Err(LabelSelectorError(error.clone())),
            errors => return Err(LabelSelectorError(format!("[{}]", errors.join(", ")))),
        }
        let number = values.first().and_then(|value| value.parse().ok()).unwrap_or_default();
        Ok(Self { key: key.into(), operator, values: values.into(), number })
    }

    /// The label.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How it is compared.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it is compared with, sorted.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(AsRef::as_ref)
    }

    fn has(&self, label: &str) -> bool {
        match &*self.values {
            [value] => &**value == label,
            values => values.binary_search_by(|value| (**value).cmp(label)).is_ok(),
        }
    }

    /// Whether a label of this value, or no label, satisfies the condition.
    pub fn matches(&self, label: Option<&str>) -> bool {
        let number = || label.and_then(|label| label.parse::<i64>().ok());
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => {
                label.is_some_and(|label| self.has(label))
            }
            Operator::NotIn | Operator::NotEquals => !label.is_some_and(|label| self.has(label)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => number().is_some_and(|number| number > self.number),
            Operator::LessThan => number().is_some_and(|number| number < self.number),
        }
    }
}

/// What is wrong with a label key; the path names it in the message.
pub(super) fn check_key(key: &str, path: &str) -> Result<(), String> {
    let wrong = name::qualified_name(key);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{path}: Invalid value: {key:?}: {}", wrong.join("; ")))
}

fn check_values(operator: Operator, values: &[Box<str>]) -> Option<String> {
    let list = || serde_json::to_string(values).unwrap_or_default();
    let wrong = match (operator, values) {
        (Operator::In | Operator::NotIn, []) => {
            "for 'in', 'notin' operators, values set can't be empty"
        }
        (Operator::Equals | Operator::DoubleEquals | Operator::NotEquals, [] | [_, _, ..]) => {
            "exact-match compatibility requires one single value"
        }
        (Operator::Exists | Operator::DoesNotExist, [_, ..]) => {
            "values set must be empty for exists and does not exist"
        }
        (Operator::GreaterThan | Operator::LessThan, [value]) => {
            let wrong = "for 'Gt', 'Lt' operators, the value must be an integer";
            return (value.parse::<i64>().is_err())
                .then(|| format!("values[0]: Invalid value: {value:?}: {wrong}"));
        }
        (Operator::GreaterThan | Operator::LessThan, _) => {
            "for 'Gt', 'Lt' operators, exactly one value is required"
        }
        _ => return None,
    };
    Some(format!("values: Invalid value: {}: {wrong}", list()))
}

/// Requirements on labels that must all hold.
///
/// # Examples
/// ```
/// use orchestrator_core::selector::LabelSelector;
/// let selector: LabelSelector = "app in (web, db), !old".parse()?;
/// assert!(selector.matches(&[("app".to_owned(), "web".to_owned())].into()));
/// assert_eq!(selector.to_string(), "app in (db,web),!old");
/// # Ok::<(), orchestrator_core::selector::LabelSelectorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelSelector {
    /// Sorted by key.
    requirements: Box<[Requirement]>,
    nothing: bool,
}

impl LabelSelector {
    /// The selector that every object matches.
    pub fn everything() -> Self {
        Self::default()
    }

    /// The selector that no object matches.
    pub fn nothing() -> Self {
        Self { nothing: true, ..Self::default() }
    }

    /// The selector of these requirements.
    pub fn new(requirements: impl IntoIterator<Item = Requirement>) -> Self {
        let mut requirements: Vec<_> = requirements.into_iter().collect();
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements: requirements.into(), nothing: false }
    }

    /// The selector of a `LabelSelector` object; `None` matches nothing, an empty one everything.
    ///
    /// # Errors
    /// A key, value or operator is invalid.
    pub fn from_api(selector: Option<&meta::LabelSelector>) -> Result<Self, LabelSelectorError> {
        let Some(selector) = selector else { return Ok(Self::nothing()) };
        let labels = selector.match_labels.iter().flatten();
        let expressions = selector.match_expressions.iter().flatten();
        labels
            .map(|(key, value)| Requirement::new(key, Operator::Equals, [value.as_str()]))
            .chain(expressions.map(|expression| {
                let values = expression.values.iter().flatten().map(String::as_str);
                Requirement::new(&expression.key, operator(&expression.operator)?, values)
            }))
            .collect::<Result<Vec<_>, _>>()
            .map(Self::new)
    }

    /// The selector of a `LabelSelector` object as JSON; see [`from_api`](Self::from_api).
    ///
    /// # Errors
    /// A key, value or operator is invalid, or a field has the wrong type.
    pub fn from_json(selector: Option<&Json>) -> Result<Self, LabelSelectorError> {
        let Some(selector) = selector.filter(|selector| !selector.is_null()) else {
            return Ok(Self::nothing());
        };
        let selector = <meta::LabelSelector as serde::Deserialize>::deserialize(selector)
            .map_err(|error| LabelSelectorError(error.to_string()))?;
        Self::from_api(Some(&selector))
    }

    /// The selector that asks for each of `labels`, as in `spec.selector` of a Service.
    ///
    /// # Errors
    /// A key or value is no label.
    pub fn from_labels<'a>(
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, LabelSelectorError> {
        let requirement = |(key, value)| Requirement::new(key, Operator::Equals, [value]);
        labels.into_iter().map(requirement).collect::<Result<Vec<_>, _>>().map(Self::new)
    }

    /// The requirements, sorted by key.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether every object matches.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty() && !self.nothing
    }

    /// Whether an object whose label `key` has the value `label(key)` matches.
    pub fn matches_with<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        !self.nothing && self.requirements.iter().all(|wanted| wanted.matches(label(&wanted.key)))
    }

    /// Whether an object with these labels matches.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.matches_with(|key| labels.get(key).map(String::as_str))
    }

    /// Whether an object with these labels, as JSON, matches.
    pub fn matches_json(&self, labels: Option<&Map>) -> bool {
        self.matches_with(|key| labels?.get(key)?.as_str())
    }
}

fn operator(name: &str) -> Result<Operator, LabelSelectorError> {
    Ok(match name {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => {
            let message = format!("{name:?} is not a valid label selector operator");
            return Err(LabelSelectorError(message));
        }
    })
}

impl FromStr for LabelSelector {
    type Err = LabelSelectorError;

    fn from_str(text: &str) -> Result<Self, LabelSelectorError> {
        if text.len() > MAX_BYTES {
            let message = format!("label selector is longer than {MAX_BYTES} bytes");
            return Err(LabelSelectorError(message));
        }
        syntax::parse(text).map(Self::new)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = || self.values.join(",");
        match self.operator {
            Operator::DoesNotExist => write!(f, "!{}", self.key),
            Operator::Exists => f.write_str(&self.key),
            Operator::In => write!(f, "{} in ({})", self.key, values()),
            Operator::NotIn => write!(f, "{} notin ({})", self.key, values()),
            Operator::Equals => write!(f, "{}={}", self.key, values()),
            Operator::DoubleEquals => write!(f, "{}=={}", self.key, values()),
            Operator::NotEquals => write!(f, "{}!={}", self.key, values()),
            Operator::GreaterThan => write!(f, "{}>{}", self.key, values()),
            Operator::LessThan => write!(f, "{}<{}", self.key, values()),
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
