//! The group of a pod's volumes: with `fsGroup`, every file is the group's, which may do what the
//! owner may, and new files are the group's too.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;

use super::Payload;

/// New files in a directory with this bit have its group.
const INHERIT: u32 = 0o2000;

/// The group that owns the pod's volumes.
pub(super) fn of(pod: &Pod) -> Option<u32> {
    let security = pod.spec.as_ref()?.security_context.as_ref()?;
    u32::try_from(security.fs_group?).ok()
}

/// Lets the group do what the owner may.
pub(super) fn share(payload: &mut Payload) {
    for file in payload.values_mut() {
        file.mode |= (file.mode & 0o700) >> 3;
    }
}

/// Gives everything in `dir` to `group`; what it has already is not touched.
///
/// # Errors
/// The disk's.
pub(super) fn give(dir: &Path, group: u32) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(dir)?;
    if metadata.gid() != group {
        lchown(dir, None, Some(group))?;
    }
    if !metadata.is_dir() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let shared = mode | INHERIT | (mode & 0o700) >> 3;
    if mode != shared || metadata.gid() != group {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(shared & 0o7777))?;
    }
    for entry in std::fs::read_dir(dir)? {
        give(&entry?.path(), group)?;
    }
    Ok(())
}
