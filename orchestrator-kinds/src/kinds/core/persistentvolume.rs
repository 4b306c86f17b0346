//! PersistentVolume: storage that outlives pods.

use orchestrator_core::field::{FieldErrors, Path};
use orchestrator_core::object::Map;
use orchestrator_core::resource::{Change, prepare_spec_and_status};
use orchestrator_core::{Json, Object};
use serde_json::json;

use super::persistentvolumeclaim::{VOLUME_MODES, check_access_modes};
use super::pod::warnings::of_source;
use crate::fields::{Fields, Fill};
use crate::format::names::dns_subdomain;
use crate::format::numbers::POSITIVE;
use crate::meta::METADATA;
use crate::pod::check::{SourceNames, check_node_selector, check_option, check_source};
use crate::pod::defaults::{fill_source, round_amounts};
use crate::pod::diff;
use crate::pod::resources::amount;
use crate::report::Report;
use crate::rules::Rules;

const SPEC: Path<'static> = Path::new("spec");
const MOUNT_OPTIONS: &str = "volume.beta.kubernetes.io/mount-options";
const RECLAIM: [&str; 3] = ["Delete", "Recycle", "Retain"];

/// The fields of a spec that do not say what the volume is made of.
const NOT_SOURCES: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

/// Volumes that are not mounted with options.
const WITHOUT_OPTIONS: [&str; 6] = ["hostPath", "local", "fc", "csi", "flocker", "scaleIO"];

/// The rules of a PersistentVolume.
#[derive(Debug)]
pub struct PersistentVolume;

impl Rules for PersistentVolume {
    fn defaults(&self, object: &mut Object) {
        let spec = object.map_mut("spec");
        fill_source(spec);
        spec.fill_text("persistentVolumeReclaimPolicy", "Retain");
        spec.fill("volumeMode", "Filesystem");
        if let Some(capacity) = spec.map_at("capacity") {
            round_amounts(capacity);
        }
        object.map_mut("status").fill_text("phase", "Pending");
    }

    fn prepare(&self, new: &mut Object, old: Option<&Object>, change: Change<'_>) {
        prepare_spec_and_status(new, old, change.subresource);
        let now = || change.env.now_rfc3339();
        match old {
            None => {
                new.set("status", json!({"phase": "Pending", "lastPhaseTransitionTime": now()}));
            }
            Some(old) if change.subresource == "status" => {
                let phase = |volume: &Object| volume.sub("status").text("phase").to_owned();
                if phase(new) != phase(old) {
                    new.map_mut("status").insert("lastPhaseTransitionTime".into(), now().into());
                }
            }
            Some(_) => {}
        }
    }

    fn validate(&self, new: &Object, _change: Change<'_>, errors: &mut FieldErrors) {
        let spec = new.sub("spec");
        check_capacity(spec, errors);
        check_option(spec, "persistentVolumeReclaimPolicy", &RECLAIM, &SPEC, errors);
        if let Some(affinity) = spec.get_set("nodeAffinity") {
            check_affinity(affinity, errors);
        }
        let source = sources(spec);
        check_source(&source, SourceNames::OfPersistentVolumes, &SPEC, errors);
        check_host(spec, errors);
        let class = spec.text("storageClassName");
        if !class.is_empty() {
            errors.faults(&SPEC.child("storageClassName"), class, dns_subdomain(class));
        }
        check_option(spec, "volumeMode", &VOLUME_MODES, &SPEC, errors);
        if new.annotation(MOUNT_OPTIONS).is_some() && WITHOUT_OPTIONS.iter().any(|s| spec.has(s)) {
            let path = METADATA.child("annotations");
            const DETAIL: &str = "may not specify mount options for this volume type";
            errors.forbidden(&path.child(MOUNT_OPTIONS), DETAIL);
        }
    }

    fn validate_update(
        &self,
        new: &Object,
        old: &Object,
        change: Change<'_>,
        errors: &mut FieldErrors,
    ) {
        self.validate(new, change, errors);
        let (source, was) = (sources(new.sub("spec")), sources(old.sub("spec")));
        if source != was {
            const DETAIL: &str = "spec.persistentvolumesource is immutable after creation";
            let detail = format!("{DETAIL}\n{}", diff::lines(&was, &source, &[]));
            errors.forbidden(&SPEC.child("persistentvolumesource"), detail);
        }
        let mode = |volume: &Object| volume.sub("spec").sub("volumeMode").clone();
        if mode(new) != mode(old) {
            errors.invalid(&Path::new("volumeMode"), &mode(new), "field is immutable");
        }
    }

    fn warnings(&self, new: &Object, _old: Option<&Object>, _change: Change<'_>) -> Vec<String> {
        let mut out = Vec::new();
        of_source(new.sub("spec"), &SPEC, &mut out);
        out
    }

    fn has_generation(&self) -> bool {
        false
    }
}

/// What the volume is made of.
fn sources(spec: &Json) -> Json {
    let is_source = |name: &str| !NOT_SOURCES.contains(&name);
    let fields = spec.as_object().into_iter().flatten();
    let sources: Map =
        fields.filter(|(k, _)| is_source(k)).map(|(k, v)| (k.clone(), v.clone())).collect();
    Json::Object(sources)
}

fn check_capacity(spec: &Json, errors: &mut FieldErrors) {
    if spec.list("accessModes").is_empty() {
        errors.required(&SPEC.child("accessModes"), "");
    }
    check_access_modes(spec, &SPEC, errors);
    let (path, capacity) = (SPEC.child("capacity"), spec.sub("capacity"));
    let count = spec.map("capacity").map_or(0, Map::len);
    if count == 0 {
        errors.required(&path, "");
    }
    if count != 1 || !capacity.has("storage") {
        errors.unsupported(&path, capacity, &["storage"]);
    }
    for (name, value) in spec.entries("capacity") {
        if amount(value).signum() <= 0 {
            errors.invalid(&path.key(name), value, POSITIVE);
        }
    }
}

fn check_affinity(affinity: &Json, errors: &mut FieldErrors) {
    let path = SPEC.child("nodeAffinity");
    match affinity.get_set("required") {
        Some(required) => check_node_selector(required, &path.child("required"), errors),
        None => errors.required(&path.child("required"), "must specify required node constraints"),
    }
}

/// Checks volumes that are directories of a host.
fn check_host(spec: &Json, errors: &mut FieldErrors) {
    if spec.has("local") && !spec.has("nodeAffinity") {
        let path = SPEC.child("nodeAffinity");
        errors.required(&path, "Local volume requires node affinity");
    }
    let is_root = |path: &str| !path.is_empty() && path.split('/').all(|p| matches!(p, "" | "."));
    if spec.text("persistentVolumeReclaimPolicy") == "Recycle"
        && is_root(spec.sub("hostPath").text("path"))
    {
        const DETAIL: &str = "may not be 'recycle' for a hostPath mount of '/'";
        errors.forbidden(&SPEC.child("persistentVolumeReclaimPolicy"), DETAIL);
    }
}
