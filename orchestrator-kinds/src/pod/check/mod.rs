//! The rules of a pod spec, checked in the order in which clients know the errors.

mod affinity;
mod claims;
mod container;
mod dns;
mod env;
mod ephemeral;
mod gates;
mod handlers;
mod host;
mod init;
mod mounts;
mod node_selector;
mod operating_system;
mod pod_resources;
mod ports;
mod probes;
mod requirements;
mod restart;
mod security;
mod sources;
mod tolerations;
mod topology;
mod volume_files;
mod volumes;

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use crate::fields::Fields;
use crate::format::labels::check_labels;
use crate::format::names::{dns_label, dns_subdomain};
use crate::format::numbers::check_between;
use crate::report::Report;

pub use container::check_images;
pub use node_selector::{check_node_selector, check_node_selector_term};
pub use requirements::check_requirements;
pub use sources::{SourceNames, check_driver_name, check_source};
pub use tolerations::{check_taint_effect, check_tolerations};
pub use volume_files::{check_field_reference, check_resource_reference};

/// What the checks of containers know about their pod.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodCx<'a> {
    /// The spec.
    pub spec: &'a Json,
    /// Whether the pod's processes run under the users of the host.
    pub host_users: bool,
    /// How long the pod has to stop, in seconds.
    pub grace_s: i64,
    /// The volumes that are right in themselves.
    pub volumes: &'a [&'a Json],
}

impl<'a> PodCx<'a> {
    /// The volume of that name, if it is right in itself.
    pub fn volume(&self, name: &str) -> Option<&'a Json> {
        self.volumes.iter().copied().find(|volume| volume.text("name") == name)
    }

    /// Whether the pod declares a resource claim of that name.
    pub fn has_claim(&self, name: &str) -> bool {
        self.spec.list("resourceClaims").iter().any(|claim| claim.text("name") == name)
    }
}

/// Checks the spec of a pod or of a template at `path`.
pub fn check_spec(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let volumes = volumes::check(spec.list("volumes"), &path.child("volumes"), errors);
    let cx = PodCx {
        spec,
        host_users: spec.sub("hostUsers").as_bool().unwrap_or(true),
        grace_s: spec.int("terminationGracePeriodSeconds").unwrap_or_default(),
        volumes: &volumes,
    };
    claims::check(spec.list("resourceClaims"), &path.child("resourceClaims"), errors);
    container::check_all(&cx, &path.child("containers"), errors);
    init::check_all(&cx, &path.child("initContainers"), errors);
    ephemeral::check_all(&cx, &path.child("ephemeralContainers"), errors);
    if spec.has("resources") {
        pod_resources::check(&cx, path, errors);
    }
    host::check_ports(spec, path, errors);
    check_policies(spec, path, errors);
    check_labels(spec.map("nodeSelector"), &path.child("nodeSelector"), errors);
    security::check_pod(spec, &path.child("securityContext"), errors);
    affinity::check(spec.sub("affinity"), &path.child("affinity"), errors);
    dns::check(spec, &path.child("dnsConfig"), errors);
    gates::check_readiness(spec.list("readinessGates"), &path.child("readinessGates"), errors);
    gates::check_scheduling(spec.list("schedulingGates"), &path.child("schedulingGates"), errors);
    let constraints = spec.list("topologySpreadConstraints");
    topology::check(constraints, &path.child("topologySpreadConstraints"), errors);
    host::check_users(spec, path, errors);
    check_names(spec, path, errors);
    check_tolerations(spec.list("tolerations"), &path.child("tolerations"), errors);
    host::check_aliases(spec.list("hostAliases"), &path.child("hostAliases"), errors);
    check_scheduling_names(spec, path, errors);
    if let Some(overhead) = spec.map("overhead") {
        requirements::check_overhead(overhead, &path.child("overhead"), errors);
    }
    operating_system::check(spec, path, errors);
}

/// Checks how containers are restarted and names resolved.
fn check_policies(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    const RESTART: [&str; 3] = ["Always", "OnFailure", "Never"];
    const DNS: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    check_choice(spec, "restartPolicy", &RESTART, path, errors);
    check_choice(spec, "dnsPolicy", &DNS, path, errors);
}

/// Checks that the field `name` is one of `supported`; an empty one is missing.
pub(crate) fn check_choice(
    parent: &impl Fields,
    name: &str,
    supported: &[&str],
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    match parent.text(name) {
        "" => errors.required(&path.child(name), ""),
        value if supported.contains(&value) => {}
        value => errors.unsupported(&path.child(name), value, supported),
    }
}

/// Checks that the field `name`, where it is set, is one of `supported`.
pub(crate) fn check_option(
    parent: &impl Fields,
    name: &str,
    supported: &[&str],
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    if let Some(value) = parent.sub(name).as_str().filter(|value| !supported.contains(value)) {
        errors.unsupported(&path.child(name), value, supported);
    }
}

/// Checks the names that a pod has and gives, and how long it may run.
fn check_names(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    for name in ["serviceAccountName", "nodeName"] {
        let value = spec.text(name);
        if !value.is_empty() {
            errors.faults(&path.child(name), value, dns_subdomain(value));
        }
    }
    if let Some(seconds) = spec.int("activeDeadlineSeconds") {
        let field = path.child("activeDeadlineSeconds");
        check_between(seconds, 1, i64::from(i32::MAX), &field, errors);
    }
    for name in ["hostname", "subdomain"] {
        let value = spec.text(name);
        if !value.is_empty() {
            errors.faults(&path.child(name), value, dns_label(value));
        }
    }
}

/// Checks the classes that a pod belongs to.
fn check_scheduling_names(spec: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let priority_class = spec.text("priorityClassName");
    if !priority_class.is_empty() {
        let faults = dns_subdomain(priority_class);
        errors.faults(&path.child("priorityClassName"), priority_class, faults);
    }
    if let Some(class) = spec.sub("runtimeClassName").as_str() {
        errors.faults(&path.child("runtimeClassName"), class, dns_subdomain(class));
    }
    const PREEMPTION: [&str; 2] = ["PreemptLowerPriority", "Never"];
    check_option(spec, "preemptionPolicy", &PREEMPTION, path, errors);
}

#[cfg(test)]
mod tests;
