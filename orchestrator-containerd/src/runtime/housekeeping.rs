//! What the keeper of a node asks: images, usage, logs.

use std::path::PathBuf;

use async_trait::async_trait;
use orchestrator_core::runtime::{ContainerUsage, Housekeeping, RuntimeError, StoredImage};

use super::table::{Container, Owner};
use super::{ContainerdRuntime, Core, exits};
use crate::error::failed;
use crate::link::Link;
use crate::wire::cri;

#[async_trait]
impl Housekeeping for ContainerdRuntime {
    async fn images(&self) -> Result<Vec<StoredImage>, RuntimeError> {
        list_images(&self.core.link).await
    }

    async fn usage(&self) -> Result<Vec<ContainerUsage>, RuntimeError> {
        let request = cri::ListContainerStatsRequest::default();
        let answer = self.core.link.runtime().list_container_stats(request).await;
        let answer = answer.map_err(|status| failed("cannot read what is used", &status))?;
        let mut usage: Vec<ContainerUsage> =
            answer.into_inner().stats.iter().filter_map(|stats| self.core.used(stats)).collect();
        usage.sort_by(|a, b| (&a.pod, &a.name, &a.id).cmp(&(&b.pod, &b.name, &b.id)));
        Ok(usage)
    }

    fn image_directory(&self) -> PathBuf {
        self.core.image_directory.clone()
    }

    async fn rotate_logs(&self, longest: u64) -> Result<(), RuntimeError> {
        let running: Vec<Container> = {
            let table = self.core.table.lock();
            let sandboxes = table.all_sandboxes().flat_map(|sandbox| sandbox.containers.iter());
            sandboxes.filter(|container| container.state.is_running()).cloned().collect()
        };
        for container in running {
            let rotated = orchestrator_logs::rotate(&container.facts.log(), longest)
                .map_err(|error| RuntimeError::failed("cannot rotate a log", error))?;
            if !rotated {
                continue;
            }
            let container_id = container.state.id.as_str().to_owned();
            let request = cri::ReopenContainerLogRequest { container_id };
            let reopened = self.core.link.runtime().reopen_container_log(request).await;
            reopened.map_err(|status| failed("cannot open the log again", &status))?;
        }
        Ok(())
    }
}

/// All images that pods can name, in order of their ids.
///
/// # Errors
/// [`RuntimeError::Unavailable`].
pub async fn list_images(link: &Link) -> Result<Vec<StoredImage>, RuntimeError> {
    let answer = link.cri_images().list_images(cri::ListImagesRequest {}).await;
    let answer = answer.map_err(|status| failed("cannot list the images", &status))?;
    let mut images: Vec<StoredImage> = answer.into_inner().images.into_iter().map(stored).collect();
    images.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(images)
}

/// The image whose name is not a name that we gave must stay: every sandbox needs it.
fn stored(image: cri::Image) -> StoredImage {
    let pause = image.repo_tags.iter().any(|tag| tag == crate::image::PAUSE);
    StoredImage {
        id: image.id,
        tags: image.repo_tags,
        digests: image.repo_digests,
        bytes: image.size,
        pinned: image.pinned || pause,
    }
}

impl Core {
    fn used(&self, stats: &cri::ContainerStats) -> Option<ContainerUsage> {
        let attributes = stats.attributes.as_ref()?;
        let table = self.table.lock();
        let Some(Owner::Container { uid }) = table.owner(&attributes.id) else { return None };
        let (_, container) = table.container(&attributes.id)?;
        let value = |value: Option<cri::UInt64Value>| value.map_or(0, |value| value.value);
        let cpu = stats.cpu?;
        let memory = stats.memory?;
        let disk = stats.writable_layer.unwrap_or_default();
        Some(ContainerUsage {
            pod: uid,
            id: container.state.id.clone(),
            name: container.state.name.clone(),
            at: exits::time(cpu.timestamp),
            cpu_ns: value(cpu.usage_core_nano_seconds),
            working_set_bytes: value(memory.working_set_bytes),
            memory_bytes: value(memory.usage_bytes),
            rss_bytes: value(memory.rss_bytes),
            page_faults: value(memory.page_faults),
            major_page_faults: value(memory.major_page_faults),
            disk_bytes: value(disk.used_bytes),
            inodes: value(disk.inodes_used),
        })
    }
}
