//! Pressure: what of the node runs short, and which pod has to go.
//!
//! Only a node with real limits looks: every ten seconds at the memory, disks and processes of the
//! machine. What is short is a condition of the node for five minutes at least, so that it does not
//! flap, and as long as it is short, one pod at a time is failed: one that uses more than it asked
//! for before one that does not, then by priority, then by how much more it uses.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use orchestrator_client::KindExt;
use orchestrator_core::Quantity;
use orchestrator_core::runtime::{ContainerUsage, Housekeeping};
use parking_lot::Mutex;

use super::context::Context;
use super::pods::Pods;
use crate::plan::Rejection;

/// How often the machine is looked at: the kubelet's default.
const EVERY: Duration = Duration::from_secs(10);

/// How long a condition holds at least: the kubelet's default.
const HOLDS: Duration = Duration::from_secs(300);

/// From how little on something is short: the kubelet's defaults.
const LEAST_MEMORY_BYTES: u64 = 100 * 1024 * 1024;
const LEAST_DISK_PERCENT: u64 = 10;
const LEAST_IMAGE_DISK_PERCENT: u64 = 15;
const LEAST_INODES_PERCENT: u64 = 5;
const LEAST_PROCESSES: u64 = 100;

/// From this priority on a pod is one that the node needs.
const CRITICAL: i32 = 2_000_000_000;

/// Something that can be short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    Memory,
    Disk,
    Processes,
}

impl Resource {
    /// The condition of a node on which it is short.
    pub(super) fn condition(self) -> &'static str {
        match self {
            Self::Memory => "MemoryPressure",
            Self::Disk => "DiskPressure",
            Self::Processes => "PIDPressure",
        }
    }

    /// Its name in messages.
    fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "ephemeral-storage",
            Self::Processes => "pids",
        }
    }
}

/// Since when each is short, and when it was last.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    last: Mutex<BTreeMap<Resource, Timestamp>>,
}

impl Pressure {
    /// Whether the node is to say that this is short.
    pub(super) fn holds(&self, condition: &str, now: Timestamp) -> bool {
        let last = self.last.lock();
        last.iter().any(|(resource, at)| {
            let since = Duration::try_from(now.duration_since(*at)).unwrap_or_default();
            resource.condition() == condition && since < HOLDS
        })
    }

    fn note(&self, resource: Resource, now: Timestamp) {
        self.last.lock().insert(resource, now);
    }
}

/// What the machine has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    memory_bytes: u64,
    disk_percent: u64,
    image_disk_percent: u64,
    inodes_percent: u64,
    processes: u64,
}

impl Left {
    fn of_machine(volumes: &Path, images: &Path) -> Self {
        let (disk_percent, inodes_percent) = left_on(volumes);
        let (image_disk_percent, more_inodes) = left_on(images);
        Self {
            memory_bytes: available_memory().unwrap_or(u64::MAX),
            disk_percent,
            image_disk_percent,
            inodes_percent: inodes_percent.min(more_inodes),
            processes: free_processes().unwrap_or(u64::MAX),
        }
    }

    /// What is short, the most urgent first.
    fn short(&self) -> Vec<Resource> {
        let disk = self.disk_percent < LEAST_DISK_PERCENT
            || self.image_disk_percent < LEAST_IMAGE_DISK_PERCENT
            || self.inodes_percent < LEAST_INODES_PERCENT;
        let all = [
            (Resource::Memory, self.memory_bytes < LEAST_MEMORY_BYTES),
            (Resource::Disk, disk),
            (Resource::Processes, self.processes < LEAST_PROCESSES),
        ];
        all.into_iter().filter(|(_, short)| *short).map(|(resource, _)| resource).collect()
    }
}

/// The free space and the free inodes of a disk, in percent.
fn left_on(path: &Path) -> (u64, u64) {
    let Ok(disk) = rustix::fs::statvfs(path) else { return (100, 100) };
    let percent = |free: u64, all: u64| match all {
        // Some file systems do not count.
        0 => 100,
        all => free.saturating_mul(100) / all,
    };
    // What is kept for root is nobody's: it counts as neither used nor free.
    let reachable = disk.f_blocks.saturating_sub(disk.f_bfree).saturating_add(disk.f_bavail);
    (percent(disk.f_bavail, reachable), percent(disk.f_favail, disk.f_files))
}

fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn free_processes() -> Option<u64> {
    let most: u64 =
        std::fs::read_to_string("/proc/sys/kernel/pid_max").ok()?.trim().parse().ok()?;
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let tasks = load.split_whitespace().nth(3)?.split('/').nth(1)?;
    Some(most.saturating_sub(tasks.parse().ok()?))
}

/// Looks at the machine for ever.
pub(super) async fn run(context: Arc<Context>, keeper: Arc<dyn Housekeeping>, pods: Weak<Pods>) {
    loop {
        context.env.sleep(EVERY).await;
        let left = Left::of_machine(&context.node.volumes_root, &keeper.image_directory());
        let short = left.short();
        for resource in &short {
            context.pressure.note(*resource, context.env.now());
        }
        let Some(resource) = short.first().copied() else { continue };
        let usage = match keeper.usage().await {
            Ok(usage) => usage,
            Err(error) => {
                tracing::warn!(error = %error.chain(), "usage not read");
                continue;
            }
        };
        let Some(pods) = pods.upgrade() else { return };
        let candidates = pods.running();
        if let Some(pod) = first_to_go(&candidates, &usage, resource) {
            tracing::warn!(pod = %pod.key(), resource = resource.word(), "pod evicted");
            pods.evict(pod.uid(), rejection(pod, &usage, resource));
        }
    }
}

/// The pod that has to go; none where all that run are ones that the node needs.
fn first_to_go<'a>(
    pods: &'a [Arc<Pod>],
    usage: &[ContainerUsage],
    resource: Resource,
) -> Option<&'a Arc<Pod>> {
    let priority = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default();
    let mut candidates: Vec<&Arc<Pod>> = pods
        .iter()
        .filter(|pod| priority(pod) < CRITICAL && !super::mirror::is_static(pod))
        .collect();
    candidates.sort_by_key(|pod| {
        let (used, asked) = (used(pod, usage, resource), asked(pod, resource));
        let more = used.saturating_sub(asked);
        (used <= asked, priority(pod), std::cmp::Reverse(more), pod.uid().to_owned())
    });
    candidates.first().copied()
}

fn used(pod: &Pod, usage: &[ContainerUsage], resource: Resource) -> u64 {
    let own = usage.iter().filter(|usage| usage.pod == pod.uid());
    own.map(|usage| match resource {
        Resource::Memory => usage.working_set_bytes,
        Resource::Disk => usage.disk_bytes,
        Resource::Processes => 0,
    })
    .sum()
}

fn asked(pod: &Pod, resource: Resource) -> u64 {
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let amounts = containers.iter().filter_map(|container| {
        let requests = container.resources.as_ref()?.requests.as_ref()?;
        requests.get(resource.word())?.0.parse::<Quantity>().ok()
    });
    amounts.map(|amount| u64::try_from(amount.milli_value() / 1000).unwrap_or_default()).sum()
}

fn rejection(pod: &Pod, usage: &[ContainerUsage], resource: Resource) -> Rejection {
    let (used, asked) = (used(pod, usage, resource), asked(pod, resource));
    Rejection {
        reason: "Evicted".into(),
        message: format!(
            "The node was low on resource: {}. The pod was using {used} bytes, request is {asked}.",
            resource.word()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(uid: &str, priority: i32, memory: Value) -> Arc<Pod> {
        let container = json!({"name": "c", "resources": {"requests": {"memory": memory}}});
        let spec = json!({"containers": [container], "priority": priority});
        let meta = json!({"name": uid, "uid": uid});
        Arc::new(serde_json::from_value(json!({"metadata": meta, "spec": spec})).unwrap())
    }

    fn uses(uid: &str, bytes: u64) -> ContainerUsage {
        ContainerUsage {
            pod: uid.into(),
            id: uid.into(),
            name: "c".into(),
            at: Timestamp::UNIX_EPOCH,
            cpu_ns: 0,
            working_set_bytes: bytes,
            memory_bytes: bytes,
            rss_bytes: bytes,
            page_faults: 0,
            major_page_faults: 0,
            disk_bytes: 0,
            inodes: 0,
        }
    }

    #[test]
    fn who_uses_more_than_was_asked_for_goes_first() {
        let modest = pod("modest", 0, json!("100"));
        let greedy = pod("greedy", 5, json!("100"));
        let greedier = pod("greedier", 5, json!("100"));
        let needed = pod("needed", CRITICAL, json!("1"));
        let usage =
            [uses("modest", 50), uses("greedy", 200), uses("greedier", 300), uses("needed", 1000)];
        let mut pods = vec![modest, greedy, greedier, needed];
        let mut order = Vec::new();
        while let Some(first) = first_to_go(&pods, &usage, Resource::Memory).cloned() {
            order.push(first.uid().to_owned());
            pods.retain(|pod| pod.uid() != first.uid());
        }
        assert_eq!(order, ["greedier", "greedy", "modest"]);
    }

    #[test]
    fn what_is_short_is_a_condition_for_a_while() {
        let plenty = Left {
            memory_bytes: u64::MAX,
            disk_percent: 50,
            image_disk_percent: 50,
            inodes_percent: 50,
            processes: 1000,
        };
        assert!(plenty.short().is_empty());
        let short = Left { memory_bytes: 1, inodes_percent: 1, ..plenty }.short();
        assert_eq!(short, [Resource::Memory, Resource::Disk]);
        let pressure = Pressure::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        pressure.note(Resource::Disk, at(1000));
        assert!(
            pressure.holds("DiskPressure", at(1299)) && !pressure.holds("DiskPressure", at(1300))
        );
        assert!(!pressure.holds("MemoryPressure", at(1000)));
    }

    #[test]
    fn this_machine_has_something_left() {
        let left = Left::of_machine(Path::new("/"), Path::new("/"));
        assert!(left.memory_bytes > 0 && left.processes > 0);
    }
}
