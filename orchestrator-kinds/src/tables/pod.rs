//! Pods.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, condition, items, list, name, text, text_or};

pub(super) fn row(pod: &Object, now: Timestamp) -> Vec<Json> {
    let summary = summary(pod);
    let ready = format!("{}/{}", summary.ready, list(pod, &["spec", "containers"]).count());
    let mut row: Vec<Json> = vec![name(pod), ready.into(), status(pod, &summary).into()];
    row.push(restarts(&summary, now).into());
    row.push(age::of(pod, now));
    row.push(text_or(pod, &["status", "podIP"], NONE));
    row.push(text_or(pod, &["spec", "nodeName"], NONE));
    row.push(text_or(pod, &["status", "nominatedNodeName"], NONE));
    row.push(gates(pod).into());
    row
}

/// What the container statuses come to.
struct Summary<'a> {
    ready: usize,
    restarts: i64,
    /// When a container was last restarted.
    restarted_at: Option<&'a str>,
    running: bool,
    /// The word of the containers; empty where they have none.
    reason: String,
    initializing: bool,
}

fn summary(pod: &Object) -> Summary<'_> {
    let mut summary = Summary {
        ready: 0,
        restarts: 0,
        restarted_at: None,
        running: false,
        reason: String::new(),
        initializing: false,
    };
    let specs: Vec<&Json> = list(pod, &["spec", "initContainers"]).collect();
    let sidecar = |name: &str| {
        let is =
            |spec: &&&Json| text(spec, "name") == name && text(spec, "restartPolicy") == "Always";
        specs.iter().any(|spec| is(&spec))
    };
    for (index, status) in list(pod, &["status", "initContainerStatuses"]).enumerate() {
        let sidecar = sidecar(text(status, "name"));
        summary.count(status);
        if sidecar && status["ready"] == true {
            summary.ready += 1;
        }
        if !summary.initializing
            && let Some(reason) = init_reason(status, sidecar, index, specs.len())
        {
            summary.reason = reason;
            summary.initializing = true;
        }
    }
    if !summary.initializing || condition(pod, "Initialized").is_some_and(|c| c["status"] == "True")
    {
        summary.restarts = if summary.initializing { summary.restarts } else { 0 };
        summary.main(pod);
    }
    summary
}

/// Why an init container holds the pod back; `None` where it does not.
fn init_reason(status: &Json, sidecar: bool, index: usize, total: usize) -> Option<String> {
    let terminated = &status["state"]["terminated"];
    if terminated["exitCode"] == 0 || (sidecar && status["started"] == true) {
        return None;
    }
    if terminated.is_object() {
        return Some(format!("Init:{}", end_of(terminated)));
    }
    match text(&status["state"]["waiting"], "reason") {
        "" | "PodInitializing" => Some(format!("Init:{index}/{total}")),
        reason => Some(format!("Init:{reason}")),
    }
}

/// The word of a container that has ended.
fn end_of(terminated: &Json) -> String {
    match (text(terminated, "reason"), terminated["signal"].as_i64().unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", terminated["exitCode"]),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

impl<'a> Summary<'a> {
    fn count(&mut self, status: &'a Json) {
        self.restarts += status["restartCount"].as_i64().unwrap_or(0);
        let last = text(&status["lastState"]["terminated"], "finishedAt");
        if !last.is_empty() {
            self.restarted_at = self.restarted_at.max(Some(last));
        }
    }

    fn main(&mut self, pod: &'a Object) {
        let statuses: Vec<&Json> = list(pod, &["status", "containerStatuses"]).collect();
        for status in statuses.into_iter().rev() {
            self.count(status);
            let (waiting, terminated) =
                (&status["state"]["waiting"], &status["state"]["terminated"]);
            if !text(waiting, "reason").is_empty() {
                self.reason = text(waiting, "reason").to_owned();
            } else if terminated.is_object() {
                self.reason = end_of(terminated);
            } else if status["ready"] == true && status["state"]["running"].is_object() {
                self.running = true;
                self.ready += 1;
            }
        }
    }
}

fn status(pod: &Object, summary: &Summary<'_>) -> String {
    let reason = pod.text_at(&["status", "reason"]);
    let phase = pod.text_at(&["status", "phase"]);
    let gated = condition(pod, "PodScheduled")
        .is_some_and(|c| c["status"] == "False" && text(c, "reason") == "SchedulingGated");
    let plain = match (reason, gated) {
        ("", true) => "SchedulingGated",
        ("", false) => phase,
        (reason, _) => reason,
    };
    let ready = condition(pod, "Ready").is_some_and(|c| c["status"] == "True");
    let word = match summary.reason.as_str() {
        "" => plain.to_owned(),
        "Completed" if summary.running => (if ready { "Running" } else { "NotReady" }).to_owned(),
        word => word.to_owned(),
    };
    match pod.deletion_timestamp() {
        Some(_) if reason == "NodeLost" => "Unknown".into(),
        Some(_) if !matches!(phase, "Failed" | "Succeeded") => "Terminating".into(),
        _ => word,
    }
}

fn restarts(summary: &Summary<'_>, now: Timestamp) -> String {
    match summary.restarted_at {
        Some(at) if summary.restarts > 0 => {
            format!("{} ({} ago)", summary.restarts, age::since(at, now))
        }
        _ => summary.restarts.to_string(),
    }
}

fn gates(pod: &Object) -> String {
    let gates: Vec<&Json> = items(pod.at(&["spec", "readinessGates"])).collect();
    if gates.is_empty() {
        return NONE.into();
    }
    let open = |gate: &&&Json| {
        condition(pod, text(gate, "conditionType")).is_some_and(|c| c["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(open).count(), gates.len())
}
