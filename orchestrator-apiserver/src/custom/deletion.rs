//! The begin of a definition's end: it stays until its objects are gone.

use orchestrator_core::Object;
use orchestrator_custom::condition::{self, Condition, TERMINATING};

use super::definitions;
use crate::pipeline::Cx;

/// Holds a definition until its objects are gone.
pub(super) const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// The state in which the deletion of the definition `old` begins; `None` for any other object,
/// and for a deletion that is under way.
pub(crate) fn begin(cx: &Cx<'_>, old: &Object) -> Option<Object> {
    let gvr = &cx.resource.def.gvr;
    if *gvr != definitions() || old.deletion_timestamp().is_some() {
        return None;
    }
    let mut new = old.clone();
    let mut finalizers: Vec<String> = old.finalizers().map(str::to_owned).collect();
    if !finalizers.iter().any(|name| name == FINALIZER) {
        finalizers.push(FINALIZER.to_owned());
    }
    new.set_meta("finalizers", finalizers);
    new.set_meta("deletionTimestamp", cx.now());
    let why = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin \
               soon";
    let condition = Condition::new(TERMINATING, true, "InstanceDeletionPending", why);
    condition::set(&mut new, &condition, cx.now());
    Some(new)
}

/// Whether an object ends with its last finalizer, without a grace period: a definition does.
pub(crate) fn ends_at_once(object: &Object) -> bool {
    object.kind() == "CustomResourceDefinition"
        && object.api_version().starts_with("apiextensions.k8s.io/")
}
