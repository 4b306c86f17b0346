//! Fields of the pod as text: `fieldRef` of variables and of downward files.

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::material::{Material, MaterialError};

/// The field at `path` as text.
///
/// # Errors
/// There is no such field that a container may see.
pub fn field(pod: &Pod, material: &Material, path: &str) -> Result<String, MaterialError> {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let spec = pod.spec.clone().unwrap_or_default();
    if let Some((map, key)) = subscript(path) {
        return Ok(map_of(pod, map, path)?.get(key).cloned().unwrap_or_default());
    }
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" | "metadata.annotations" => lines(map_of(pod, path, path)?),
        "spec.nodeName" => text(&spec.node_name),
        "spec.serviceAccountName" => text(&spec.service_account_name),
        "status.hostIP" => first(&material.host_ips),
        "status.hostIPs" => joined(&material.host_ips),
        "status.podIP" => first(&material.pod_ips),
        "status.podIPs" => joined(&material.pod_ips),
        _ => return Err(unsupported(path)),
    })
}

fn unsupported(path: &str) -> MaterialError {
    MaterialError(format!("unsupported fieldPath: {path}"))
}

/// `map['key']` in its two parts.
fn subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['")
}

fn map_of<'a>(
    pod: &'a Pod,
    map: &str,
    path: &str,
) -> Result<&'a BTreeMap<String, String>, MaterialError> {
    static EMPTY: BTreeMap<String, String> = BTreeMap::new();
    let map = match map {
        "metadata.labels" => &pod.metadata.labels,
        "metadata.annotations" => &pod.metadata.annotations,
        _ => return Err(unsupported(path)),
    };
    Ok(map.as_ref().unwrap_or(&EMPTY))
}

/// A map in one line per entry, with quoted values.
fn lines(map: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = map.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

fn first(ips: &[IpAddr]) -> String {
    ips.first().map(ToString::to_string).unwrap_or_default()
}

fn joined(ips: &[IpAddr]) -> String {
    ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
