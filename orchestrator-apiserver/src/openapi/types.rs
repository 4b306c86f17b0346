//! The built-in types: their schemas as `schemars` derives them from the Rust types.

use std::sync::LazyLock;

use k8s_openapi::api;
use orchestrator_core::Json;
use orchestrator_core::object::Map;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;

/// Where definitions stand in a document of OpenAPI v3.
pub(super) const SCHEMAS: &str = "#/components/schemas/";

/// Adds the schema of each type, and of all that it refers to.
macro_rules! add {
    ($generator:ident: $($module:path { $($kind:ident)* })*) => {{
        $({
            use $module as module;
            $($generator.subschema_for::<module::$kind>();)*
        })*
    }};
}

/// All built-in definitions by full name, without the extensions of Kubernetes.
pub(super) fn definitions() -> &'static Map {
    static DEFINITIONS: LazyLock<Map> = LazyLock::new(|| {
        let mut generator = generator();
        workloads(&mut generator);
        policies(&mut generator);
        infrastructure(&mut generator);
        let definitions = generator.take_definitions(false).into_iter();
        definitions.map(|(name, schema)| (name, Json::from(schema))).collect()
    });
    &DEFINITIONS
}

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    settings.into_generator()
}

fn workloads(generator: &mut SchemaGenerator) {
    add!(generator:
        api::core::v1 {
            Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node
            PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController
            ResourceQuota Secret Service ServiceAccount
        }
        api::apps::v1 { ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet }
        api::autoscaling::v1 { HorizontalPodAutoscaler Scale }
        api::autoscaling::v2 { HorizontalPodAutoscaler }
        api::batch::v1 { CronJob Job }
        api::events::v1 { Event }
        api::policy::v1 { Eviction PodDisruptionBudget }
    );
}

fn policies(generator: &mut SchemaGenerator) {
    add!(generator:
        api::admissionregistration::v1 {
            MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration
            ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
            ValidatingWebhookConfiguration
        }
        api::authentication::v1 { SelfSubjectReview TokenRequest TokenReview }
        api::authorization::v1 {
            LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview
            SubjectAccessReview
        }
        api::certificates::v1 { CertificateSigningRequest }
        api::flowcontrol::v1 { FlowSchema PriorityLevelConfiguration }
        api::rbac::v1 { ClusterRole ClusterRoleBinding Role RoleBinding }
        api::scheduling::v1 { PriorityClass }
    );
}

fn infrastructure(generator: &mut SchemaGenerator) {
    add!(generator:
        k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 {
            CustomResourceDefinition
        }
        k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 { APIService }
        k8s_openapi::apimachinery::pkg::apis::meta::v1 {
            APIGroup APIGroupList APIResourceList APIVersions DeleteOptions ListMeta Status
        }
        api::coordination::v1 { Lease }
        api::discovery::v1 { EndpointSlice }
        api::networking::v1 { Ingress IngressClass IPAddress NetworkPolicy ServiceCIDR }
        api::node::v1 { RuntimeClass }
        api::resource::v1 { DeviceClass ResourceClaim ResourceClaimTemplate ResourceSlice }
        api::storage::v1 {
            CSIDriver CSINode CSIStorageCapacity StorageClass VolumeAttachment
            VolumeAttributesClass
        }
    );
}

/// The definition names that `schema` refers to.
pub(super) fn references<'a>(schema: &'a Json, found: &mut dyn FnMut(&'a str)) {
    match schema {
        Json::Object(map) => {
            for (key, value) in map {
                match value.as_str().filter(|_| key == "$ref") {
                    Some(target) => found(target.strip_prefix(SCHEMAS).unwrap_or(target)),
                    None => references(value, found),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
