//! The status of a definition: names, conditions, and the write that stores them.

use orchestrator_core::apply::{FieldManager, FieldSet, Write};
use orchestrator_core::schema::Schema;
use orchestrator_core::{Json, Object, Revision, Status, Value};
use orchestrator_custom::condition::{self, APPROVAL, Condition};
use orchestrator_custom::names::{self, Taken};

use super::Plane;
use crate::registry::{Replaced, Stored};

/// Who writes the status of definitions.
const MANAGER: &str = "kube-apiserver";

const APPROVED: &str = "api-approved.kubernetes.io";

/// What a definition becomes when its names are decided about; `None` where it stays as it is.
pub(super) fn decide(definition: &Object, taken: &Taken, now: &str) -> Option<Object> {
    let mut new = definition.clone();
    let decision = names::decide(definition, taken);
    new.map_mut("status").insert("acceptedNames".into(), Json::Object(decision.accepted.clone()));
    condition::set(&mut new, &decision.condition, now);
    if let Some(established) = names::establish(definition, &decision) {
        condition::set(&mut new, &established, now);
    }
    match approval(definition) {
        Some(approval) => condition::set(&mut new, &approval, now),
        None => condition::remove(&mut new, APPROVAL),
    }
    (new != *definition).then_some(new)
}

/// Whether a group of the project itself is used with its word.
fn approval(definition: &Object) -> Option<Condition> {
    let group = definition.text_at(&["spec", "group"]);
    let is_of = |domain: &str| group == domain || group.ends_with(&format!(".{domain}"));
    if !is_of("k8s.io") && !is_of("kubernetes.io") {
        return None;
    }
    let text = definition.annotation(APPROVED).unwrap_or_default();
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    let (holds, reason, message) = if text.is_empty() {
        let why = format!("protected groups must have approval annotation {APPROVED:?}, {see}");
        (false, "MissingAnnotation", why)
    } else if text.starts_with("unapproved") {
        (false, "UnapprovedAnnotation", format!("not approved: {text:?}"))
    } else if text.starts_with("https://") || text.starts_with("http://") {
        (true, "ApprovedAnnotation", format!("approved in {text}"))
    } else {
        let why = format!(
            "protected groups must have approval annotation {APPROVED:?} with either a URL or a \
             reason starting with \"unapproved\", {see}"
        );
        (false, "InvalidAnnotation", why)
    };
    Some(Condition::new(APPROVAL, holds, reason, message))
}

/// Stores a new state of a definition over the one it was made of; the revision, unless somebody
/// was faster.
pub(super) async fn store(
    plane: &Plane,
    old: &Stored,
    mut new: Object,
) -> Result<Option<Revision>, Status> {
    track(plane, old.tree()?, &mut new);
    let replaced = plane.objects.replace(old, Value::from_object(new)).await?;
    Ok(match replaced {
        Replaced::Done(revision) => Some(revision),
        Replaced::Changed(_) => None,
    })
}

/// Notes who wrote the status.
fn track(plane: &Plane, old: &Object, new: &mut Object) {
    let schema = Schema::builtin();
    let Some(definition) = schema.kind_of(new.api_version(), new.kind()) else { return };
    if old.meta("managedFields").is_none() {
        return;
    }
    let reset = FieldSet::of([&["spec"][..], &["metadata"][..]]);
    let fields = FieldManager { schema, definition, reset_fields: Some(&reset) };
    let (api_version, now) = (new.api_version().to_owned(), plane.env.now_rfc3339());
    let write =
        Write { manager: MANAGER, api_version: &api_version, subresource: "status", now: &now };
    fields.update(Some(old), new, &write);
}
