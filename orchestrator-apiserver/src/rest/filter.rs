//! The selectors of a list or a watch, made ready to look at many objects.

use std::borrow::Cow;
use std::sync::Arc;

use orchestrator_core::object::Object;
use orchestrator_core::selector::{FieldRequirement, FieldSelector, LabelSelector};
use orchestrator_core::value::FieldPath;
use orchestrator_core::{Item, Json, ResourceDef, Status};

use crate::pipeline::Cx;

/// Which objects of a collection are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
    /// What of an object decides.
    paths: Arc<[FieldPath]>,
}

impl Filter {
    /// The filter of a request; a name in the path is one more selector.
    ///
    /// # Errors
    /// 400: a selector cannot be read, or asks for a field that the kind does not offer.
    pub(crate) fn of(cx: &Cx<'_>) -> Result<Self, Status> {
        let options = &cx.request.options;
        let labels = options.label_selector.parse::<LabelSelector>();
        let labels = labels.map_err(|error| Status::bad_request(error.to_string()))?;
        let mut fields = options
            .field_selector
            .parse::<FieldSelector>()
            .map_err(|error| Status::bad_request(error.to_string()))?;
        check_fields(&cx.resource.def, &fields)?;
        if !cx.request.name.is_empty() {
            let named = FieldSelector::name(&cx.request.name);
            let all = named.requirements().iter().chain(fields.requirements()).cloned();
            fields = FieldSelector::new(all);
        }
        let paths = paths(&labels, &fields);
        Ok(Self { labels, fields, paths })
    }

    /// Whether every object is wanted.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// The one name wanted.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.required_value("metadata.name").filter(|name| !name.is_empty())
    }

    /// Whether `item` is wanted; of a cold value only what decides is decoded.
    ///
    /// # Errors
    /// 500: the stored bytes are no object.
    pub(crate) fn wants(&self, item: &Item) -> Result<bool, Status> {
        Ok(self.is_everything()
            || self.matches(&*item.sketch(&self.paths).map_err(Status::internal)?))
    }

    /// Whether `object` is wanted.
    fn matches(&self, object: &Object) -> bool {
        (self.labels.is_everything() || self.labels.matches_json(object.labels()))
            && (self.fields.is_everything() || self.fields.matches(|field| value(object, field)))
    }
}

fn check_fields(def: &ResourceDef, fields: &FieldSelector) -> Result<(), Status> {
    for wanted in fields.requirements() {
        let field = &*wanted.field;
        let known = matches!(field, "metadata.name" | "metadata.namespace")
            || def.selectable_fields.iter().any(|known| *known == field);
        if !known {
            let message = def.selector_rejection.replace("{key}", field);
            return Err(Status::bad_request(message));
        }
    }
    Ok(())
}

/// Fields whose value is kept elsewhere than their name says.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("status.successful", &["status", "succeeded"]),
    ("source", &["source", "component"]),
    ("reportingComponent", &["reportingComponent"]),
];

/// Fields that are no texts, with the value of an object that has none.
const ABSENT: &[(&str, &str)] = &[
    ("spec.hostNetwork", "false"),
    ("spec.unschedulable", "false"),
    ("status.successful", "0"),
    ("status.replicas", "0"),
];

/// The paths that the selectors look at.
fn paths(labels: &LabelSelector, fields: &FieldSelector) -> Arc<[FieldPath]> {
    let path = |wanted: &FieldRequirement| -> FieldPath {
        match ELSEWHERE.iter().find(|(name, _)| *name == &*wanted.field) {
            Some((_, path)) => path.iter().map(|step| (*step).into()).collect(),
            None => wanted.field.split('.').map(Into::into).collect(),
        }
    };
    let labels: Option<FieldPath> =
        (!labels.is_everything()).then(|| ["metadata", "labels"].map(Into::into).into());
    labels.into_iter().chain(fields.requirements().iter().map(path)).collect()
}

/// The value of a selectable field, as a text.
fn value<'o>(object: &'o Object, field: &str) -> Cow<'o, str> {
    match field {
        "metadata.name" => return Cow::Borrowed(object.name()),
        "metadata.namespace" => return Cow::Borrowed(object.namespace()),
        _ => {}
    }
    let found = match ELSEWHERE.iter().find(|(name, _)| *name == field) {
        Some((_, path)) => object.at(path),
        None => {
            let mut steps = field.split('.');
            let first = steps.next().and_then(|step| object.get(step));
            first.and_then(|first| steps.try_fold(first, |value, step| value.get(step)))
        }
    };
    match found {
        Some(Json::String(text)) => Cow::Borrowed(text),
        Some(Json::Bool(flag)) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Some(Json::Number(number)) => Cow::Owned(number.to_string()),
        _ => {
            let absent = ABSENT.iter().find(|(name, _)| *name == field);
            Cow::Borrowed(absent.map_or("", |(_, value)| value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_compared_as_a_text_and_missing_ones_as_their_zero() {
        let object: Object = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "n"},
            "spec": {"nodeName": "x", "unschedulable": true},
            "status": {"succeeded": 3},
            "source": {"component": "c"},
        }))
        .unwrap();
        let cases = [
            ("metadata.name", "a"),
            ("metadata.namespace", "n"),
            ("spec.nodeName", "x"),
            ("spec.unschedulable", "true"),
            ("spec.hostNetwork", "false"),
            ("status.successful", "3"),
            ("status.replicas", "0"),
            ("status.phase", ""),
            ("source", "c"),
        ];
        for (field, wanted) in cases {
            assert_eq!(value(&object, field), wanted, "{field}");
        }
    }
}
