//! The forms of labels: qualified names as keys, short texts as values.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;

use super::names::{LABEL_MAX, dns_subdomain};
use crate::fields::Fields;
use crate::report::{Faults, Report};

macro_rules! name_part {
    () => {
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    };
}

const NAME_PART: &str = concat!("name part ", name_part!());
const MANY_PARTS: &str = concat!(
    "a qualified name ",
    name_part!(),
    " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
);
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, \
    '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
    'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// A name with an optional DNS name before it: `name` or `example.com/name`.
pub fn qualified_name(text: &str) -> Faults {
    let mut faults = Faults::new();
    let (prefix, name) = match text.split_once('/') {
        None => (None, text),
        Some((_, rest)) if rest.contains('/') => return vec![MANY_PARTS.into()],
        Some((prefix, name)) => (Some(prefix), name),
    };
    match prefix {
        None => {}
        Some("") => faults.push("prefix part must be non-empty".into()),
        Some(prefix) => {
            let prefixed = |fault| format!("prefix part {fault}").into();
            faults.extend(dns_subdomain(prefix).into_iter().map(prefixed));
        }
    }
    if name.is_empty() {
        faults.push("name part must be non-empty".into());
    } else if name.len() > LABEL_MAX {
        faults.push(format!("name part must be no more than {LABEL_MAX} bytes").into());
    }
    if !is_name(name) {
        faults.push(NAME_PART.into());
    }
    faults
}

/// The value of a label.
pub fn label_value(text: &str) -> Faults {
    let mut faults = Faults::new();
    if text.len() > LABEL_MAX {
        faults.push(format!("must be no more than {LABEL_MAX} bytes").into());
    }
    if !text.is_empty() && !is_name(text) {
        faults.push(VALUE.into());
    }
    faults
}

/// The key of a label at `path`.
pub fn check_label_name(text: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    errors.faults(path, text, qualified_name(text));
}

/// All labels at `path`.
pub fn check_labels(labels: Option<&Map>, path: &Path<'_>, errors: &mut FieldErrors) {
    for (key, value) in labels.into_iter().flatten() {
        check_label_name(key, path, errors);
        let value = value.as_str().unwrap_or_default();
        errors.faults(path, value, label_value(value));
    }
}

const OPERATOR_VALUES_NEEDED: &str = "must be specified when `operator` is 'In' or 'NotIn'";
const OPERATOR_VALUES_FORBIDDEN: &str =
    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";

/// A label selector at `path`; null is right.
pub fn check_selector(selector: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_labels(selector.map("matchLabels"), &path.child("matchLabels"), errors);
    let expressions = path.child("matchExpressions");
    for (i, expression) in selector.list("matchExpressions").iter().enumerate() {
        check_requirement(expression, &expressions.index(i), errors);
    }
}

fn check_requirement(expression: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let values = expression.list("values");
    match expression.text("operator") {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&path.child("values"), OPERATOR_VALUES_NEEDED);
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&path.child("values"), OPERATOR_VALUES_FORBIDDEN);
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    check_label_name(expression.text("key"), &path.child("key"), errors);
    for (i, value) in expression.texts("values").enumerate() {
        errors.faults(&path.child("values").index(i), value, label_value(value));
    }
}

/// Whether a selector names no label at all.
pub fn selects_everything(selector: &Json) -> bool {
    selector.map("matchLabels").is_none_or(Map::is_empty)
        && selector.list("matchExpressions").is_empty()
}

/// Whether a label selector, which has been checked, selects `labels`; `None` where one of its
/// operators is unknown.
pub fn selects(selector: &Json, labels: Option<&Map>) -> Option<bool> {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Json::as_str);
    let mut all = selector.entries("matchLabels").all(|(key, value)| label(key) == value.as_str());
    for expression in selector.list("matchExpressions") {
        let actual = label(expression.text("key"));
        let listed = |value: &str| expression.texts("values").any(|one| one == value);
        all &= match expression.text("operator") {
            "In" => actual.is_some_and(listed),
            "NotIn" => !actual.is_some_and(listed),
            "Exists" => actual.is_some(),
            "DoesNotExist" => actual.is_none(),
            _ => return None,
        };
    }
    Some(all)
}

/// A label selector as messages show it: its fields in the order of their declaration.
pub fn shown_selector(selector: &Json) -> String {
    if selector.is_null() {
        return "null".into();
    }
    let mut parts = Vec::new();
    if let Some(labels) = selector.get_set("matchLabels") {
        parts.push(format!("\"matchLabels\":{labels}"));
    }
    let expressions = selector.list("matchExpressions").iter().map(|expression| {
        let mut fields = vec![
            format!("\"key\":{}", expression.sub("key")),
            format!("\"operator\":{}", expression.sub("operator")),
        ];
        if let Some(values) = expression.get_set("values") {
            fields.push(format!("\"values\":{values}"));
        }
        format!("{{{}}}", fields.join(","))
    });
    let expressions: Vec<_> = expressions.collect();
    if !expressions.is_empty() {
        parts.push(format!("\"matchExpressions\":[{}]", expressions.join(",")));
    }
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_qualified_name_may_have_one_prefix() {
        for good in ["a", "A_b.c", "example.com/a", "a/B"] {
            assert!(qualified_name(good).is_empty(), "{good}");
        }
        for (bad, faults) in [("", 2), ("/a", 1), ("a/", 2), ("a/b/c", 1), ("A/b", 1), ("-a", 1)] {
            assert_eq!(qualified_name(bad).len(), faults, "{bad}");
        }
        assert!(label_value("").is_empty() && !label_value("a b").is_empty());
    }

    #[test]
    fn a_selector_selects_labels() {
        let labels = json!({"a": "b"});
        let selects = |selector: Json| super::selects(&selector, labels.as_object());
        assert_eq!(selects(json!({"matchLabels": {"a": "b"}})), Some(true));
        assert_eq!(selects(json!({"matchLabels": {"a": "c"}})), Some(false));
        let expression = |operator: &str| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": ["b"]}]});
        for (operator, wanted) in [
            ("In", Some(true)),
            ("NotIn", Some(false)),
            ("Exists", Some(true)),
            ("DoesNotExist", Some(false)),
            ("X", None),
        ] {
            assert_eq!(selects(expression(operator)), wanted, "{operator}");
        }
    }

    #[test]
    fn the_operator_of_a_selector_says_whether_values_are_needed() {
        let check = |expression: Json| {
            let mut errors = FieldErrors::new();
            let selector = json!({ "matchExpressions": [expression] });
            check_selector(&selector, &Path::new("s"), &mut errors);
            errors.iter().map(|error| error.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(check(json!({"key": "a", "operator": "In"})), ["s.matchExpressions[0].values"]);
        assert_eq!(
            check(json!({"key": "a", "operator": "Exists", "values": ["b"]})),
            ["s.matchExpressions[0].values"]
        );
        assert!(check(json!({"key": "a", "operator": "Exists"})).is_empty());
        let shown = shown_selector(&json!({
            "matchExpressions": [{"key": "a", "operator": "X"}], "matchLabels": {"b": "c"},
        }));
        assert_eq!(
            shown,
            r#"{"matchLabels":{"b":"c"},"matchExpressions":[{"key":"a","operator":"X"}]}"#
        );
    }
}
