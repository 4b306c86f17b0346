//! Which fields Go leaves out when they are empty, and which it writes even then.
//!
//! OpenAPI does not tell a pointer, whose zero has a meaning (`replicas: 0`), from a plain
//! value, whose zero is as good as absent (`hostPort: 0`). Optional texts are mostly plain and
//! optional numbers and truth values mostly pointers, so the exceptions are listed here.

use super::{Field, Scalar, Type};
use crate::Json;

/// Optional texts that are pointers: the empty text means something.
const TEXT_POINTERS: &[&str] = &[
    "appProtocol",
    "cachingMode",
    "currentVolumeAttributesClassName",
    "endpointsNamespace",
    "fsGroupChangePolicy",
    "gmsaCredentialSpec",
    "gmsaCredentialSpecName",
    "holderIdentity",
    "hostnameOverride",
    "ingressClassName",
    "initiatorName",
    "internalTrafficPolicy",
    "ipFamilyPolicy",
    "labelSelectorPath",
    "loadBalancerClass",
    "localhostProfile",
    "managedBy",
    "mountPropagation",
    "nodeAffinityPolicy",
    "nodeTaintsPolicy",
    "parameterNotFoundAction",
    "pathType",
    "persistentVolumeName",
    "podReplacementPolicy",
    "preemptionPolicy",
    "preferredHolder",
    "procMount",
    "propagationPolicy",
    "reclaimPolicy",
    "recursiveReadOnly",
    "reinvocationPolicy",
    "resourceClaimName",
    "resourceClaimTemplateName",
    "runAsUserName",
    "runtimeClassName",
    "seLinuxChangePolicy",
    "secretNamespace",
    "selectPolicy",
    "stopSignal",
    "storageClassName",
    "succeededIndexes",
    "supplementalGroupsPolicy",
    "timeZone",
    "trafficDistribution",
    "unhealthyPodEvictionPolicy",
    "volumeAttributesClassName",
    "volumeBindingMode",
    "volumeMode",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
];

/// The same for names that are pointers in some structs only.
const TEXT_POINTERS_OF: &[(&str, &str)] = &[
    ("AzureDiskVolumeSource", "fsType"),
    ("AzureDiskVolumeSource", "kind"),
    ("CSIDriverSpec", "fsGroupPolicy"),
    ("CSIVolumeSource", "fsType"),
    ("ClusterTrustBundleProjection", "name"),
    ("ClusterTrustBundleProjection", "signerName"),
    ("Container", "restartPolicy"),
    ("Endpoint", "hostname"),
    ("Endpoint", "nodeName"),
    ("Endpoint", "zone"),
    ("EndpointAddress", "nodeName"),
    ("EphemeralContainer", "restartPolicy"),
    ("discovery.v1.EndpointPort", "name"),
    ("HostPathVolumeSource", "type"),
    ("IngressClassParametersReference", "apiGroup"),
    ("IngressClassParametersReference", "namespace"),
    ("IngressClassParametersReference", "scope"),
    ("IngressPortStatus", "error"),
    ("JobSpec", "completionMode"),
    ("JobStatus", "failedIndexes"),
    ("LeaseSpec", "strategy"),
    ("LoadBalancerIngress", "ipMode"),
    ("LocalVolumeSource", "fsType"),
    ("MatchResources", "matchPolicy"),
    ("MutatingWebhook", "failurePolicy"),
    ("MutatingWebhook", "matchPolicy"),
    ("NetworkPolicyPort", "protocol"),
    ("PodFailurePolicyOnExitCodesRequirement", "containerName"),
    ("PortStatus", "error"),
    ("Preconditions", "resourceVersion"),
    ("Preconditions", "uid"),
    ("ServiceReference", "path"),
    ("TypedLocalObjectReference", "apiGroup"),
    ("TypedObjectReference", "apiGroup"),
    ("TypedObjectReference", "namespace"),
    ("ValidatingAdmissionPolicySpec", "failurePolicy"),
    ("MutatingAdmissionPolicySpec", "failurePolicy"),
    ("Validation", "reason"),
    ("ValidatingWebhook", "failurePolicy"),
    ("ValidatingWebhook", "matchPolicy"),
    ("ValidationRule", "reason"),
    ("WebhookClientConfig", "url"),
];

/// Optional numbers that are plain values, in any struct.
const NUMBER_VALUES: &[&str] = &[
    "active",
    "availableReplicas",
    "count",
    "currentReplicas",
    "failed",
    "failureThreshold",
    "fullyLabeledReplicas",
    "generation",
    "healthCheckNodePort",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "numberAvailable",
    "numberUnavailable",
    "observedGeneration",
    "retryAfterSeconds",
    "signal",
    "succeeded",
    "successThreshold",
    "unavailableReplicas",
    "updatedNumberScheduled",
    "updatedReplicas",
];

/// The same for names that are plain values in some structs only.
const NUMBER_VALUES_OF: &[(&str, &str)] = &[
    ("AWSElasticBlockStoreVolumeSource", "partition"),
    ("DeploymentStatus", "readyReplicas"),
    ("DeploymentStatus", "replicas"),
    ("GCEPersistentDiskVolumeSource", "partition"),
    ("Probe", "periodSeconds"),
    ("Probe", "timeoutSeconds"),
    ("ReplicaSetStatus", "readyReplicas"),
    ("ReplicationControllerStatus", "readyReplicas"),
    ("ScaleSpec", "replicas"),
    ("StatefulSetStatus", "readyReplicas"),
];

/// Optional truth values that are plain values.
const BOOL_VALUES: &[&str] = &[
    "authenticated",
    "chapAuthDiscovery",
    "chapAuthSession",
    "denied",
    "deprecated",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "globalDefault",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "incomplete",
    "insecureSkipTLSVerify",
    "nullable",
    "paused",
    "preserveUnknownFields",
    "publishNotReadyAddresses",
    "readOnly",
    "sslEnabled",
    "stdin",
    "stdinOnce",
    "tty",
    "uniqueItems",
    "unschedulable",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
];

/// Times that are plain values, which Go writes as null.
const TIME_VALUES: &[&str] = &[
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "eventTime",
    "finishedAt",
    "firstTimestamp",
    "lastHeartbeatTime",
    "lastObservedTime",
    "lastProbeTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "startedAt",
];

/// Optional lists that Go writes as null.
const NULL_LISTS_OF: &[(&str, &str)] = &[
    ("ClusterRole", "rules"),
    ("CustomResourceDefinitionStatus", "conditions"),
    ("DeviceClaim", "requests"),
    ("EndpointSlice", "endpoints"),
    ("EndpointSlice", "ports"),
    ("HorizontalPodAutoscalerStatus", "currentMetrics"),
    ("ProjectedVolumeSource", "sources"),
    ("Role", "rules"),
];

/// Whether Go writes `field` of the struct named even when it is empty.
pub(super) fn is_implied(definition: &str, field: &Field) -> bool {
    let default = field.default.as_deref();
    match field.ty {
        Type::Ref(..) => default.is_some(),
        Type::List(_) | Type::Map(_) => {
            field.required || is_listed(NULL_LISTS_OF, definition, &field.name)
        }
        Type::Scalar(Scalar::Time | Scalar::MicroTime) => {
            TIME_VALUES.contains(&&*field.name)
                || is_listed(&[("VolumeError", "time")], definition, &field.name)
        }
        // Any other default is written by defaulting, not by Go.
        Type::Scalar(_) => {
            let pointer = [("ReplicationControllerSpec", "minReadySeconds")];
            default.is_some_and(is_zero) && !is_listed(&pointer, definition, &field.name)
        }
    }
}

/// Whether the list names the field of this struct; a struct is given by the end of its name.
fn is_listed(list: &[(&str, &str)], definition: &str, field: &str) -> bool {
    list.iter().any(|(name, listed)| {
        *listed == field
            && definition
                .strip_suffix(name)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn is_zero(value: &Json) -> bool {
    match value {
        Json::String(text) => text.is_empty(),
        Json::Bool(set) => !set,
        Json::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}

/// Whether Go leaves `field` of the struct named out when it is empty, 0 or false.
pub(super) fn is_omitted(definition: &str, field: &Field) -> bool {
    if field.required || field.default.is_some() {
        return false;
    }
    let name = &*field.name;
    let listed = |all: &[&str], some: &[(&str, &str)]| {
        all.contains(&name) || is_listed(some, definition, name)
    };
    match field.ty {
        Type::Scalar(Scalar::String) => !listed(TEXT_POINTERS, TEXT_POINTERS_OF),
        Type::Scalar(Scalar::Int | Scalar::Int64) => listed(NUMBER_VALUES, NUMBER_VALUES_OF),
        Type::Scalar(Scalar::Bool) => {
            BOOL_VALUES.contains(&name) && !definition.ends_with(".AzureDiskVolumeSource")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::Schema;

    #[test]
    fn a_pointers_zero_is_kept_and_a_plain_zero_is_not() {
        let omits = |definition: &str, field: &str| {
            let definition = Schema::builtin().definition(definition).unwrap();
            definition.field(field).unwrap().omits_zero
        };
        assert!(omits("io.k8s.api.core.v1.PodSpec", "hostNetwork"));
        assert!(omits("io.k8s.api.core.v1.PodSpec", "nodeName"));
        assert!(omits("io.k8s.api.core.v1.ContainerPort", "hostPort"));
        assert!(!omits("io.k8s.api.apps.v1.DeploymentSpec", "replicas"));
        assert!(!omits("io.k8s.api.core.v1.PodSpec", "automountServiceAccountToken"));
        assert!(!omits("io.k8s.api.core.v1.PersistentVolumeClaimSpec", "storageClassName"));
        assert!(!omits("io.k8s.api.core.v1.Container", "name"));
    }
}
