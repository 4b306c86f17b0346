//! Volumes, claims and what provides them.

use jiff::Timestamp;
use orchestrator_core::{Json, Object};

use super::age;
use super::cell::{UNSET, access_modes, list, name, text_or, truth};

/// The annotations of a class that claims get when they name none.
const DEFAULT_CLASS: [&str; 3] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
    "volumeattributesclass.alpha.kubernetes.io/is-default-class",
];

pub(super) fn volume(object: &Object, now: Timestamp) -> Vec<Json> {
    let claim = match object.text_at(&["spec", "claimRef", "name"]) {
        "" => String::new(),
        claim => format!("{}/{claim}", object.text_at(&["spec", "claimRef", "namespace"])),
    };
    vec![
        name(object),
        object.text_at(&["spec", "capacity", "storage"]).into(),
        access_modes(object, &["spec", "accessModes"]).into(),
        object.text_at(&["spec", "persistentVolumeReclaimPolicy"]).into(),
        phase(object),
        claim.into(),
        object.text_at(&["spec", "storageClassName"]).into(),
        text_or(object, &["spec", "volumeAttributesClassName"], UNSET),
        object.text_at(&["status", "reason"]).into(),
        age::of(object, now),
        text_or(object, &["spec", "volumeMode"], UNSET),
    ]
}

pub(super) fn claim(object: &Object, now: Timestamp) -> Vec<Json> {
    let volume = object.text_at(&["spec", "volumeName"]);
    let (capacity, modes) = match volume {
        "" => ("", String::new()),
        _ => (
            object.text_at(&["status", "capacity", "storage"]),
            access_modes(object, &["status", "accessModes"]),
        ),
    };
    vec![
        name(object),
        phase(object),
        volume.into(),
        capacity.into(),
        modes.into(),
        object.text_at(&["spec", "storageClassName"]).into(),
        text_or(object, &["spec", "volumeAttributesClassName"], UNSET),
        age::of(object, now),
        text_or(object, &["spec", "volumeMode"], UNSET),
    ]
}

fn phase(object: &Object) -> Json {
    match object.deletion_timestamp() {
        Some(_) => "Terminating".into(),
        None => object.text_at(&["status", "phase"]).into(),
    }
}

fn name_of_class(object: &Object) -> Json {
    let is_default = DEFAULT_CLASS.iter().any(|key| object.annotation(key) == Some("true"));
    match is_default {
        true => format!("{} (default)", object.name()).into(),
        false => name(object),
    }
}

pub(super) fn class(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![
        name_of_class(object),
        object.text_at(&["provisioner"]).into(),
        text_or(object, &["reclaimPolicy"], "Delete"),
        text_or(object, &["volumeBindingMode"], "Immediate"),
        truth(object, &["allowVolumeExpansion"], false).into(),
        age::of(object, now),
    ]
}

pub(super) fn attributes_class(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![name_of_class(object), object.text_at(&["driverName"]).into(), age::of(object, now)]
}

pub(super) fn attachment(object: &Object, now: Timestamp) -> Vec<Json> {
    vec![
        name(object),
        object.text_at(&["spec", "attacher"]).into(),
        object.text_at(&["spec", "source", "persistentVolumeName"]).into(),
        object.text_at(&["spec", "nodeName"]).into(),
        truth(object, &["status", "attached"], false).into(),
        age::of(object, now),
    ]
}

pub(super) fn csi_driver(object: &Object, now: Timestamp) -> Vec<Json> {
    let audiences: Vec<&str> = list(object, &["spec", "tokenRequests"])
        .filter_map(|request| request["audience"].as_str())
        .collect();
    let tokens = if audiences.is_empty() { UNSET.to_owned() } else { audiences.join(",") };
    let modes: Vec<&str> =
        list(object, &["spec", "volumeLifecycleModes"]).filter_map(Json::as_str).collect();
    vec![
        name(object),
        truth(object, &["spec", "attachRequired"], true).into(),
        truth(object, &["spec", "podInfoOnMount"], false).into(),
        truth(object, &["spec", "storageCapacity"], false).into(),
        tokens.into(),
        truth(object, &["spec", "requiresRepublish"], false).into(),
        (if modes.is_empty() { UNSET.to_owned() } else { modes.join(",") }).into(),
        age::of(object, now),
    ]
}

pub(super) fn csi_node(object: &Object, now: Timestamp) -> Vec<Json> {
    let drivers = list(object, &["spec", "drivers"]).count();
    vec![name(object), drivers.into(), age::of(object, now)]
}
