//! Defaults of volumes.

use orchestrator_core::object::Map;

use super::container::pull_policy;
use crate::fields::{Fields, Fill};

/// The mode of a file made from a key: `rw-r--r--`.
const FILE_MODE: i64 = 0o644;
/// How long a token in a volume lives, in seconds.
const TOKEN_S: i64 = 3600;

/// Fills in a volume of a pod.
pub(super) fn fill_volume(volume: &mut Map) {
    if volume.keys().all(|key| key == "name") {
        volume.insert("emptyDir".into(), Map::new().into());
    }
    fill_source(volume);
    for source in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.map_at(source) {
            source.fill("defaultMode", FILE_MODE);
            source.maps_of("items").for_each(fill_file);
        }
    }
    if let Some(projected) = volume.map_at("projected") {
        projected.null_list("sources");
        projected.maps_of("sources").for_each(fill_projection);
    }
    if let Some(image) = volume.map_at("image") {
        let policy = pull_policy(image.text("reference"));
        image.fill_text("pullPolicy", policy);
    }
    if let Some(claim) = volume.map_at("ephemeral").and_then(|e| e.map_at("volumeClaimTemplate")) {
        claim.fill("metadata", Map::new());
        let spec = claim.map_made("spec");
        spec.fill("volumeMode", "Filesystem");
        spec.fill("resources", Map::new());
    }
}

/// Fills in what volumes of pods and persistent volumes share.
pub fn fill_source(volume: &mut Map) {
    if let Some(host) = volume.map_at("hostPath") {
        host.fill("type", "");
    }
    if let Some(iscsi) = volume.map_at("iscsi") {
        iscsi.fill_text("iscsiInterface", "default");
    }
    if let Some(rbd) = volume.map_at("rbd") {
        rbd.fill_text("pool", "rbd");
        rbd.fill_text("user", "admin");
        rbd.fill_text("keyring", "/etc/ceph/keyring");
    }
    if let Some(disk) = volume.map_at("azureDisk") {
        disk.fill("cachingMode", "ReadWrite");
        disk.fill("kind", "Shared");
        disk.fill("fsType", "ext4");
        disk.fill("readOnly", false);
    }
    if let Some(scale_io) = volume.map_at("scaleIO") {
        scale_io.fill_text("storageMode", "ThinProvisioned");
        scale_io.fill_text("fsType", "xfs");
    }
}

fn fill_file(file: &mut Map) {
    if let Some(field) = file.map_at("fieldRef") {
        field.fill_text("apiVersion", "v1");
    }
    if let Some(resource) = file.map_at("resourceFieldRef") {
        resource.fill("divisor", "0");
    }
}

fn fill_projection(source: &mut Map) {
    if let Some(token) = source.map_at("serviceAccountToken") {
        token.fill("expirationSeconds", TOKEN_S);
    }
    if let Some(downward) = source.map_at("downwardAPI") {
        downward.maps_of("items").for_each(fill_file);
    }
}
