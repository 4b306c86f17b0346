//! CronJob: jobs at fixed times.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::{cron, job};
use crate::fields::{Fields, Fill};
use crate::format::labels::{check_labels, shown_selector};
use crate::format::names::too_long;
use crate::format::numbers::check_count;
use crate::kinds::core::pod::warnings::of_template;
use crate::meta::{METADATA, check_annotations};
use crate::pod::template;
use crate::report::{Report, Verbatim};
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
/// A job's name is its cron job's with eleven letters more.
const NAME_MAX: usize = 52;

/// The rules of a CronJob.
#[derive(Debug)]
pub struct CronJob;

impl Rules for CronJob {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        spec.fill_text("concurrencyPolicy", "Allow");
        spec.fill("suspend", false);
        spec.fill("successfulJobsHistoryLimit", 3);
        spec.fill("failedJobsHistoryLimit", 1);
        let jobs = spec.map_made("jobTemplate");
        jobs.map_made("metadata");
        template::fill(jobs.map_made("spec"));
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        let jobs = new.map_mut("spec").map_made("jobTemplate");
        template::prepare(jobs.map_made("spec"));
        prepare_spec_and_status(new, old, change.subresource);
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        check_spec(new.sub("spec"), errors);
        if new.name().len() > NAME_MAX {
            errors.invalid(&METADATA.child("name"), new.name(), too_long(NAME_MAX));
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        _old: &Object,
        _change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        check_spec(new.sub("spec"), errors);
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        let path = SPEC.child("jobTemplate");
        let path = path.child("spec");
        let pods = new.sub("spec").sub("jobTemplate").sub("spec").sub("template");
        of_template(pods, &path.child("template"))
    }

    fn rechecks_metadata(&self) -> bool {
        false
    }

    fn empty_status(&self) -> Option<Json> {
        Some(json!({}))
    }
}

fn check_spec(spec: &Json, errors: &mut FieldErrors) {
    check_schedule(spec, errors);
    check_count(spec, "startingDeadlineSeconds", &SPEC, errors);
    if let Some(zone) = spec.sub("timeZone").as_str() {
        check_zone(zone, errors);
    }
    let path = SPEC.child("concurrencyPolicy");
    match spec.text("concurrencyPolicy") {
        "Allow" | "Forbid" | "Replace" => {}
        "" => errors.required(&path, ""),
        other => errors.unsupported(&path, other, &["Allow", "Forbid", "Replace"]),
    }
    check_jobs(spec.sub("jobTemplate"), &SPEC.child("jobTemplate"), errors);
    check_count(spec, "successfulJobsHistoryLimit", &SPEC, errors);
    check_count(spec, "failedJobsHistoryLimit", &SPEC, errors);
}

fn check_schedule(spec: &Json, errors: &mut FieldErrors) {
    let (schedule, path) = (spec.text("schedule"), SPEC.child("schedule"));
    if schedule.is_empty() {
        errors.required(&path, "");
    } else if schedule.contains("TZ") {
        let detail = match spec.has("timeZone") {
            true => "cannot use both timeZone field and TZ or CRON_TZ in schedule",
            false => "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        };
        errors.invalid(&path, schedule, detail);
    } else if let Err(fault) = cron::check(schedule) {
        errors.invalid(&path, schedule, fault);
    }
}

fn check_zone(zone: &str, errors: &mut FieldErrors) {
    let path = SPEC.child("timeZone");
    if zone.is_empty() {
        errors.invalid(&path, zone, "timeZone must be nil or non-empty string");
    } else if zone.eq_ignore_ascii_case("local") {
        const DETAIL: &str = "timeZone must be an explicit time zone as defined in \
                              https://www.iana.org/time-zones";
        errors.invalid(&path, zone, DETAIL);
    } else if jiff::tz::TimeZone::get(zone).is_err() {
        errors.invalid(&path, zone, format!("unknown time zone {zone}"));
    }
}

fn check_jobs(template: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let metadata = template.sub("metadata");
    check_labels(metadata.map("labels"), &path.child("labels"), errors);
    check_annotations(metadata.map("annotations"), &path.child("annotations"), errors);
    let (spec, path) = (template.sub("spec"), path.child("spec"));
    job::spec::check(spec, &path, errors);
    if let Some(selector) = spec.get_set("selector") {
        let shown = Verbatim(shown_selector(selector));
        errors.invalid(&path.child("selector"), shown, "`selector` will be auto-generated");
    }
    if spec.flag("manualSelector") {
        errors.unsupported(&path.child("manualSelector"), true, &["nil", "false"]);
    }
}
