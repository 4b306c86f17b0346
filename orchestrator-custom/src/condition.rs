//! The conditions of a definition.

use orchestrator_core::{Json, Object};
use serde_json::json;

use crate::value::Fields;

/// The names are nobody else's.
pub const NAMES_ACCEPTED: &str = "NamesAccepted";
/// The kind is served.
pub const ESTABLISHED: &str = "Established";
/// The definition is on its way out.
pub const TERMINATING: &str = "Terminating";
/// Whether a group of the project itself is used with its approval.
pub const APPROVAL: &str = "KubernetesAPIApprovalPolicyConformant";

/// A condition without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in a sentence.
    pub message: String,
}

impl Condition {
    /// The condition `kind`.
    pub fn new(
        kind: &'static str,
        holds: bool,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, holds, reason, message: message.into() }
    }
}

fn find<'o>(definition: &'o Object, kind: &str) -> Option<&'o Json> {
    let conditions = definition.as_map().sub("status").list("conditions");
    conditions.iter().find(|condition| condition.text("type") == kind)
}

/// Whether the condition `kind` of a definition holds.
pub fn holds(definition: &Object, kind: &str) -> bool {
    find(definition, kind).is_some_and(|condition| condition.text("status") == "True")
}

/// Writes a condition into a definition; its time is `now` where its status changes.
pub fn set(definition: &mut Object, condition: &Condition, now: &str) {
    let status = if condition.holds { "True" } else { "False" };
    let known = find(definition, condition.kind);
    let since = known
        .filter(|known| known.text("status") == status)
        .map_or(now, |known| known.text("lastTransitionTime"));
    let mut written = json!({
        "type": condition.kind,
        "status": status,
        "lastTransitionTime": since,
        "reason": condition.reason,
        "message": condition.message,
    });
    if let Some(generation) = known.and_then(|known| known.get("observedGeneration")) {
        written["observedGeneration"] = generation.clone();
    }
    let conditions = definition.map_mut("status").entry("conditions").or_insert(json!([]));
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let conditions = conditions.as_array_mut().expect("made as a list");
    match conditions.iter_mut().find(|known| known.text("type") == condition.kind) {
        Some(known) => *known = written,
        None => conditions.push(written),
    }
}

/// Takes a condition out of a definition.
pub fn remove(definition: &mut Object, kind: &str) {
    if let Some(Json::Array(conditions)) = definition.map_mut("status").get_mut("conditions") {
        conditions.retain(|condition| condition.text("type") != kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_condition_is_that_of_its_status() {
        let mut definition = Object::new("v1", "X");
        set(&mut definition, &Condition::new(ESTABLISHED, false, "A", "a"), "1");
        set(&mut definition, &Condition::new(ESTABLISHED, false, "B", "b"), "2");
        let told = |definition: &Object| {
            let condition = find(definition, ESTABLISHED).unwrap();
            (condition.text("reason").to_owned(), condition.text("lastTransitionTime").to_owned())
        };
        assert_eq!(told(&definition), ("B".into(), "1".into()));
        set(&mut definition, &Condition::new(ESTABLISHED, true, "C", "c"), "3");
        assert_eq!(told(&definition), ("C".into(), "3".into()));
        assert!(holds(&definition, ESTABLISHED) && !holds(&definition, TERMINATING));
        remove(&mut definition, ESTABLISHED);
        assert!(!holds(&definition, ESTABLISHED));
    }
}
