//! What volumes are made of, in pods and in persistent volumes.

use orchestrator_core::Json;
use orchestrator_core::field::{FieldErrors, Path};

use super::volume_files::{check_downward_file, check_key_file, check_mode, check_projections};
use super::{check_choice, check_option};
use crate::fields::Fields;
use crate::format::names::dns_subdomain;
use crate::format::numbers::check_between;
use crate::format::paths::{check_descending, check_no_climb};
use crate::pod::resources::amount;
use crate::report::Report;

/// Where a source stands: the same source has other fields in pods than in persistent volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceNames {
    /// In a pod.
    OfPods,
    /// In a persistent volume.
    OfPersistentVolumes,
}

/// The sources in the order in which they are checked.
const KINDS: [&str; 31] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "glusterfs",
    "nfs",
    "iscsi",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "azureFile",
    "configMap",
    "vsphereVolume",
    "cinder",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "local",
    "ephemeral",
    "image",
    "none",
];

/// Fields without which a source means nothing.
const NEEDED: [(&str, &[&str]); 18] = [
    ("gitRepo", &["repository"]),
    ("gcePersistentDisk", &["pdName"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("secret", &["secretName"]),
    ("configMap", &["name"]),
    ("glusterfs", &["endpoints", "path"]),
    ("nfs", &["server", "path"]),
    ("persistentVolumeClaim", &["claimName"]),
    ("cinder", &["volumeID"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("storageos", &["volumeName"]),
    ("quobyte", &["registry", "volume"]),
    ("image", &["reference"]),
];

/// Checks that a volume has one source, and that source.
pub fn check_source(volume: &Json, place: SourceNames, path: &Path<'_>, errors: &mut FieldErrors) {
    let mut known = false;
    for kind in KINDS {
        let Some(source) = volume.get_set(kind) else { continue };
        let at = path.child(kind);
        if known {
            errors.forbidden(&at, "may not specify more than 1 volume type");
            continue;
        }
        known = true;
        for field in NEEDED.iter().filter(|(of, _)| *of == kind).flat_map(|(_, fields)| *fields) {
            if source.text(field).is_empty() {
                errors.required(&at.child(field), "");
            }
        }
        check_kind(kind, source, place, &at, errors);
    }
    if !known {
        errors.required(path, "must specify a volume type");
    }
}

fn check_kind(
    kind: &str,
    source: &Json,
    place: SourceNames,
    path: &Path<'_>,
    errors: &mut FieldErrors,
) {
    match kind {
        "emptyDir" => check_empty_dir(source, path, errors),
        "hostPath" => check_host_path(source, path, errors),
        "gitRepo" => {
            check_descending(source.text("directory"), &path.child("directory"), errors);
        }
        "secret" | "configMap" => check_keys(source, path, errors),
        "nfs" if !source.text("path").starts_with('/') => {
            let target = source.text("path");
            errors.invalid(&path.child("path"), target, "must be an absolute path");
        }
        "gcePersistentDisk" | "awsElasticBlockStore" => {
            let partition = source.int("partition").unwrap_or_default();
            check_between(partition, 0, 255, &path.child("partition"), errors);
        }
        "iscsi" => check_iscsi(source, path, errors),
        "fc" => check_fibre_channel(source, path, errors),
        "rbd" => check_rbd(source, path, errors),
        "cephfs" if source.list("monitors").is_empty() => {
            errors.required(&path.child("monitors"), "");
        }
        "flocker" => check_flocker(source, path, errors),
        "downwardAPI" => {
            check_mode(source, "defaultMode", path, errors);
            for (i, file) in source.list("items").iter().enumerate() {
                check_downward_file(file, &path.child("items").index(i), errors);
            }
        }
        "projected" => {
            check_mode(source, "defaultMode", path, errors);
            check_projections(source, path, errors);
        }
        "csi" => check_csi(source, place, path, errors),
        "local" => check_local(source, path, errors),
        "ephemeral" => check_ephemeral(source, path, errors),
        "image" => {
            const PULL: [&str; 3] = ["Always", "IfNotPresent", "Never"];
            check_choice(source, "pullPolicy", &PULL, path, errors);
        }
        _ => {}
    }
}

fn check_empty_dir(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if source.has("sizeLimit") && amount(source.sub("sizeLimit")).signum() < 0 {
        const DETAIL: &str = "SizeLimit field must be a valid resource quantity";
        errors.forbidden(&path.child("sizeLimit"), DETAIL);
    }
}

fn check_host_path(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    const TYPES: [&str; 8] = [
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    let target = source.text("path");
    if target.is_empty() {
        errors.required(&path.child("path"), "");
        return;
    }
    check_no_climb(target, &path.child("path"), errors);
    check_option(source, "type", &TYPES, path, errors);
}

fn check_keys(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    check_mode(source, "defaultMode", path, errors);
    for (i, file) in source.list("items").iter().enumerate() {
        check_key_file(file, &path.child("items").index(i), errors);
    }
}

fn check_iscsi(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if source.text("targetPortal").is_empty() {
        errors.required(&path.child("targetPortal"), "");
    }
    let (name, at) = (source.text("iqn"), path.child("iqn"));
    if name.is_empty() {
        errors.required(&at, "");
    } else if !["iqn", "eui", "naa"].iter().any(|kind| name.starts_with(kind)) {
        errors.invalid(&at, name, "must be valid format starting with iqn, eui, or naa");
    } else if !is_iscsi_name(name) {
        errors.invalid(&at, name, "must be valid format");
    }
    check_between(source.int("lun").unwrap_or_default(), 0, 255, &path.child("lun"), errors);
    let secret = source.has("secretRef");
    if (source.flag("chapAuthDiscovery") || source.flag("chapAuthSession")) && !secret {
        errors.required(&path.child("secretRef"), "");
    }
}

/// `iqn.` with a month and a name, or `eui.` and `naa.` with hexadecimal digits.
fn is_iscsi_name(name: &str) -> bool {
    let hex = |digits: &str, lengths: &[usize]| {
        lengths.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if let Some(digits) = name.strip_prefix("eui.") {
        return hex(digits, &[16]);
    }
    if let Some(digits) = name.strip_prefix("naa.") {
        return hex(digits, &[16, 32]);
    }
    let Some(rest) = name.strip_prefix("iqn.") else { return false };
    let month = |text: &str| {
        text.len() == 7
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() })
    };
    rest.split_once('.').is_some_and(|(date, owner)| {
        month(date) && !owner.is_empty() && !owner.contains([' ', ',', ';', '*', '&', '$', '|'])
    })
}

fn check_fibre_channel(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (names, ids) = (source.list("targetWWNs"), source.list("wwids"));
    if names.is_empty() && ids.is_empty() {
        const DETAIL: &str = "must specify either targetWWNs or wwids";
        errors.required(&path.child("targetWWNs"), DETAIL);
    }
    if !names.is_empty() && !ids.is_empty() {
        const DETAIL: &str = "targetWWNs and wwids can not be specified simultaneously";
        errors.invalid(&path.child("targetWWNs"), source.sub("targetWWNs"), DETAIL);
    }
    if names.is_empty() {
        return;
    }
    match source.int("lun") {
        None => errors.required(&path.child("lun"), "lun is required if targetWWNs is specified"),
        Some(lun) => check_between(lun, 0, 255, &path.child("lun"), errors),
    }
}

fn check_rbd(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    if source.list("monitors").is_empty() {
        errors.required(&path.child("monitors"), "");
    }
    if source.text("image").is_empty() {
        errors.required(&path.child("image"), "");
    }
}

fn check_flocker(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let (name, id) = (source.text("datasetName"), source.text("datasetUUID"));
    if name.is_empty() && id.is_empty() {
        errors.required(path, "one of datasetName and datasetUUID is required");
    }
    if !name.is_empty() && !id.is_empty() {
        const DETAIL: &str = "datasetName and datasetUUID can not be specified simultaneously";
        errors.invalid(path, "resource", DETAIL);
    }
    if name.contains('/') {
        errors.invalid(&path.child("datasetName"), name, "must not contain '/'");
    }
}

/// Checks the name of a storage driver.
pub fn check_driver_name(name: &str, path: &Path<'_>, errors: &mut FieldErrors) {
    if name.is_empty() {
        errors.required(path, "");
    }
    if name.len() > 63 {
        errors.too_long(path, 63);
    }
    if !name.is_empty() {
        let lower = name.to_lowercase();
        errors.faults(path, name, dns_subdomain(&lower));
    }
}

fn check_csi(source: &Json, place: SourceNames, path: &Path<'_>, errors: &mut FieldErrors) {
    check_driver_name(source.text("driver"), &path.child("driver"), errors);
    let secrets: &[&str] = match place {
        SourceNames::OfPods => &["nodePublishSecretRef"],
        SourceNames::OfPersistentVolumes => {
            if source.text("volumeHandle").is_empty() {
                errors.required(&path.child("volumeHandle"), "");
            }
            &[
                "controllerPublishSecretRef",
                "controllerExpandSecretRef",
                "nodePublishSecretRef",
                "nodeExpandSecretRef",
            ]
        }
    };
    for name in secrets {
        let Some(secret) = source.get_set(name) else { continue };
        let path = path.child(name);
        if secret.text("name").is_empty() {
            errors.required(&path.child("name"), "");
        }
        if place == SourceNames::OfPersistentVolumes && secret.text("namespace").is_empty() {
            errors.required(&path.child("namespace"), "");
        }
    }
}

fn check_local(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let target = source.text("path");
    if target.is_empty() {
        errors.required(&path.child("path"), "");
        return;
    }
    check_no_climb(target, &path.child("path"), errors);
}

fn check_ephemeral(source: &Json, path: &Path<'_>, errors: &mut FieldErrors) {
    let path = path.child("volumeClaimTemplate");
    match source.get_set("volumeClaimTemplate") {
        None => errors.required(&path, ""),
        Some(template) => {
            crate::kinds::core::persistentvolumeclaim::check_template(template, &path, errors);
        }
    }
}
