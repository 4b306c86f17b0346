//! The selectors that a question about access may narrow a collection by.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldError, FieldErrors, Path};
use orchestrator_core::object::Object;
use orchestrator_core::selector::{FieldRequirement, FieldSelector};

/// The conditions on fields of a question; what this server does not understand narrows nothing.
pub(super) fn fields(review: &Object) -> Vec<FieldRequirement> {
    let Some(selector) = review.at(&["spec", "resourceAttributes", "fieldSelector"]) else {
        return Vec::new();
    };
    let raw = text(selector, "rawSelector");
    if !raw.is_empty() {
        let selector = raw.parse::<FieldSelector>().unwrap_or_default();
        return selector.requirements().to_vec();
    }
    let wanted = requirements(selector).iter().filter_map(|requirement| {
        let equals = match text(requirement, "operator") {
            "In" => true,
            "NotIn" => false,
            _ => return None,
        };
        let [value] = values(requirement) else { return None };
        let (field, value) = (text(requirement, "key").into(), value.as_str()?.into());
        Some(FieldRequirement { field, value, equals })
    });
    wanted.collect()
}

/// What is wrong with the selectors of a question.
pub(super) fn check(attributes: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for name in ["fieldSelector", "labelSelector"] {
        let Some(selector) = attributes.get(name).filter(|s| s.is_object()) else { continue };
        let path = path.child(name);
        let (raw, requirements) = (text(selector, "rawSelector"), requirements(selector));
        if !raw.is_empty() && !requirements.is_empty() {
            let why = "may not specified at the same time as requirements";
            errors.push(FieldError::invalid(&path.child("rawSelector"), &Json::from(raw), why));
        }
        let list = path.child("requirements");
        if raw.is_empty() && requirements.is_empty() {
            let why = format!("when {path} is specified, requirements or rawSelector is required");
            errors.push(FieldError::required(&list, &why));
        }
        for (i, requirement) in requirements.iter().enumerate() {
            check_requirement(requirement, &list.index(i), errors);
        }
    }
}

/// An operator that is not known is left to authorizers that know it.
fn check_requirement(requirement: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if text(requirement, "key").is_empty() {
        errors.push(FieldError::required(&path.child("key"), "must be specified"));
    }
    let has_values = !values(requirement).is_empty();
    match text(requirement, "operator") {
        "In" | "NotIn" if !has_values => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(&path.child("values"), why));
        }
        "Exists" | "DoesNotExist" if has_values => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(&path.child("values"), why));
        }
        _ => {}
    }
}

fn text<'j>(json: &'j Json, name: &str) -> &'j str {
    json.get(name).and_then(Json::as_str).unwrap_or_default()
}

fn requirements(selector: &Json) -> &[Json] {
    selector.get("requirements").and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn values(requirement: &Json) -> &[Json] {
    requirement.get("values").and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn review(selector: Json) -> Object {
        let spec = json!({"resourceAttributes": {"fieldSelector": selector}});
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    #[test]
    fn both_forms_of_a_selector_narrow_by_single_values() {
        let shown = |selector: Json| FieldSelector::new(fields(&review(selector))).to_string();
        assert_eq!(shown(json!({"rawSelector": "a=b,c!=d"})), "a=b,c!=d");
        let listed = json!({"requirements": [
            {"key": "a", "operator": "In", "values": ["b"]},
            {"key": "c", "operator": "NotIn", "values": ["d"]},
            {"key": "e", "operator": "In", "values": ["f", "g"]},
            {"key": "h", "operator": "Exists"}]});
        assert_eq!(shown(listed), "a=b,c!=d");
    }

    #[test]
    fn a_selector_says_something_and_says_it_once() {
        let wrong = |selector: Json| -> Vec<String> {
            let mut errors = FieldErrors::new();
            check(&json!({ "fieldSelector": selector }), &Path::new("a"), &mut errors);
            errors.iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            wrong(json!({})),
            ["a.fieldSelector.requirements: Required value: when a.fieldSelector is specified, \
              requirements or rawSelector is required"]
        );
        let empty = json!({"requirements": [{"operator": "In"}, {"key": "a", "operator": "X"}]});
        assert_eq!(wrong(empty).len(), 2);
        assert!(wrong(json!({"rawSelector": "a=b"})).is_empty());
    }
}
