//! StatefulSet: pods with names and storage of their own.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::deployment::check_collisions;
use crate::fields::{Fields, Fill};
use crate::format::labels::{
    check_labels, check_selector, selects, selects_everything, shown_selector,
};
use crate::format::names::{NameRule, dns_label};
use crate::format::numbers::{check_count, check_not_negative};
use crate::kinds::core::persistentvolumeclaim;
use crate::kinds::core::pod::warnings::of_template;
use crate::pod::template;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const RETENTION: [&str; 2] = ["whenDeleted", "whenScaled"];
/// What may change in the spec of a set that is there.
const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// The rules of a StatefulSet.
#[derive(Debug)]
pub struct StatefulSet;

impl Rules for StatefulSet {
    fn names(&self) -> NameRule {
        dns_label
    }

    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill_text("podManagementPolicy", "OrderedReady");
        spec.fill("serviceName", "");
        let strategy = spec.map_made("updateStrategy");
        strategy.fill_text("type", "RollingUpdate");
        if strategy.text("type") == "RollingUpdate" {
            strategy.map_made("rollingUpdate").fill("partition", 0);
        }
        let retention = spec.map_made("persistentVolumeClaimRetentionPolicy");
        RETENTION.iter().for_each(|when| retention.fill_text(when, "Retain"));
        spec.fill("replicas", 1);
        spec.fill("revisionHistoryLimit", 10);
        template::fill(spec);
        for claim in spec.maps_of("volumeClaimTemplates") {
            fill_claim(claim);
        }
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        let spec = new.map_mut("spec");
        template::prepare(spec);
        // Behind a feature that is off.
        if let Some(rolling) = spec.map_at("updateStrategy").and_then(|s| s.map_at("rollingUpdate"))
        {
            rolling.remove("maxUnavailable");
        }
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_spec(new.sub("spec"), errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        let fixed = |object: &Object| {
            let mut spec = object.sub("spec").as_object().cloned().unwrap_or_default();
            spec.retain(|name, _| !MUTABLE.contains(&name.as_str()));
            spec
        };
        check_spec(new.sub("spec"), errors);
        if fixed(new) != fixed(old) {
            const DETAIL: &str = "updates to statefulset spec for fields other than 'replicas', \
                'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
                'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
            errors.forbidden(&SPEC, DETAIL);
        }
    }

    fn validate_status(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_status(new.sub("status"), old.sub("status"), errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        of_template(new.sub("spec").sub("template"), &SPEC.child("template"))
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({"replicas": 0, "availableReplicas": 0}))
    }
}

fn fill_claim(claim: &mut Map) {
    claim.insert("kind".into(), "PersistentVolumeClaim".into());
    claim.insert("apiVersion".into(), "v1".into());
    claim.map_made("metadata");
    persistentvolumeclaim::fill(claim);
}

fn check_spec(spec: &Json, errors: &mut FieldErrors) {
    check_policies(spec, errors);
    check_count(spec, "replicas", &SPEC, errors);
    check_count(spec, "minReadySeconds", &SPEC, errors);
    if let Some(start) = spec.sub("ordinals").int("start") {
        let path = SPEC.child("ordinals");
        check_not_negative(start, &path.child("start"), errors);
    }
    let (selector, path) = (spec.sub("selector"), SPEC.child("selector"));
    let (template, at) = (spec.sub("template"), SPEC.child("template"));
    if selector.is_null() {
        errors.required(&path, "");
    } else {
        check_selector(selector, &path, errors);
        if selects_everything(selector) {
            let shown = Verbatim(shown_selector(selector));
            errors.invalid(&path, shown, "empty selector is invalid for statefulset");
        }
    }
    match selects(selector, None) {
        None => errors.invalid(&path, Verbatim(shown_selector(selector)), ""),
        Some(_) if selects_everything(selector) && !selector.is_null() => {
            template::check(template, &at, errors);
        }
        Some(_) => {
            template::check_selected(selector, template, &at, errors);
            let labels = at.child("labels");
            check_labels(template.sub("metadata").map("labels"), &labels, errors);
            template::check(template, &at, errors);
        }
    }
    template::check_always_running(template, "StatefulSet", &at, errors);
    check_claims(spec, errors);
    check_count(spec, "revisionHistoryLimit", &SPEC, errors);
    let service = spec.text("serviceName");
    if !service.is_empty() {
        errors.faults(&SPEC.child("serviceName"), service, dns_label(service));
    }
}

fn check_policies(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("podManagementPolicy");
    match spec.text("podManagementPolicy") {
        "OrderedReady" | "Parallel" => {}
        "" => errors.required(&path, ""),
        other => {
            const DETAIL: &str = "must be 'OrderedReady' or 'Parallel'";
            errors.invalid(&path, other, DETAIL);
        }
    }
    let (strategy, path) = (spec.sub("updateStrategy"), SPEC.child("updateStrategy"));
    let (rolling, at) = (strategy.sub("rollingUpdate"), path.child("rollingUpdate"));
    match strategy.text("type") {
        "" => errors.required(&path, ""),
        "OnDelete" if !rolling.is_null() => {
            let shown = format!(
                "{{\"Partition\":{},\"MaxUnavailable\":{}}}",
                rolling.sub("partition"),
                rolling.sub("maxUnavailable")
            );
            const DETAIL: &str = "only allowed for updateStrategy 'RollingUpdate'";
            errors.invalid(&at, Verbatim(shown), DETAIL);
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            let partition = rolling.int("partition").unwrap_or_default();
            check_not_negative(partition, &at.child("partition"), errors);
        }
        _ => {
            let shown = Verbatim(strategy.to_string());
            errors.invalid(&path, shown, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
    let path = SPEC.child("persistentVolumeClaimRetentionPolicy");
    for when in RETENTION {
        let policy = spec.sub("persistentVolumeClaimRetentionPolicy").text(when);
        if !matches!(policy, "Retain" | "Delete") {
            errors.unsupported(&path.child(when), policy, &["Retain", "Delete"]);
        }
    }
}

fn check_claims(spec: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("volumeClaimTemplates");
    for (i, claim) in spec.list("volumeClaimTemplates").iter().enumerate() {
        persistentvolumeclaim::check_template(claim, &path.index(i), errors);
    }
}

fn check_status(status: &Json, old: &Json, errors: &mut FieldErrors) {
    let path = Path::new("status");
    let count = |name: &str| status.int(name).unwrap_or_default();
    const COUNTS: [&str; 5] =
        ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
    for name in COUNTS.iter().chain(["observedGeneration", "collisionCount"].iter()) {
        check_not_negative(count(name), &path.child(name), errors);
    }
    for name in &COUNTS[1..] {
        if count(name) > count("replicas") {
            let detail = "cannot be greater than status.replicas";
            errors.invalid(&path.child(name), count(name), detail);
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let detail = "cannot be greater than status.readyReplicas";
        errors.invalid(&path.child("availableReplicas"), count("availableReplicas"), detail);
    }
    check_collisions(status, old, &path, errors);
}
