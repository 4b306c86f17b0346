//! Jobs and CronJobs.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, condition, containers, list, name, number, selector, text_or, truth};

pub(super) fn job(object: &Object, now: Timestamp) -> Vec<Json> {
    let mut row = vec![
        name(object),
        status(object).into(),
        completions(object).into(),
        duration(object, now).into(),
        age::of(object, now),
    ];
    row.extend(containers(object, &["spec", "template", "spec", "containers"]));
    row.push(selector(object.at(&["spec", "selector"])).into());
    row
}

fn status(object: &Object) -> &'static str {
    const WORDS: [(&str, &str); 5] = [
        ("Complete", "Complete"),
        ("Failed", "Failed"),
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ];
    let holds = |kind: &str| condition(object, kind).is_some_and(|c| c["status"] == "True");
    let first = WORDS[..2].iter().find(|(kind, _)| holds(kind));
    match first {
        Some((_, word)) => word,
        None if object.deletion_timestamp().is_some() => "Terminating",
        None => WORDS[2..].iter().find(|(kind, _)| holds(kind)).map_or("Running", |(_, word)| word),
    }
}

fn completions(object: &Object) -> String {
    let succeeded = number(object, &["status", "succeeded"]);
    match (object.int_at(&["spec", "completions"]), number(object, &["spec", "parallelism"])) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

fn duration(object: &Object, now: Timestamp) -> String {
    let time = |field: &str| age::parse(object.text_at(&["status", field]));
    match (time("startTime"), time("completionTime")) {
        (Some(start), end) => age::human(end.unwrap_or(now).as_second() - start.as_second()),
        (None, _) => String::new(),
    }
}

pub(super) fn cron_job(object: &Object, now: Timestamp) -> Vec<Json> {
    let last = match object.text_at(&["status", "lastScheduleTime"]) {
        "" => NONE.to_owned(),
        time => age::since(time, now),
    };
    let suspended = truth(object, &["spec", "suspend"], false);
    let mut row = vec![
        name(object),
        object.text_at(&["spec", "schedule"]).into(),
        text_or(object, &["spec", "timeZone"], NONE),
        (if suspended { "True" } else { "False" }).into(),
        list(object, &["status", "active"]).count().into(),
        last.into(),
        age::of(object, now),
    ];
    let template = ["spec", "jobTemplate", "spec", "template", "spec", "containers"];
    row.extend(containers(object, &template));
    row.push(selector(object.at(&["spec", "jobTemplate", "spec", "selector"])).into());
    row
}
