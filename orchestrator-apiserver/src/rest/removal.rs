//! The end of an object: what a deletion does to it, when a change completes its deletion, and
//! what goes with it.

use jiff::{Timestamp, ToSpan};
use orchestrator_core::Json;
use orchestrator_core::env::rfc3339;
use orchestrator_core::object::Object;
use orchestrator_core::request::Options;

use super::garbage::{self, Dependents};
use crate::custom::deletion;
use crate::pipeline::Cx;

/// What a deletion does next.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing: the deletion is under way and goes on as before.
    Wait,
    /// It writes this state, and the object waits.
    Mark(Object),
    /// It writes this state, so that watchers see it, and removes the object.
    MarkAndRemove(Object),
    /// It removes the object.
    Remove,
}

/// What a deletion needs to know besides object and options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// The time of day.
    pub(crate) time: Timestamp,
    /// What becomes of what the object owns, where nobody says.
    pub(crate) dependents: Dependents,
}

/// Decides what a deletion does to `old`; `default_grace` is `None` for a kind that knows no
/// grace, and `Some(0)` where there is nothing to wait for.
pub(crate) fn plan(old: &Object, default_grace: Option<i64>, options: &Options, now: Now) -> Step {
    if old.kind() == "Namespace" && old.api_version() == "v1" {
        return plan_namespace(old, options, now);
    }
    let wanted = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
    let grace = match default_grace {
        None => None,
        Some(usual) => match left(old) {
            Some(left) => match wanted {
                // Only a shorter time is taken.
                Some(wanted) if wanted < left => Some(wanted),
                _ => return Step::Wait,
            },
            None if old.deletion_timestamp().is_some() => None,
            None if usual == 0 => Some(0),
            None => Some(wanted.unwrap_or(usual)),
        },
    };
    let finalizers = garbage::finalizers(old, options, now.dependents);
    let held = match &finalizers {
        Some(list) => !list.is_empty(),
        None => old.finalizers().next().is_some(),
    };
    if grace.is_none() && !held {
        return Step::Remove;
    }
    let mut new = old.clone();
    if let Some(list) = finalizers {
        new.set_meta("finalizers", list);
    }
    begin(&mut new, old, grace, now.time);
    match grace {
        Some(0) if !held => Step::MarkAndRemove(new),
        _ => Step::Mark(new),
    }
}

/// A namespace ends when the controller that empties it has taken its own finalizer away.
fn plan_namespace(old: &Object, options: &Options, now: Now) -> Step {
    if old.deletion_timestamp().is_some() {
        let held = old.at(&["spec", "finalizers"]).and_then(Json::as_array);
        let empty = held.is_none_or(Vec::is_empty) && old.finalizers().next().is_none();
        return if empty { Step::Remove } else { Step::Wait };
    }
    let mut new = old.clone();
    if let Some(list) = garbage::finalizers(old, options, now.dependents) {
        new.set_meta("finalizers", list);
    }
    new.set_meta("deletionTimestamp", rfc3339(now.time));
    new.map_mut("status").insert("phase".into(), "Terminating".into());
    Step::Mark(new)
}

/// Writes into `new` that it is being deleted, `grace` seconds from now or from the begin of a
/// deletion under way.
fn begin(new: &mut Object, old: &Object, grace: Option<i64>, now: Timestamp) {
    let begun = old.deletion_timestamp().and_then(|text| text.parse::<Timestamp>().ok());
    let start = match (begun, left(old)) {
        (Some(end), Some(left)) => end.saturating_sub(left.seconds()).unwrap_or(end),
        (Some(end), None) => end.min(now),
        (None, _) => now,
    };
    if old.deletion_timestamp().is_none() && old.generation() > 0 {
        new.set_meta("generation", old.generation() + 1);
    }
    let seconds = grace.unwrap_or(0);
    let end = start.saturating_add(seconds.seconds()).unwrap_or(start);
    new.set_meta("deletionTimestamp", rfc3339(end));
    new.set_meta("deletionGracePeriodSeconds", seconds);
}

/// The grace that a deletion under way gives.
fn left(object: &Object) -> Option<i64> {
    object.deletion_timestamp()?;
    let seconds = object.meta("deletionGracePeriodSeconds").and_then(Json::as_i64)?;
    Some(if seconds < 0 { 1 } else { seconds })
}

/// Whether `new` has nothing left to wait for, so that it is removed instead of written.
pub(crate) fn ends(new: &Object, old: &Object) -> bool {
    if old.deletion_timestamp().is_none() || new.finalizers().next().is_some() {
        return false;
    }
    // A namespace has finalizers of its own.
    let held = new.at(&["spec", "finalizers"]).and_then(Json::as_array);
    if new.kind() == "Namespace" && held.is_some_and(|held| !held.is_empty()) {
        return false;
    }
    new.kind() == "Namespace" || deletion::ends_at_once(new) || left(old) == Some(0)
}

/// Gives back what the server had handed out to the object that is gone.
pub(crate) fn after(cx: &Cx<'_>, old: &Object) {
    cx.server.services.release(cx, old);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn meta(meta: Json) -> Object {
        serde_json::from_value(json!({ "metadata": meta })).unwrap()
    }

    fn planned(old: &Object, usual: Option<i64>, wanted: Option<i64>, policy: &str) -> Step {
        let options = Options {
            grace_period_seconds: wanted,
            propagation_policy: policy.into(),
            ..Options::default()
        };
        plan(
            old,
            usual,
            &options,
            Now { time: Timestamp::UNIX_EPOCH, dependents: Dependents::Deleted },
        )
    }

    #[test]
    fn a_kind_without_grace_goes_at_once_unless_finalizers_hold_it() {
        let marked = |list: Json| {
            meta(json!({"finalizers": list, "deletionTimestamp": "1970-01-01T00:00:00Z",
                "deletionGracePeriodSeconds": 0}))
        };
        assert_eq!(planned(&meta(json!({})), None, None, ""), Step::Remove);
        let held = meta(json!({"finalizers": ["a/b"]}));
        let first = planned(&held, None, None, "");
        assert_eq!(first, Step::Mark(marked(json!(["a/b"]))));
        let again = planned(&marked(json!(["a/b"])), None, None, "");
        assert_eq!(again, Step::Mark(marked(json!(["a/b"]))));
        let first = planned(&meta(json!({})), None, None, "Orphan");
        assert_eq!(first, Step::Mark(marked(json!(["orphan"]))));
    }

    #[test]
    fn a_pod_waits_and_a_second_deletion_only_shortens_that() {
        let alive = meta(json!({"generation": 1}));
        let Step::Mark(dying) = planned(&alive, Some(30), None, "") else { panic!() };
        let wanted = meta(json!({"generation": 2, "deletionTimestamp": "1970-01-01T00:00:30Z",
            "deletionGracePeriodSeconds": 30}));
        assert_eq!(dying, wanted);
        for longer in [None, Some(30), Some(31)] {
            assert_eq!(planned(&dying, Some(30), longer, ""), Step::Wait);
        }
        let wanted = meta(json!({"generation": 2, "deletionTimestamp": "1970-01-01T00:00:05Z",
            "deletionGracePeriodSeconds": 5}));
        assert_eq!(planned(&dying, Some(30), Some(5), ""), Step::Mark(wanted));
        assert!(matches!(planned(&dying, Some(30), Some(0), ""), Step::MarkAndRemove(_)));
        assert!(matches!(planned(&alive, Some(0), Some(9), ""), Step::MarkAndRemove(_)));
        let Step::Mark(odd) = planned(&alive, Some(30), Some(-1), "") else { panic!() };
        assert_eq!(odd.meta("deletionGracePeriodSeconds"), Some(&json!(1)));
    }

    #[test]
    fn an_object_ends_when_its_last_finalizer_goes_and_no_time_is_left() {
        let object = |kind: &str, meta: Json, spec: Json| -> Object {
            serde_json::from_value(json!({"kind": kind, "metadata": meta, "spec": spec})).unwrap()
        };
        let dying = |finalizers: Json, grace: Json| {
            let meta = json!({"deletionTimestamp": "t", "finalizers": finalizers,
                "deletionGracePeriodSeconds": grace});
            object("Pod", meta, json!({}))
        };
        let held = dying(json!(["a/b"]), json!(0));
        assert!(ends(&dying(json!([]), json!(0)), &held));
        assert!(!ends(&held, &held));
        assert!(!ends(&dying(json!([]), json!(9)), &dying(json!(["a/b"]), json!(9))));
        let alive = object("Pod", json!({}), json!({}));
        assert!(!ends(&alive, &alive));
        let namespace = |held: Json| {
            object("Namespace", json!({"deletionTimestamp": "t"}), json!({"finalizers": held}))
        };
        let held = namespace(json!(["kubernetes"]));
        assert!(!ends(&held, &held));
        assert!(ends(&namespace(json!([])), &held));
    }
}
