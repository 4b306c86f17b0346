//! ReplicationController: so many pods of one template, as ReplicaSets once were.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::numbers::check_count;
use crate::kinds::apps::replicaset::check_counts;
use crate::pod::template;
use crate::report::Report;
use crate::rules::Rules;

/// The rules of a ReplicationController.
#[derive(Debug)]
pub struct ReplicationController;

impl Rules for ReplicationController {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill("replicas", 1);
        if spec.has("template") {
            template::fill(spec);
        }
        let labels = spec.sub("template").sub("metadata").sub("labels").clone();
        if labels.is_null() {
            return;
        }
        if spec.map("selector").is_none_or(|selector| selector.is_empty()) {
            spec.insert("selector".into(), labels.clone());
        }
        if object.labels().is_none_or(|labels| labels.is_empty()) {
            object.set_meta("labels", labels);
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        template::prepare(new.map_mut("spec"));
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let (spec, path) = (new.sub("spec"), Path::new("spec"));
        check_count(spec, "minReadySeconds", &path, errors);
        if spec.map("selector").is_none_or(|selector| selector.is_empty()) {
            errors.required(&path.child("selector"), "");
        }
        check_count(spec, "replicas", &path, errors);
        let at = path.child("template");
        let Some(template) = spec.get_set("template") else {
            errors.required(&at, "");
            return;
        };
        let selector = json!({"matchLabels": spec.sub("selector")});
        if spec.has("selector") {
            template::check_selected(&selector, template, &at, errors);
        }
        template::check(template, &at, errors);
        template::check_always_running(template, "ReplicationController", &at, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_counts(new.sub("status"), errors);
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"replicas": 0}))
    }
}
