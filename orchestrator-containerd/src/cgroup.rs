//! Control groups of pods: each pod has one, below that of its class.
//!
//! containerd makes the groups of containers, and on the way those above them, but removes only the
//! former; so a pod's own group is limited and removed here. There may be one tree of groups, or one
//! for each controller, or both.

use std::io;
use std::path::{Path, PathBuf};

use orchestrator_core::runtime::Resources;

/// Where the trees of groups are.
const TREES: &str = "/sys/fs/cgroup";

/// The roots of the trees.
fn roots() -> Vec<PathBuf> {
    let top = Path::new(TREES);
    if top.join("cgroup.controllers").exists() {
        return vec![top.to_owned()];
    }
    let entries = std::fs::read_dir(top).into_iter().flatten().flatten();
    let mut roots: Vec<PathBuf> = entries
        // Some controllers have a second name, which is a link.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| path.join("cgroup.procs").exists())
        .collect();
    roots.sort();
    roots
}

/// Makes the group `group` and limits it; a limit whose controller is not there is left out.
///
/// # Errors
/// A group cannot be made.
pub fn make(group: &str, resources: &Resources) -> io::Result<()> {
    let Some(group) = below(group) else { return Ok(()) };
    for root in roots() {
        let dir = root.join(&group);
        std::fs::create_dir_all(&dir)?;
        for (file, value) in limits(resources) {
            let path = dir.join(file);
            if path.exists() {
                std::fs::write(path, value)?;
            }
        }
    }
    Ok(())
}

/// Removes the group `group`, and those above it that nobody uses any more.
pub fn remove(group: &str) {
    let Some(group) = below(group) else { return };
    for root in roots() {
        let mut dir = root.join(&group);
        while dir != root && std::fs::remove_dir(&dir).is_ok() {
            dir.pop();
        }
    }
}

/// The group as a path below a root; `None` for the root itself, and for what leads out of it.
fn below(group: &str) -> Option<PathBuf> {
    let path = PathBuf::from(group.trim_start_matches('/'));
    let inside = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    (inside && !path.as_os_str().is_empty()).then_some(path)
}

/// The files of a group and what is written into them, of both kinds of trees.
fn limits(resources: &Resources) -> Vec<(&'static str, String)> {
    let mut limits = Vec::new();
    if let Some(shares) = resources.cpu_shares {
        limits.push(("cpu.shares", shares.to_string()));
        limits.push(("cpu.weight", weight(shares).to_string()));
    }
    if let Some(quota) = resources.cpu_quota_us {
        let period = resources.cpu_period_us.unwrap_or(100_000);
        limits.push(("cpu.cfs_period_us", period.to_string()));
        limits.push(("cpu.cfs_quota_us", quota.to_string()));
        let most = if quota > 0 { quota.to_string() } else { "max".into() };
        limits.push(("cpu.max", format!("{most} {period}")));
    }
    if let Some(bytes) = resources.memory_bytes {
        limits.push(("memory.limit_in_bytes", bytes.to_string()));
        limits.push(("memory.max", bytes.to_string()));
    }
    limits
}

/// Shares, from 2 to 262144, as a weight from 1 to 10000.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stays_below_the_root() {
        assert_eq!(below("/kubepods/pod1"), Some("kubepods/pod1".into()));
        for bad in ["", "/", "../x", "/a/../b"] {
            assert_eq!(below(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn shares_become_weights() {
        assert_eq!((weight(2), weight(1024), weight(262_144)), (1, 39, 10_000));
    }

    #[test]
    fn both_kinds_of_trees_are_limited() {
        let resources = Resources {
            cpu_quota_us: Some(50_000),
            memory_bytes: Some(1 << 20),
            ..Resources::default()
        };
        let limits = limits(&resources);
        assert!(limits.contains(&("cpu.max", "50000 100000".into())));
        assert!(limits.contains(&("memory.limit_in_bytes", "1048576".into())));
    }
}
