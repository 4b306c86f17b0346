//! What a pod, or a volume, names that its node must be able to read.

use orchestrator_core::Json;
use orchestrator_core::object::Object;

/// The kinds of objects that nodes are related to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A service account.
    Account,
    /// A volume attachment.
    Attachment,
    /// A claim of a volume.
    Claim,
    /// A config map.
    ConfigMap,
    /// A pod.
    Pod,
    /// A claim of a device.
    ResourceClaim,
    /// A secret.
    Secret,
    /// A slice of devices.
    Slice,
    /// A volume.
    Volume,
}

/// One object that is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// Its kind.
    pub(super) kind: Kind,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

/// The annotation of a pod that only mirrors one of the node's own.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// The lists of containers in a pod.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// What a volume's driver reads secrets by, in pods: the source and the field that refers to one.
const SOURCES: [(&str, &str); 8] = [
    ("cephfs", "secretRef"),
    ("cinder", "secretRef"),
    ("csi", "nodePublishSecretRef"),
    ("flexVolume", "secretRef"),
    ("iscsi", "secretRef"),
    ("rbd", "secretRef"),
    ("scaleIO", "secretRef"),
    ("storageos", "secretRef"),
];

/// The same in volumes of the cluster, which name the namespace too.
const VOLUME_SOURCES: [(&str, &str); 12] = [
    ("cephfs", "secretRef"),
    ("cinder", "secretRef"),
    ("csi", "controllerExpandSecretRef"),
    ("csi", "controllerPublishSecretRef"),
    ("csi", "nodeExpandSecretRef"),
    ("csi", "nodePublishSecretRef"),
    ("csi", "nodeStageSecretRef"),
    ("flexVolume", "secretRef"),
    ("iscsi", "secretRef"),
    ("rbd", "secretRef"),
    ("scaleIO", "secretRef"),
    ("storageos", "secretRef"),
];

/// What a pod uses. A mirror pod gives no rights: its node has made it.
pub(super) fn of_pod(pod: &Object) -> Vec<Use> {
    if pod.annotation(MIRROR).is_some() {
        return Vec::new();
    }
    let mut found = Found { namespace: pod.namespace(), uses: Vec::new() };
    let Some(spec) = pod.get("spec") else { return Vec::new() };
    found.add(Kind::Account, text(spec, &["serviceAccountName"]));
    for secret in list(spec, "imagePullSecrets") {
        found.add(Kind::Secret, text(secret, &["name"]));
    }
    for container in CONTAINERS.iter().flat_map(|name| list(spec, name)) {
        found.container(container);
    }
    for volume in list(spec, "volumes") {
        found.volume(pod.name(), volume);
    }
    for claim in list(spec, "resourceClaims") {
        found.add(Kind::ResourceClaim, text(claim, &["resourceClaimName"]));
    }
    if let Some(status) = pod.get("status") {
        for claim in list(status, "resourceClaimStatuses") {
            found.add(Kind::ResourceClaim, text(claim, &["resourceClaimName"]));
        }
        let extended = ["extendedResourceClaimStatus", "resourceClaimName"];
        found.add(Kind::ResourceClaim, text(status, &extended));
    }
    found.uses.sort();
    found.uses.dedup();
    found.uses
}

/// The secrets that a volume of the cluster names.
pub(super) fn of_volume(volume: &Object) -> Vec<Use> {
    let Some(spec) = volume.get("spec") else { return Vec::new() };
    let home = text(spec, &["claimRef", "namespace"]);
    let mut uses = Vec::new();
    let mut add = |namespace: &str, name: &str| {
        let namespace = if namespace.is_empty() { home } else { namespace };
        if !name.is_empty() {
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            uses.push(Use { kind: Kind::Secret, namespace, name });
        }
    };
    add(text(spec, &["azureFile", "secretNamespace"]), text(spec, &["azureFile", "secretName"]));
    for (source, field) in VOLUME_SOURCES {
        add(text(spec, &[source, field, "namespace"]), text(spec, &[source, field, "name"]));
    }
    uses
}

struct Found<'p> {
    namespace: &'p str,
    uses: Vec<Use>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, name: &str) {
        if !name.is_empty() {
            let (namespace, name) = (self.namespace.to_owned(), name.to_owned());
            self.uses.push(Use { kind, namespace, name });
        }
    }

    fn container(&mut self, container: &Json) {
        for env in list(container, "env") {
            self.add(Kind::Secret, text(env, &["valueFrom", "secretKeyRef", "name"]));
            self.add(Kind::ConfigMap, text(env, &["valueFrom", "configMapKeyRef", "name"]));
        }
        for env in list(container, "envFrom") {
            self.add(Kind::Secret, text(env, &["secretRef", "name"]));
            self.add(Kind::ConfigMap, text(env, &["configMapRef", "name"]));
        }
    }

    fn volume(&mut self, pod: &str, volume: &Json) {
        self.add(Kind::Secret, text(volume, &["secret", "secretName"]));
        self.add(Kind::Secret, text(volume, &["azureFile", "secretName"]));
        self.add(Kind::ConfigMap, text(volume, &["configMap", "name"]));
        self.add(Kind::Claim, text(volume, &["persistentVolumeClaim", "claimName"]));
        if volume.get("ephemeral").is_some_and(Json::is_object) {
            self.add(Kind::Claim, &format!("{pod}-{}", text(volume, &["name"])));
        }
        for (source, field) in SOURCES {
            self.add(Kind::Secret, text(volume, &[source, field, "name"]));
        }
        for source in volume.get("projected").into_iter().flat_map(|all| list(all, "sources")) {
            self.add(Kind::Secret, text(source, &["secret", "name"]));
            self.add(Kind::ConfigMap, text(source, &["configMap", "name"]));
        }
    }
}

fn list<'j>(json: &'j Json, name: &str) -> impl Iterator<Item = &'j Json> {
    json.get(name).and_then(Json::as_array).into_iter().flatten()
}

/// The text at a path; empty where there is none.
pub(super) fn text<'j>(json: &'j Json, path: &[&str]) -> &'j str {
    let found = path.iter().try_fold(json, |json, name| json.get(*name));
    found.and_then(Json::as_str).unwrap_or_default()
}
