//! Which rules belong to a kind.

use std::sync::Arc;

use orchestrator_core::resource::{Scope, Strategy};

use super::facts::Facts;
use crate::kinds::{
    admissionregistration, apiextensions, apiregistration, apps, authorization, autoscaling, batch,
    certificates, coordination, core, discovery, flowcontrol, networking, node, policy, rbac,
    resource, scheduling, storage,
};
use crate::rules::{Checked, Rules};

/// A kind that is answered and not stored: it has neither a name nor rules of its own.
#[derive(Debug)]
struct Plain;

impl Rules for Plain {
    fn has_name(&self) -> bool {
        false
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// The strategy of a kind.
pub(super) fn of(facts: &Facts) -> Arc<dyn Strategy> {
    let namespaced = facts.scope == Scope::Namespaced;
    let with = With { namespaced };
    match (&*facts.gvr.group, &*facts.gvr.version, &*facts.gvr.resource) {
        ("", _, plural) => of_core(plural, with),
        ("apps", _, plural) => of_apps(plural, with),
        ("events.k8s.io", _, _) => with.rules(core::event::Event),
        ("admissionregistration.k8s.io", _, plural) => of_admission(plural, with),
        ("apiextensions.k8s.io", _, _) => {
            with.rules(apiextensions::customresourcedefinition::CustomResourceDefinition)
        }
        ("apiregistration.k8s.io", _, _) => with.rules(apiregistration::apiservice::ApiService),
        ("authorization.k8s.io", _, plural) => of_authorization(plural, with),
        ("autoscaling", "v1", _) => with.rules(autoscaling::horizontalpodautoscaler::V1),
        ("autoscaling", _, _) => with.rules(autoscaling::horizontalpodautoscaler::V2),
        ("batch", _, "jobs") => with.rules(batch::job::Job),
        ("batch", _, _) => with.rules(batch::cronjob::CronJob),
        ("certificates.k8s.io", _, _) => {
            with.rules(certificates::certificatesigningrequest::CertificateSigningRequest)
        }
        ("coordination.k8s.io", _, _) => with.rules(coordination::lease::Lease),
        ("discovery.k8s.io", _, _) => with.rules(discovery::endpointslice::EndpointSlice),
        ("flowcontrol.apiserver.k8s.io", _, plural) => of_flowcontrol(plural, with),
        ("networking.k8s.io", _, plural) => of_networking(plural, with),
        ("node.k8s.io", _, _) => with.rules(node::runtimeclass::RuntimeClass),
        ("policy", _, _) => with.rules(policy::poddisruptionbudget::PodDisruptionBudget),
        ("rbac.authorization.k8s.io", _, plural) => of_rbac(plural, with),
        ("resource.k8s.io", _, plural) => of_resource(plural, with),
        ("scheduling.k8s.io", _, _) => with.rules(scheduling::priorityclass::PriorityClass),
        ("storage.k8s.io", _, plural) => of_storage(plural, with),
        _ => with.rules(Plain),
    }
}

/// Makes strategies of rules.
#[derive(Clone, Copy)]
struct With {
    namespaced: bool,
}

impl With {
    fn rules(self, rules: impl Rules) -> Arc<dyn Strategy> {
        Arc::new(Checked { rules, namespaced: self.namespaced })
    }
}

fn of_core(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "configmaps" => with.rules(core::configmap::ConfigMap),
        "endpoints" => with.rules(core::endpoints::Endpoints),
        "events" => with.rules(core::event::CoreEvent),
        "limitranges" => with.rules(core::limitrange::LimitRange),
        "namespaces" => with.rules(core::namespace::Namespace),
        "nodes" => with.rules(core::node::Node),
        "persistentvolumeclaims" => with.rules(core::persistentvolumeclaim::PersistentVolumeClaim),
        "persistentvolumes" => with.rules(core::persistentvolume::PersistentVolume),
        "pods" => with.rules(core::pod::Pod),
        "podtemplates" => with.rules(core::podtemplate::PodTemplate),
        "replicationcontrollers" => with.rules(core::replicationcontroller::ReplicationController),
        "resourcequotas" => with.rules(core::resourcequota::ResourceQuota),
        "secrets" => with.rules(core::secret::Secret),
        "serviceaccounts" => with.rules(core::serviceaccount::ServiceAccount),
        "services" => with.rules(core::service::Service),
        _ => with.rules(Plain),
    }
}

fn of_apps(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "controllerrevisions" => with.rules(apps::controllerrevision::ControllerRevision),
        "daemonsets" => with.rules(apps::daemonset::DaemonSet),
        "deployments" => with.rules(apps::deployment::Deployment),
        "replicasets" => with.rules(apps::replicaset::ReplicaSet),
        "statefulsets" => with.rules(apps::statefulset::StatefulSet),
        _ => with.rules(Plain),
    }
}

fn of_networking(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "ingressclasses" => with.rules(networking::ingressclass::IngressClass),
        "ingresses" => with.rules(networking::ingress::Ingress),
        "ipaddresses" => with.rules(networking::ipaddress::IpAddress),
        "networkpolicies" => with.rules(networking::networkpolicy::NetworkPolicy),
        "servicecidrs" => with.rules(networking::servicecidr::ServiceCidr),
        _ => with.rules(Plain),
    }
}

fn of_rbac(plural: &str, with: With) -> Arc<dyn Strategy> {
    let cluster = !with.namespaced;
    match plural {
        "clusterroles" | "roles" => with.rules(rbac::role::Role { cluster }),
        _ => with.rules(rbac::binding::Binding { cluster }),
    }
}

fn of_admission(plural: &str, with: With) -> Arc<dyn Strategy> {
    use admissionregistration::{policy, policybinding, webhookconfiguration};
    let mutating = plural.starts_with("mutating");
    if plural.ends_with("webhookconfigurations") {
        with.rules(webhookconfiguration::WebhookConfiguration { mutating })
    } else if plural.ends_with("bindings") {
        with.rules(policybinding::PolicyBinding { mutating })
    } else {
        with.rules(policy::AdmissionPolicy { mutating })
    }
}

fn of_authorization(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "selfsubjectrulesreviews" => with.rules(Plain),
        _ => {
            let of_self = plural.starts_with("self");
            with.rules(authorization::accessreview::AccessReview { of_self })
        }
    }
}

fn of_flowcontrol(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "flowschemas" => with.rules(flowcontrol::flowschema::FlowSchema),
        _ => with.rules(flowcontrol::prioritylevelconfiguration::PriorityLevelConfiguration),
    }
}

fn of_resource(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "deviceclasses" => with.rules(resource::deviceclass::DeviceClass),
        "resourceclaims" => with.rules(resource::resourceclaim::ResourceClaim),
        "resourceclaimtemplates" => with.rules(resource::resourceclaim::ResourceClaimTemplate),
        _ => with.rules(resource::resourceslice::ResourceSlice),
    }
}

fn of_storage(plural: &str, with: With) -> Arc<dyn Strategy> {
    match plural {
        "csidrivers" => with.rules(storage::csidriver::CsiDriver),
        "csinodes" => with.rules(storage::csinode::CsiNode),
        "csistoragecapacities" => with.rules(storage::csistoragecapacity::CsiStorageCapacity),
        "storageclasses" => with.rules(storage::storageclass::StorageClass),
        "volumeattachments" => with.rules(storage::volumeattachment::VolumeAttachment),
        _ => with.rules(storage::volumeattributesclass::VolumeAttributesClass),
    }
}
