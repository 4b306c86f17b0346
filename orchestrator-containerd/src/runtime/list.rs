//! The list of everything: what the table begins with, and what heals it.

use orchestrator_core::runtime::RuntimeError;

use super::Core;
use super::facts::ours;
use crate::error::failed;
use crate::wire::cri;

impl Core {
    /// Reads everything that is this node's.
    pub(super) async fn list(&self) -> Result<(), RuntimeError> {
        let sandboxes = self.list_sandboxes().await?;
        let containers = self.list_containers().await?;
        {
            let mut table = self.table.lock();
            table.retain(&sandboxes, &containers.iter().map(|c| c.id.clone()).collect::<Vec<_>>());
        }
        for sandbox in &sandboxes {
            self.look_at_sandbox(sandbox).await?;
        }
        for container in &containers {
            self.look_at_container(&container.id).await?;
        }
        let uids: Vec<String> = self.table.lock().uids().cloned().collect();
        for uid in uids {
            self.changed(&uid);
        }
        Ok(())
    }

    async fn list_sandboxes(&self) -> Result<Vec<String>, RuntimeError> {
        let label_selector = ours(&self.node);
        let filter = cri::PodSandboxFilter { label_selector, ..cri::PodSandboxFilter::default() };
        let request = cri::ListPodSandboxRequest { filter: Some(filter) };
        let answer = self.link.runtime().list_pod_sandbox(request).await;
        let answer = answer.map_err(|status| failed("cannot list the sandboxes", &status))?;
        Ok(answer.into_inner().items.into_iter().map(|sandbox| sandbox.id).collect())
    }

    async fn list_containers(&self) -> Result<Vec<cri::Container>, RuntimeError> {
        let label_selector = ours(&self.node);
        let filter = cri::ContainerFilter { label_selector, ..cri::ContainerFilter::default() };
        let request = cri::ListContainersRequest { filter: Some(filter) };
        let answer = self.link.runtime().list_containers(request).await;
        let answer = answer.map_err(|status| failed("cannot list the containers", &status))?;
        Ok(answer.into_inner().containers)
    }
}
