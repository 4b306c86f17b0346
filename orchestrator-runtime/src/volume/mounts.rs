//! The mounts of a container: which volume, or which part of it, it sees where.

use std::io;
use std::path::{Component, Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};
use orchestrator_core::runtime::{Mount, Propagation};

use super::Volumes;
use crate::environment::expand;
use crate::material::MaterialError;

/// The mounts of `container`; directories of sub-paths are made where they are missing.
///
/// # Errors
/// A mount names no volume, or a sub-path leaves its volume or cannot be made.
pub fn mounts(
    pod: &Pod,
    container: &Container,
    volumes: &Volumes,
    env: &[(String, String)],
) -> Result<Vec<Mount>, MaterialError> {
    let declared = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let mut mounts = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let volume = declared.iter().find(|volume| volume.name == mount.name);
        let volume =
            volume.ok_or_else(|| MaterialError(format!("volume {:?} not found", mount.name)))?;
        let base = volumes.path(volume);
        let value = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let expanded = mount.sub_path_expr.as_deref().map(|text| expand(text, value));
        let sub_path = mount.sub_path.clone().or(expanded).unwrap_or_default();
        let host_path = if sub_path.is_empty() {
            base
        } else {
            below(&base, &sub_path).map_err(|error| {
                let name = &container.name;
                MaterialError(format!(
                    "failed to prepare subPath for volumeMount {:?} of container {name:?}: {error}",
                    mount.name
                ))
            })?
        };
        mounts.push(Mount {
            container_path: mount.mount_path.clone(),
            host_path,
            read_only: mount.read_only == Some(true),
            propagation: propagation(mount),
        });
    }
    Ok(mounts)
}

fn propagation(mount: &VolumeMount) -> Propagation {
    match mount.mount_propagation.as_deref() {
        Some("HostToContainer") => Propagation::HostToContainer,
        Some("Bidirectional") => Propagation::Bidirectional,
        _ => Propagation::Private,
    }
}

/// A path below a volume, made as a directory where nothing is there.
fn below(base: &Path, sub_path: &str) -> io::Result<PathBuf> {
    let path = Path::new(sub_path);
    if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it leaves the volume"));
    }
    let full = base.join(path);
    if !full.exists() {
        std::fs::create_dir_all(&full)?;
    }
    // A link in the volume, which the pod may have made, must not lead out of it.
    let (full, base) = (full.canonicalize()?, base.canonicalize()?);
    if full.starts_with(&base) {
        return Ok(full);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it leaves the volume"))
}
