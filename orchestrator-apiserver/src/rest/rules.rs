//! How single kinds differ in what a deletion does: facts of the API that are neither
//! validation nor defaulting.

use orchestrator_core::GroupResource;

/// Kinds whose deletion is answered with the last state instead of a status.
const SHOWN_WHEN_DELETED: &[(&str, &str)] = &[
    ("", "persistentvolumeclaims"),
    ("", "persistentvolumes"),
    ("", "pods"),
    ("", "podtemplates"),
    ("", "resourcequotas"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "csistoragecapacities"),
    ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "volumeattachments"),
    ("storage.k8s.io", "volumeattributesclasses"),
];

/// Kinds whose objects own nothing, so that a deletion leaves the finalizers alone.
const WITHOUT_DEPENDENTS: &[(&str, &str)] = &[("", "events"), ("events.k8s.io", "events")];

/// Kinds whose dependents stay when a deletion says nothing about them.
const ORPHANING: &[(&str, &str)] = &[("", "replicationcontrollers"), ("batch", "jobs")];

fn has(table: &[(&str, &str)], resource: &GroupResource) -> bool {
    table.contains(&(&*resource.group, &*resource.resource))
}

/// Whether a deletion is answered with the object's last state.
pub(crate) fn is_shown_when_deleted(resource: &GroupResource) -> bool {
    has(SHOWN_WHEN_DELETED, resource)
}

/// Whether objects of the kind may own others.
pub(crate) fn has_dependents(resource: &GroupResource) -> bool {
    !has(WITHOUT_DEPENDENTS, resource)
}

/// Whether dependents stay when a deletion says nothing about them.
pub(crate) fn orphans_dependents(resource: &GroupResource) -> bool {
    has(ORPHANING, resource)
}
