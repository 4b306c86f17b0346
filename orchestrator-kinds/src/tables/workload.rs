//! Workloads: Deployments and the like.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{containers, items, list, name, number, pairs, selector, text};

/// The containers of a pod template below `spec`.
const TEMPLATE: [&str; 4] = ["spec", "template", "spec", "containers"];

pub(super) fn deployment(object: &Object, now: Timestamp) -> Vec<Json> {
    let desired = number(object, &["spec", "replicas"]);
    let ready = format!("{}/{desired}", number(object, &["status", "readyReplicas"]));
    let mut row = vec![
        name(object),
        ready.into(),
        number(object, &["status", "updatedReplicas"]).into(),
        number(object, &["status", "availableReplicas"]).into(),
        age::of(object, now),
    ];
    row.extend(containers(object, &TEMPLATE));
    row.push(selector(object.at(&["spec", "selector"])).into());
    row
}

pub(super) fn replica_set(object: &Object, now: Timestamp) -> Vec<Json> {
    let mut row = replicas(object, now);
    row.push(selector(object.at(&["spec", "selector"])).into());
    row
}

pub(super) fn replication_controller(object: &Object, now: Timestamp) -> Vec<Json> {
    let mut row = replicas(object, now);
    row.push(pairs(object, &["spec", "selector"]).into());
    row
}

fn replicas(object: &Object, now: Timestamp) -> Vec<Json> {
    let mut row = vec![
        name(object),
        number(object, &["spec", "replicas"]).into(),
        number(object, &["status", "replicas"]).into(),
        number(object, &["status", "readyReplicas"]).into(),
        age::of(object, now),
    ];
    row.extend(containers(object, &TEMPLATE));
    row
}

pub(super) fn stateful_set(object: &Object, now: Timestamp) -> Vec<Json> {
    let desired = number(object, &["spec", "replicas"]);
    let ready = format!("{}/{desired}", number(object, &["status", "readyReplicas"]));
    let mut row = vec![name(object), ready.into(), age::of(object, now)];
    row.extend(containers(object, &TEMPLATE));
    row
}

pub(super) fn daemon_set(object: &Object, now: Timestamp) -> Vec<Json> {
    let status = |field: &str| Json::from(number(object, &["status", field]));
    let mut row = vec![
        name(object),
        status("desiredNumberScheduled"),
        status("currentNumberScheduled"),
        status("numberReady"),
        status("updatedNumberScheduled"),
        status("numberAvailable"),
        pairs(object, &["spec", "template", "spec", "nodeSelector"]).into(),
        age::of(object, now),
    ];
    row.extend(containers(object, &TEMPLATE));
    row.push(selector(object.at(&["spec", "selector"])).into());
    row
}

pub(super) fn pod_template(object: &Object, _now: Timestamp) -> Vec<Json> {
    let mut row = vec![name(object)];
    row.extend(containers(object, &["template", "spec", "containers"]));
    row.push(pairs(object, &["template", "metadata", "labels"]).into());
    row
}

pub(super) fn controller_revision(object: &Object, now: Timestamp) -> Vec<Json> {
    let owner = list(object, &["metadata", "ownerReferences"])
        .find(|owner| owner["controller"] == true)
        .map(|owner| {
            let group = text(owner, "apiVersion").split_once('/').map_or("", |(group, _)| group);
            let kind = text(owner, "kind").to_lowercase();
            let dot = if group.is_empty() { "" } else { "." };
            format!("{kind}{dot}{group}/{}", text(owner, "name"))
        });
    vec![
        name(object),
        owner.unwrap_or_else(|| super::cell::NONE.into()).into(),
        number(object, &["revision"]).into(),
        age::of(object, now),
    ]
}

/// How many items a list has.
pub(super) fn count(list: Option<&Json>) -> Json {
    items(list).count().into()
}
