//! The status of a job: what a finished one must say and cannot take back.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::{Json, Object};

use crate::fields::Fields;
use crate::format::numbers::check_count;
use crate::report::{Report, Verbatim};

const STATUS: Path<'static> = Path::new("status");

fn is_true(status: &Json, kind: &str) -> bool {
    status
        .list("conditions")
        .iter()
        .any(|condition| condition.text("type") == kind && condition.text("status") == "True")
}

/// Checks a change of the status.
pub(super) fn check(new: &Object, old: &Object, errors: &mut FieldErrors) {
    let (status, was) = (new.sub("status"), old.sub("status"));
    for name in ["active", "succeeded", "failed", "ready", "terminating"] {
        check_count(status, name, &STATUS, errors);
    }
    let (complete, failed) = (is_true(status, "Complete"), is_true(status, "Failed"));
    if complete && !status.has("completionTime") {
        let detail = "completionTime is required for Complete jobs";
        errors.required(&STATUS.child("completionTime"), detail);
    }
    if !complete && status.has("completionTime") {
        let detail = "completionTime can only be set for Complete jobs";
        let path = STATUS.child("completionTime");
        errors.invalid(&path, status.sub("completionTime"), detail);
    }
    check_conditions(status, was, errors);
    if complete || failed {
        check_finished(status, errors);
    }
    check_start(new, was, errors);
}

fn check_conditions(status: &Json, was: &Json, errors: &mut FieldErrors) {
    let path = STATUS.child("conditions");
    let mut say = |detail: &str| errors.invalid(&path, Verbatim(""), detail);
    let now = |kind: &str| is_true(status, kind);
    let (complete, failed) = (now("Complete"), now("Failed"));
    if complete && failed {
        say("cannot set Complete=True and Failed=true conditions");
    }
    if complete && now("FailureTarget") {
        say("cannot set Complete=True and FailureTarget=true conditions");
    }
    if failed && now("SuccessCriteriaMet") {
        say("cannot set Failed=True and SuccessCriteriaMet=true conditions");
    }
    if now("FailureTarget") && now("SuccessCriteriaMet") {
        say("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions");
    }
    let fresh = |kind: &str| now(kind) && !is_true(was, kind);
    if fresh("Complete") && !now("SuccessCriteriaMet") {
        say("cannot set Complete=True condition without the SuccessCriteriaMet=true condition");
    }
    if fresh("Failed") && !now("FailureTarget") {
        say("cannot set Failed=True condition without the FailureTarget=true condition");
    }
    for kind in ["Failed", "Complete", "FailureTarget", "SuccessCriteriaMet"] {
        if is_true(was, kind) && !now(kind) {
            say(&format!("cannot disable the terminal {kind}=True condition"));
        }
    }
}

fn check_finished(status: &Json, errors: &mut FieldErrors) {
    let active = status.int("active").unwrap_or_default();
    if active > 0 {
        let detail = "active>0 is invalid for finished job";
        errors.invalid(&STATUS.child("active"), active, detail);
    }
    if let Some(ready) = status.int("ready").filter(|ready| *ready > 0) {
        let detail = "ready>0 is invalid for finished job";
        errors.invalid(&STATUS.child("ready"), ready, detail);
    }
    if let Some(terminating) = status.int("terminating").filter(|count| *count > 0) {
        let detail = "terminating>0 is invalid for finished job";
        errors.invalid(&STATUS.child("terminating"), terminating, detail);
    }
    if !status.has("startTime") {
        errors.required(&STATUS.child("startTime"), "startTime is required for finished job");
    }
}

/// A job that runs keeps the time it started at.
fn check_start(job: &Object, was: &Json, errors: &mut FieldErrors) {
    let (now, before) = (job.sub("status").sub("startTime"), was.sub("startTime"));
    let suspended = job.sub("spec").flag("suspend");
    if !before.is_null() && now != before && !suspended {
        let (path, detail) = (STATUS.child("startTime"), "field is immutable");
        match now.is_null() {
            true => errors.required(&path, "startTime cannot be removed for unsuspended job"),
            false => errors.invalid(&path, now, detail),
        }
    }
}
