//! Traces: what a test must not leave behind, and how it is swept away all the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Looks for what is left of a test, and removes it when dropped, also after a failure.
pub struct Sweep {
    folder: PathBuf,
    /// The name of the bridge of the test's network.
    bridge: String,
    /// The control group of the test's pods.
    pub group: String,
    before: Traces,
}

/// What there is on the machine, as far as a test could leave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Traces {
    mounts: BTreeSet<String>,
    links: BTreeSet<String>,
    groups: BTreeSet<PathBuf>,
    processes: BTreeSet<String>,
    sockets: BTreeSet<PathBuf>,
}

impl Sweep {
    pub fn new(folder: &Path, bridge: &str) -> Self {
        let name = folder.file_name().unwrap().to_string_lossy().replace('.', "");
        let mut sweep = Self {
            folder: folder.into(),
            bridge: bridge.into(),
            group: format!("/orchtest-{name}"),
            before: Traces::default(),
        };
        sweep.before = sweep.look();
        sweep
    }

    /// Fails where anything is left.
    pub fn check(&self) {
        // The bridge stays with the node, as every network's does; it goes with the sweep.
        self.remove_bridge();
        assert_eq!(self.look(), self.before, "something is left behind");
    }

    fn look(&self) -> Traces {
        let ours = self.folder.display().to_string();
        let mounts = read("/proc/self/mounts");
        let group = self.group.trim_start_matches('/');
        Traces {
            mounts: mounts.lines().filter(|m| m.contains(&ours)).map(str::to_owned).collect(),
            links: links(&self.bridge),
            groups: trees().into_iter().map(|t| t.join(group)).filter(|g| g.exists()).collect(),
            processes: processes(&ours).into_iter().map(|(_, words)| words).collect(),
            sockets: BTreeSet::new(),
        }
    }

    fn remove_bridge(&self) {
        let _ = Command::new("ip").args(["link", "del", &self.bridge]).output();
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let group = self.group.trim_start_matches('/');
        let groups = trees().into_iter().map(|tree| tree.join(group));
        let groups: Vec<PathBuf> = groups.filter(|group| group.exists()).collect();
        // containerd first, so that it starts nothing again; then shims; then what they ran.
        let ours = processes(&self.folder.display().to_string());
        let members = groups.iter().flat_map(|group| members(group));
        for pid in ours.into_iter().map(|(pid, _)| pid).chain(members) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).output();
        }
        let mounts = read("/proc/self/mounts");
        let ours = self.folder.display().to_string();
        let places = mounts.lines().filter_map(|mount| mount.split(' ').nth(1));
        let places: Vec<&str> = places.filter(|place| place.starts_with(&ours)).collect();
        for place in places.into_iter().rev() {
            let _ = Command::new("umount").args(["-l", place]).output();
        }
        self.remove_bridge();
        for group in groups {
            remove_groups(&group);
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The network devices that are joined to the bridge of the test.
fn links(bridge: &str) -> BTreeSet<String> {
    let members = std::fs::read_dir(format!("/sys/class/net/{bridge}/brif"));
    let members = members.into_iter().flatten().flatten();
    members.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The roots of the trees of control groups.
fn trees() -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let below = std::fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path());
    below.filter(|path| path.is_dir()).chain([top.to_owned()]).collect()
}

/// The processes that have `word` among their words.
pub fn processes(word: &str) -> Vec<(u32, String)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let own = std::process::id();
    pids.filter(|pid| *pid != own)
        .filter_map(|pid| {
            let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            words.contains(word).then_some((pid, words))
        })
        .collect()
}

/// The processes in a control group and below.
fn members(group: &Path) -> Vec<u32> {
    let below = std::fs::read_dir(group).into_iter().flatten().flatten();
    let below = below.map(|entry| entry.path()).filter(|path| path.is_dir());
    let own = read(&group.join("cgroup.procs").display().to_string());
    let own = own.lines().filter_map(|line| line.parse().ok());
    own.chain(below.flat_map(|group| members(&group))).collect()
}

fn remove_groups(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_groups(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}
