//! What `kubectl get` shows of each kind: the cells, in the order of the columns.
//!
//! One function per kind, in a file per area; [`row`] is the list of them. The words for what is
//! missing (`<none>`, `<unset>`, `<unknown>`) are those that people know from the real ones.

mod admission;
mod age;
mod autoscaling;
mod batch;
mod cell;
mod certificate;
mod cluster;
mod config;
mod event;
mod flowcontrol;
mod network;
mod node;
mod pod;
mod policy;
mod quota;
mod rbac;
mod resource;
mod service;
mod storage;
#[cfg(test)]
mod tests;
mod workload;

pub use age::since;

use jiff::Timestamp;
use orchestrator_core::{GroupVersionResource, Json, Object};

/// Makes the cells of one object; ages are relative to the time given.
pub(crate) type Row = fn(&Object, Timestamp) -> Vec<Json>;

/// The row of a kind; name and time of creation for one that has no other.
pub(crate) fn row(gvr: &GroupVersionResource) -> Row {
    match (&*gvr.group, &*gvr.resource) {
        ("", resource) => core(resource),
        ("apps", "controllerrevisions") => workload::controller_revision,
        ("apps", "daemonsets") => workload::daemon_set,
        ("apps", "deployments") => workload::deployment,
        ("apps", "replicasets") => workload::replica_set,
        ("apps", "statefulsets") => workload::stateful_set,
        ("events.k8s.io", "events") => event::modern,
        ("autoscaling", "horizontalpodautoscalers") if gvr.version == "v1" => autoscaling::v1,
        ("autoscaling", "horizontalpodautoscalers") => autoscaling::v2,
        ("batch", "cronjobs") => batch::cron_job,
        ("batch", "jobs") => batch::job,
        ("certificates.k8s.io", "certificatesigningrequests") => certificate::request,
        ("policy", "poddisruptionbudgets") => policy::disruption_budget,
        ("scheduling.k8s.io", "priorityclasses") => policy::priority_class,
        ("coordination.k8s.io", "leases") => cluster::lease,
        ("node.k8s.io", "runtimeclasses") => cluster::runtime_class,
        ("apiregistration.k8s.io", "apiservices") => cluster::api_service,
        ("discovery.k8s.io", "endpointslices") => network::endpoint_slice,
        ("networking.k8s.io", "ingressclasses") => network::ingress_class,
        ("networking.k8s.io", "ingresses") => network::ingress,
        ("networking.k8s.io", "ipaddresses") => network::ip_address,
        ("networking.k8s.io", "networkpolicies") => network::policy,
        ("networking.k8s.io", "servicecidrs") => network::service_cidr,
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => rbac::binding,
        ("storage.k8s.io", resource) => storage(resource),
        ("admissionregistration.k8s.io", resource) => admission(resource),
        ("resource.k8s.io", "deviceclasses" | "resourceclaimtemplates") => config::name_and_age,
        ("resource.k8s.io", "resourceclaims") => resource::claim,
        ("resource.k8s.io", "resourceslices") => resource::slice,
        ("flowcontrol.apiserver.k8s.io", "flowschemas") => flowcontrol::schema,
        ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations") => flowcontrol::level,
        _ => config::name_and_time,
    }
}

fn core(resource: &str) -> Row {
    match resource {
        "componentstatuses" => cluster::component_status,
        "configmaps" => config::config_map,
        "endpoints" => network::endpoints,
        "events" => event::core,
        "namespaces" => cluster::namespace,
        "nodes" => node::row,
        "persistentvolumeclaims" => storage::claim,
        "persistentvolumes" => storage::volume,
        "pods" => pod::row,
        "podtemplates" => workload::pod_template,
        "replicationcontrollers" => workload::replication_controller,
        "resourcequotas" => quota::row,
        "secrets" => config::secret,
        "serviceaccounts" => config::name_and_age,
        "services" => service::row,
        _ => config::name_and_time,
    }
}

fn storage(resource: &str) -> Row {
    match resource {
        "csidrivers" => storage::csi_driver,
        "csinodes" => storage::csi_node,
        "storageclasses" => storage::class,
        "volumeattachments" => storage::attachment,
        "volumeattributesclasses" => storage::attributes_class,
        _ => config::name_and_time,
    }
}

fn admission(resource: &str) -> Row {
    match resource {
        "mutatingadmissionpolicies" => admission::mutating_policy,
        "validatingadmissionpolicies" => admission::validating_policy,
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => admission::webhooks,
        _ => admission::binding,
    }
}
