//! The descriptions of all built-in types, from `schemars` on the types of `k8s-openapi`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use orchestrator_core::Json;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;

/// What is said about a type and its fields.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) description: String,
    pub(super) fields: BTreeMap<String, String>,
}

/// What is said about the type of the given full name, such as `io.k8s.api.core.v1.Pod`.
pub(super) fn words(name: &str) -> Option<&'static Words> {
    static WORDS: LazyLock<BTreeMap<String, Words>> = LazyLock::new(read);
    WORDS.get(name)
}

fn read() -> BTreeMap<String, Words> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    add_kinds(&mut generator);
    let definitions = generator.take_definitions(false);
    definitions.into_iter().map(|(name, schema)| (name, words_of(&schema))).collect()
}

fn words_of(schema: &Json) -> Words {
    let description = |schema: &Json| schema["description"].as_str().unwrap_or_default().to_owned();
    let fields = schema["properties"].as_object().into_iter().flatten();
    Words {
        description: description(schema),
        fields: fields.map(|(name, schema)| (name.clone(), description(schema))).collect(),
    }
}

/// The kinds at the root of all types; what they are made of comes with them.
macro_rules! kinds {
    ($($($module:ident)::+ { $($kind:ident)* })*) => {
        fn add_kinds(generator: &mut SchemaGenerator) {
            $($(
                // The reference itself is of no use: the type is now among the definitions.
                let _ = generator.subschema_for::<k8s_openapi::$($module)::+::$kind>();
            )*)*
        }
    };
}

kinds! {
    api::admissionregistration::v1 {
        MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration
        ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration
    }
    api::apps::v1 { ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet }
    api::authentication::v1 { SelfSubjectReview TokenRequest TokenReview }
    api::authorization::v1 {
        LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview
        SubjectAccessReview
    }
    api::autoscaling::v1 { HorizontalPodAutoscaler Scale }
    api::autoscaling::v2 { HorizontalPodAutoscaler }
    api::batch::v1 { CronJob Job }
    api::certificates::v1 { CertificateSigningRequest }
    api::coordination::v1 { Lease }
    api::core::v1 {
        Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node
        PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota
        Secret Service ServiceAccount
    }
    api::discovery::v1 { EndpointSlice }
    api::events::v1 { Event }
    api::flowcontrol::v1 { FlowSchema PriorityLevelConfiguration }
    api::networking::v1 { IPAddress Ingress IngressClass NetworkPolicy ServiceCIDR }
    api::node::v1 { RuntimeClass }
    api::policy::v1 { Eviction PodDisruptionBudget }
    api::rbac::v1 { ClusterRole ClusterRoleBinding Role RoleBinding }
    api::resource::v1 { DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice }
    api::scheduling::v1 { PriorityClass }
    api::storage::v1 {
        CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass
    }
    apiextensions_apiserver::pkg::apis::apiextensions::v1 { CustomResourceDefinition }
    apimachinery::pkg::apis::meta::v1 {
        APIGroup APIGroupList APIResourceList APIVersions DeleteOptions ListMeta Status
    }
    kube_aggregator::pkg::apis::apiregistration::v1 { APIService }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_kind_is_described() {
        let pod = words("io.k8s.api.core.v1.PodSpec").unwrap();
        assert!(pod.description.starts_with("PodSpec is a description of a pod"));
        assert!(pod.fields["containers"].starts_with("List of containers"));
        assert!(words("io.k8s.api.core.v1.Nothing").is_none());
    }
}
