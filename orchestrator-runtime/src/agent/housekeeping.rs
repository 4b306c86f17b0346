//! Housekeeping: logs that grow and images that nobody uses.
//!
//! Images are removed when the disk that holds them is fuller than a high mark, those unused for
//! the longest first, until it is below a low mark. What is used is known from the containers that
//! there are, also ended ones, since these may run again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use orchestrator_core::Env;
use orchestrator_core::runtime::{Housekeeping, ImageOp, PodState, RuntimeError, StoredImage};

use super::context::Context;

/// How often logs are looked at, and from which size on one is begun anew: the kubelet's defaults.
const LOGS_EVERY: Duration = Duration::from_secs(10);
const LONGEST_LOG: u64 = 10 * 1024 * 1024;

/// How often images are looked at: the kubelet's default.
const IMAGES_EVERY: Duration = Duration::from_secs(300);

/// From how full a disk on images are removed, and until when, in percent: the kubelet's defaults.
const HIGH_PERCENT: u64 = 85;
const LOW_PERCENT: u64 = 80;

/// How long an image stays at least once it was seen: the kubelet's default.
const LEAST_AGE: Duration = Duration::from_secs(120);

/// Gives long logs new files, for ever.
pub(super) async fn logs(env: Env, keeper: Arc<dyn Housekeeping>) {
    loop {
        env.sleep(LOGS_EVERY).await;
        if let Err(error) = keeper.rotate_logs(LONGEST_LOG).await {
            tracing::warn!(error = %error.chain(), "logs not rotated");
        }
    }
}

/// Removes images that nobody uses where the disk gets full, for ever.
pub(super) async fn images(context: Arc<Context>, keeper: Arc<dyn Housekeeping>) {
    let mut known = Known::default();
    loop {
        if let Err(error) = collect(&context, &*keeper, &mut known).await {
            tracing::warn!(error = %error.chain(), "images not collected");
        }
        context.env.sleep(IMAGES_EVERY).await;
    }
}

async fn collect(
    context: &Context,
    keeper: &dyn Housekeeping,
    known: &mut Known,
) -> Result<(), RuntimeError> {
    let pods = context.runtime.pods(None).await?;
    let images = keeper.images().await?;
    known.see(&images, &pods, context.env.now());
    let Ok(disk) = rustix::fs::statvfs(keeper.image_directory()) else { return Ok(()) };
    // What is kept for root is nobody's: it counts as neither used nor free.
    let blocks = disk.f_blocks.saturating_sub(disk.f_bfree).saturating_add(disk.f_bavail);
    let capacity = blocks.saturating_mul(disk.f_frsize);
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let wanted = excess(capacity, free);
    for id in known.to_remove(&images, wanted, context.env.now()) {
        context.runtime.image(ImageOp::Remove(id)).await?;
    }
    Ok(())
}

/// How many bytes too many are used.
fn excess(capacity: u64, free: u64) -> u64 {
    let used_percent = match capacity {
        0 => return 0,
        capacity => 100 - free.saturating_mul(100) / capacity,
    };
    if used_percent < HIGH_PERCENT {
        return 0;
    }
    (capacity / 100).saturating_mul(100 - LOW_PERCENT).saturating_sub(free)
}

/// When images were first seen, and last used.
#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<String, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    first: Timestamp,
    used: Timestamp,
}

impl Known {
    fn see(&mut self, images: &[StoredImage], pods: &[PodState], now: Timestamp) {
        self.by_id.retain(|id, _| images.iter().any(|image| image.id == *id));
        for image in images {
            let seen = self.by_id.entry(image.id.clone());
            let seen = seen.or_insert(Seen { first: now, used: Timestamp::UNIX_EPOCH });
            if is_used(image, pods) {
                seen.used = now;
            }
        }
    }

    /// The images to be removed so that `wanted` bytes become free, in this order.
    fn to_remove(&self, images: &[StoredImage], wanted: u64, now: Timestamp) -> Vec<String> {
        let mut unused: Vec<(Seen, &StoredImage)> = images
            .iter()
            .filter(|image| !image.pinned)
            .filter_map(|image| Some((*self.by_id.get(&image.id)?, image)))
            .filter(|(seen, _)| seen.used < now && age(seen.first, now) >= LEAST_AGE)
            .collect();
        unused.sort_by_key(|(seen, image)| (seen.used, seen.first, image.id.clone()));
        let mut freed = 0;
        let mut removed = Vec::new();
        for (_, image) in unused {
            if freed >= wanted {
                break;
            }
            freed += image.bytes;
            removed.push(image.id.clone());
        }
        removed
    }
}

fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

fn is_used(image: &StoredImage, pods: &[PodState]) -> bool {
    let mut used = pods.iter().flat_map(|pod| &pod.containers);
    used.any(|container| {
        container.image_id == image.id
            || image.digests.contains(&container.image_id)
            || image.tags.contains(&container.image)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use orchestrator_core::runtime::{ContainerPhase, ContainerState};

    const GB: u64 = 1 << 30;

    fn image(id: &str, gigabytes: u64, pinned: bool) -> StoredImage {
        let (tags, digests) = (vec![format!("{id}:1")], Vec::new());
        StoredImage { id: id.into(), tags, digests, bytes: gigabytes * GB, pinned }
    }

    fn using(id: &str) -> PodState {
        let mut pod = PodState::empty("u");
        pod.containers.push(ContainerState {
            id: "c".into(),
            name: "c".into(),
            attempt: 0,
            image: String::new(),
            image_id: id.into(),
            phase: ContainerPhase::Running,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
        });
        pod
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn those_unused_for_the_longest_go_first() {
        let images = [image("a", 1, false), image("b", 1, false), image("c", 1, true)];
        let mut known = Known::default();
        known.see(&images, &[using("a")], at(1000));
        known.see(&images, &[using("b")], at(2000));
        assert_eq!(known.to_remove(&images, 1, at(3000)), ["a"]);
        assert_eq!(known.to_remove(&images, 2 * GB, at(3000)), ["a", "b"]);
        assert!(known.to_remove(&images, 0, at(3000)).is_empty());
        known.see(&images, &[using("b")], at(3000));
        assert_eq!(known.to_remove(&images, 9 * GB, at(3000)), ["a"], "b is in use");
    }

    #[test]
    fn a_new_image_stays_a_while() {
        let images = [image("a", 1, false)];
        let mut known = Known::default();
        known.see(&images, &[], at(1000));
        assert!(known.to_remove(&images, GB, at(1060)).is_empty());
        assert_eq!(known.to_remove(&images, GB, at(1120)), ["a"]);
    }

    #[test]
    fn a_disk_is_emptied_from_the_high_mark_to_the_low_one() {
        assert_eq!(excess(100 * GB, 16 * GB), 0);
        assert_eq!(excess(100 * GB, 15 * GB), 5 * GB);
        assert_eq!(excess(100 * GB, 0), 20 * GB);
        assert_eq!(excess(0, 0), 0);
    }
}
