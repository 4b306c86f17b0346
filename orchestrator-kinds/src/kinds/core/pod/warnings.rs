//! What is right in a pod but unwise.

use orchestrator_core::field::Path;
use orchestrator_core::{Json, Object};

use crate::fields::Fields;
use crate::format::names::dns_label;
use crate::pod::apparmor::ANNOTATION_PREFIX;
use crate::pod::defaults::CONTAINER_LISTS;
use crate::pod::resources::amount;

/// Volumes that do nothing any more, what warnings call them, and since when.
const NON_FUNCTIONAL: [(&str, &str, &str); 9] = [
    (
        "photonPersistentDisk",
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// Labels of nodes that have other names today.
const OLD_LABELS: [(&str, &str, &str); 6] = [
    ("beta.kubernetes.io/arch", "v1.14", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "v1.14", "kubernetes.io/os"),
    ("failure-domain.beta.kubernetes.io/region", "v1.17", "topology.kubernetes.io/region"),
    ("failure-domain.beta.kubernetes.io/zone", "v1.17", "topology.kubernetes.io/zone"),
    ("beta.kubernetes.io/instance-type", "v1.17", "node.kubernetes.io/instance-type"),
    ("node-role.kubernetes.io/master", "v1.20", "node-role.kubernetes.io/control-plane"),
];

/// The warnings of a new pod.
pub(super) fn of_pod(pod: &Object) -> Vec<String> {
    let mut out = Vec::new();
    let faults = dns_label(pod.name());
    if !faults.is_empty() {
        out.push(format!(
            "metadata.name: this is used in the Pod's hostname, which can result in surprising \
             behavior; a DNS label is recommended: [{}]",
            faults.join(" ")
        ));
    }
    of_spec(pod.sub("spec"), &Path::new("spec"), &mut out);
    of_annotations(pod.sub("metadata"), &Path::new("metadata"), &mut out);
    out
}

/// The warnings of the template of a workload at `path`.
pub fn of_template(template: &Json, path: &Path<'_>) -> Vec<String> {
    let mut out = Vec::new();
    of_spec(template.sub("spec"), &path.child("spec"), &mut out);
    of_annotations(template.sub("metadata"), &path.child("metadata"), &mut out);
    out
}

fn of_annotations(metadata: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    for (key, _) in metadata.entries("annotations") {
        if key.starts_with(ANNOTATION_PREFIX) {
            let annotations = path.child("annotations");
            out.push(format!(
                "{}: deprecated since v1.30; use the \"appArmorProfile\" field instead",
                annotations.key(key)
            ));
        }
    }
}

fn of_spec(spec: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    for (key, since, now) in OLD_LABELS {
        if spec.sub("nodeSelector").has(key) {
            let selector = path.child("nodeSelector");
            let at = selector.key(key);
            out.push(format!("{at}: deprecated since {since}; use \"{now}\" instead"));
        }
    }
    of_aliases(spec, path, out);
    of_volumes(spec, path, out);
    of_secrets(spec, path, out);
    for list in CONTAINER_LISTS {
        let path = path.child(list);
        for (i, container) in spec.list(list).iter().enumerate() {
            of_container(container, &path.index(i), out);
        }
    }
    of_amounts(spec.sub("overhead"), &path.child("overhead"), out);
    if spec.int("terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        out.push(format!(
            "{}: must be >= 0; negative values are invalid and will be treated as 1",
            path.child("terminationGracePeriodSeconds")
        ));
    }
}

fn of_aliases(spec: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    let (path, aliases) = (path.child("hostAliases"), spec.list("hostAliases"));
    for (i, alias) in aliases.iter().enumerate() {
        let ip = alias.text("ip");
        if aliases[..i].iter().any(|earlier| earlier.text("ip") == ip) {
            out.push(format!("{}: duplicate ip {ip:?}", path.index(i).child("ip")));
        }
    }
}

fn of_volumes(spec: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    let path = path.child("volumes");
    for (i, volume) in spec.list("volumes").iter().enumerate() {
        of_source(volume, &path.index(i), out);
    }
}

/// Warns of a volume that does nothing any more.
pub(in crate::kinds::core) fn of_source(volume: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    for (field, shown, words) in NON_FUNCTIONAL {
        if volume.has(field) {
            out.push(format!("{}: {words}", path.child(shown)));
        }
    }
}

fn of_secrets(spec: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    let (path, secrets) = (path.child("imagePullSecrets"), spec.list("imagePullSecrets"));
    for (i, secret) in secrets.iter().enumerate() {
        let (path, name) = (path.index(i), secret.text("name"));
        if name.is_empty() {
            out.push(format!("{}: invalid empty name {name:?}", path.child("name")));
        } else if secrets[..i].iter().any(|earlier| earlier.text("name") == name) {
            out.push(format!("{}: duplicate name {name:?}", path.child("name")));
        }
    }
}

fn of_container(container: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    let resources = path.child("resources");
    for list in ["limits", "requests"] {
        of_amounts(container.sub("resources").sub(list), &resources.child(list), out);
    }
    let (env, at) = (container.list("env"), path.child("env"));
    for (i, variable) in env.iter().enumerate() {
        let name = variable.text("name");
        if env[..i].iter().any(|earlier| earlier.text("name") == name) {
            out.push(format!(
                "{}: hides previous definition of {name:?}, which may be dropped when using apply",
                at.index(i)
            ));
        }
    }
    let at = path.child("ports");
    for (i, port) in container.list("ports").iter().enumerate() {
        let (ip, host_port) = (port.text("hostIP"), port.int("hostPort").unwrap_or_default());
        if !ip.is_empty() && host_port == 0 {
            out.push(format!(
                "{}: hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{} \
                 Protocol:{} HostIP:{ip}}}",
                at.index(i),
                port.text("name"),
                port.int("containerPort").unwrap_or_default(),
                port.text("protocol"),
            ));
        }
    }
}

/// Memory and storage come in whole bytes.
fn of_amounts(amounts: &Json, path: &Path<'_>, out: &mut Vec<String>) {
    for name in ["memory", "ephemeral-storage"] {
        let value = amounts.sub(name);
        if !value.is_null() && amount(value).milli_value() % 1000 != 0 {
            out.push(format!(
                "{}: fractional byte value {value} is invalid, must be an integer",
                path.key(name)
            ));
        }
    }
}
