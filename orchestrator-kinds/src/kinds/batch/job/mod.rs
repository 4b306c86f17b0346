//! Job: pods that run until enough of them have succeeded.

mod failure_policy;
pub mod spec;
mod status;
mod update;

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::fields::{Fields, Fill};
use crate::format::labels::{check_selector, selects, shown_selector};
use crate::format::names::dns_label;
use crate::kinds::core::pod::warnings::of_template;
use crate::meta::METADATA;
use crate::pod::template;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// How often a job tries again.
const BACKOFF: i64 = 6;
const UID_LABEL: &str = "batch.kubernetes.io/controller-uid";
/// Labels of a job's pods: the job's uid and name, each under an old name and a new one.
const UID_LABELS: [&str; 2] = [UID_LABEL, "controller-uid"];
const NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

/// The rules of a Job.
#[derive(Debug)]
pub struct Job;

impl Rules for Job {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        template::fill(spec);
        fill(spec);
        copy_labels(object);
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        template::prepare(new.map_mut("spec"));
        if old.is_none() && !new.sub("spec").flag("manualSelector") {
            select_own_pods(new);
        }
        if old.is_none() {
            copy_labels(new);
        }
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_generated_selector(new, errors);
        check_spec(new.sub("spec"), errors);
        check_pod_names(new, errors);
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_spec(new.sub("spec"), errors);
        update::check(new, old, errors);
    }

    fn validate_status(
        &self,
        new: &Object,
        old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        status::check(new, old, errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        of_template(new.sub("spec").sub("template"), &SPEC.child("template"))
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }
}

fn fill(spec: &mut Map) {
    if !spec.has("completions") && !spec.has("parallelism") {
        spec.insert("completions".into(), 1.into());
    }
    spec.fill("parallelism", 1);
    let backoff = if spec.has("backoffLimitPerIndex") { i64::from(i32::MAX) } else { BACKOFF };
    spec.fill("backoffLimit", backoff);
    spec.fill("completionMode", "NonIndexed");
    spec.fill("suspend", false);
    spec.fill("manualSelector", false);
    let replaced = if spec.has("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    spec.fill("podReplacementPolicy", replaced);
    let policy = spec.map_at("podFailurePolicy");
    for rule in policy.into_iter().flat_map(|policy| policy.maps_of("rules")) {
        for condition in rule.maps_of("onPodConditions") {
            condition.fill_text("status", "True");
        }
    }
}

/// A job without labels has those of its pods.
fn copy_labels(job: &mut Object) {
    let labels = job.sub("spec").sub("template").sub("metadata").sub("labels").clone();
    if job.labels().is_none_or(Map::is_empty) {
        job.set_meta("labels", labels);
    }
}

/// Marks the pods of the job with its uid, and selects by it.
fn select_own_pods(job: &mut Object) {
    let (name, uid) = (job.name().to_owned(), job.uid().to_owned());
    let spec = job.map_mut("spec");
    let labels = spec.map_made("template").map_made("metadata").map_made("labels");
    for label in NAME_LABELS {
        labels.fill(label, &*name);
    }
    for label in UID_LABELS {
        labels.fill(label, &*uid);
    }
    spec.map_made("selector").map_made("matchLabels").fill(UID_LABEL, uid);
}

/// Checks that the selector that was generated is still what it was made to be.
fn check_generated_selector(job: &Object, errors: &mut FieldErrors) {
    let spec = job.sub("spec");
    if spec.flag("manualSelector") || !spec.has("selector") {
        return;
    }
    let path = SPEC.child("template");
    let path = path.child("metadata");
    let path = path.child("labels");
    let labels = spec.sub("template").sub("metadata").sub("labels");
    let wanted = [(UID_LABELS, job.uid()), (NAME_LABELS, job.name())];
    for (label, value) in wanted.iter().flat_map(|(all, v)| all.iter().rev().map(move |l| (*l, *v)))
    {
        let detail = || format!("must be '{value}'");
        match labels.sub(label).as_str() {
            None => errors.required(&path.key(label), detail()),
            Some(actual) if actual != value => errors.invalid(&path.key(label), labels, detail()),
            Some(_) => {}
        }
    }
    let own: Map = wanted
        .iter()
        .flat_map(|(all, value)| all.iter().map(|label| ((*label).to_owned(), (*value).into())))
        .collect();
    if selects(spec.sub("selector"), Some(&own)) == Some(false) {
        let shown = Verbatim(shown_selector(spec.sub("selector")));
        errors.invalid(&SPEC.child("selector"), shown, "`selector` not auto-generated");
    }
}

fn check_spec(spec: &Json, errors: &mut FieldErrors) {
    spec::check(spec, &SPEC, errors);
    let (selector, path) = (spec.sub("selector"), SPEC.child("selector"));
    if selector.is_null() {
        errors.required(&path, "");
    } else {
        check_selector(selector, &path, errors);
    }
    template::check_selected(selector, spec.sub("template"), &SPEC.child("template"), errors);
}

/// Pods of an indexed job are named after it and their index.
fn check_pod_names(job: &Object, errors: &mut FieldErrors) {
    let spec = job.sub("spec");
    let count = spec.int("completions").unwrap_or_default();
    if spec.text("completionMode") != "Indexed" || count <= 0 {
        return;
    }
    let longest = format!("{}-{}", job.name(), count - 1);
    if !dns_label(&longest).is_empty() {
        let detail = format!("will not able to create pod with invalid DNS label: {longest}");
        errors.invalid(&METADATA.child("name"), job.name(), detail);
    }
}
