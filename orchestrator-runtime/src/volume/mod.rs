//! Volumes as directories of the node.
//!
//! Each volume of a pod is a directory `<root>/<pod uid>/<volume>`, except for host paths, which
//! are where they are. What a volume shows is computed by [`payload`], a pure function; it is
//! written so that readers see the old or the new files, never some of each, and only where
//! something changed, so writing again is how a volume follows its sources.

mod atomic;
mod group;
mod memory;
mod mounts;
mod payload;

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{HostPathVolumeSource, Pod, Volume};
use orchestrator_client::KindExt;
use orchestrator_core::Quantity;

use crate::material::{Material, MaterialError};

pub use mounts::mounts;
pub use payload::{Payload, PayloadFile, payload};

/// A volume cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// What it shows is not there.
    #[error(transparent)]
    Material(#[from] MaterialError),
    /// The disk refuses.
    #[error("cannot write the volume")]
    Io(#[from] io::Error),
    /// This node has no such volumes.
    #[error("volume type is not supported by this node")]
    Unsupported,
    /// A host path is not what the pod says.
    #[error("hostPath type check failed: {path} is not {wanted}")]
    HostPathType {
        /// The path.
        path: String,
        /// What it must be.
        wanted: &'static str,
    },
}

/// The directories of a pod's volumes.
#[derive(Clone, Debug)]
pub struct Volumes {
    root: PathBuf,
    isolated: bool,
}

impl Volumes {
    /// The volumes of the pod `uid` below `root`.
    pub fn new(root: &Path, uid: &str) -> Self {
        Self { root: root.join(uid), isolated: false }
    }

    /// Makes volumes in memory, and gives them to the pod's group: as root, for containers that
    /// have users of their own.
    #[must_use]
    pub fn isolated(mut self, isolated: bool) -> Self {
        self.isolated = isolated;
        self
    }

    /// Where a volume is.
    pub fn path(&self, volume: &Volume) -> PathBuf {
        match &volume.host_path {
            Some(host) => PathBuf::from(&host.path),
            None => self.root.join(&volume.name),
        }
    }

    /// A file of the pod that is no volume; no volume has its name, since theirs have no dots.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn beside(&self, name: &str) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.root)?;
        Ok(self.root.join(format!(".{name}")))
    }

    /// Makes one volume, or brings it up to date.
    ///
    /// # Errors
    /// See [`VolumeError`].
    pub fn set_up(
        &self,
        pod: &Pod,
        volume: &Volume,
        material: &Material,
    ) -> Result<(), VolumeError> {
        if let Some(host) = &volume.host_path {
            return check_host_path(host);
        }
        let dir = self.path(volume);
        let group = group::of(pod).filter(|_| self.isolated);
        if let Some(claim) = claim_of(pod, volume) {
            let target = material.claim(&claim)?;
            return Ok(lead(&dir, target)?);
        }
        if let Some(empty) = &volume.empty_dir {
            if !dir.exists() {
                std::fs::create_dir_all(&dir)?;
                std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777))?;
            }
            if self.isolated && empty.medium.as_deref() == Some("Memory") {
                let limit = empty.size_limit.as_ref().and_then(|limit| limit.0.parse().ok());
                let limit = limit.map(|limit: Quantity| limit.milli_value() / 1000);
                memory::set_up(&dir, limit.and_then(|bytes| u64::try_from(bytes).ok()))?;
            }
            return Ok(group.map_or(Ok(()), |group| group::give(&dir, group))?);
        }
        let mut payload = payload(pod, volume, material)?.ok_or(VolumeError::Unsupported)?;
        std::fs::create_dir_all(&dir)?;
        if group.is_some() {
            group::share(&mut payload);
        }
        atomic::write(&dir, &payload)?;
        Ok(group.map_or(Ok(()), |group| group::give(&dir, group))?)
    }

    /// Removes all of the pod's volumes; what host paths hold stays.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.root).into_iter().flatten().flatten() {
            memory::remove(&entry.path())?;
        }
        match std::fs::remove_dir_all(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

impl Volumes {
    /// Removes the volumes of all pods below `root`: none of them runs any more.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove_all(root: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            Self { root: entry.path(), isolated: true }.remove()?;
        }
        Ok(())
    }
}

/// The claim that a volume shows: its own, or the one that was made for it.
pub fn claim_of(pod: &Pod, volume: &Volume) -> Option<String> {
    let own = volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.clone());
    let made = || volume.ephemeral.as_ref().map(|_| format!("{}-{}", pod.name(), volume.name));
    own.or_else(made)
}

/// Makes `dir` a link to `target`: what is there belongs to somebody else and outlives the pod.
fn lead(dir: &Path, target: &Path) -> io::Result<()> {
    if std::fs::read_link(dir).is_ok_and(|present| present == target) {
        return Ok(());
    }
    if let Some(above) = dir.parent() {
        std::fs::create_dir_all(above)?;
    }
    std::os::unix::fs::symlink(target, dir)
}

/// Checks, and where the type says so makes, a path of the host.
fn check_host_path(host: &HostPathVolumeSource) -> Result<(), VolumeError> {
    let path = Path::new(&host.path);
    let kind = std::fs::metadata(path).map(|metadata| metadata.file_type()).ok();
    let (fits, wanted) = match host.type_.as_deref().unwrap_or_default() {
        "" => (true, ""),
        "DirectoryOrCreate" if kind.is_none() => return Ok(std::fs::create_dir_all(path)?),
        "FileOrCreate" if kind.is_none() => return Ok(std::fs::write(path, "")?),
        "Directory" | "DirectoryOrCreate" => (kind.is_some_and(|k| k.is_dir()), "a directory"),
        "File" | "FileOrCreate" => (kind.is_some_and(|k| k.is_file()), "a file"),
        "Socket" => (kind.is_some_and(|k| k.is_socket()), "a socket"),
        "CharDevice" => (kind.is_some_and(|k| k.is_char_device()), "a character device"),
        "BlockDevice" => (kind.is_some_and(|k| k.is_block_device()), "a block device"),
        _ => return Err(VolumeError::Unsupported),
    };
    if fits { Ok(()) } else { Err(VolumeError::HostPathType { path: host.path.clone(), wanted }) }
}

#[cfg(test)]
mod tests;
