//! How single kinds differ in what a write of the whole does: facts of the API that are neither
//! validation nor defaulting.

use orchestrator_core::GroupResource;

/// Kinds that an update without a `resourceVersion` may not change.
const CONDITIONAL: &[(&str, &str)] = &[
    ("coordination.k8s.io", "leases"),
    ("policy", "poddisruptionbudgets"),
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"),
    ("storage.k8s.io", "csistoragecapacities"),
    ("storage.k8s.io", "volumeattachments"),
    ("node.k8s.io", "runtimeclasses"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
];

/// Kinds that an update makes where they are not there.
const MADE_BY_UPDATE: &[(&str, &str)] = &[
    ("", "endpoints"),
    ("", "events"),
    ("", "limitranges"),
    ("", "services"),
    ("events.k8s.io", "events"),
    ("coordination.k8s.io", "leases"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
    ("scheduling.k8s.io", "priorityclasses"),
];

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

/// Whether an update may leave out the `resourceVersion`.
pub(crate) fn may_update_unconditionally(resource: &GroupResource) -> bool {
    !has(CONDITIONAL, resource)
}

/// Whether an update makes the object where it is not there.
pub(crate) fn is_made_by_update(resource: &GroupResource) -> bool {
    has(MADE_BY_UPDATE, resource)
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
