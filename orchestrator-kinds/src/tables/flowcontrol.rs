//! Priority and fairness of requests.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{NONE, condition, name, number, text, text_or};

pub(super) fn schema(object: &Object, now: Timestamp) -> Vec<Json> {
    let dangling = condition(object, "Dangling").map_or("?", |c| text(c, "status"));
    vec![
        name(object),
        text_or(object, &["spec", "priorityLevelConfiguration", "name"], NONE),
        number(object, &["spec", "matchingPrecedence"]).into(),
        text_or(object, &["spec", "distinguisherMethod", "type"], NONE),
        age::of(object, now),
        dangling.into(),
    ]
}

pub(super) fn level(object: &Object, now: Timestamp) -> Vec<Json> {
    let exempt = object.text_at(&["spec", "type"]) == "Exempt";
    let part = if exempt { "exempt" } else { "limited" };
    let shown = |path: &[&str]| match object.at(path) {
        Some(number) => number.clone(),
        None => NONE.into(),
    };
    let queuing = ["spec", "limited", "limitResponse", "queuing"];
    let queue = |field| shown(&[queuing[0], queuing[1], queuing[2], queuing[3], field]);
    vec![
        name(object),
        object.text_at(&["spec", "type"]).into(),
        shown(&["spec", part, "nominalConcurrencyShares"]),
        queue("queues"),
        queue("handSize"),
        queue("queueLengthLimit"),
        age::of(object, now),
    ]
}
