//! Sandboxes: run, stopped, removed.

use std::io;
use std::net::IpAddr;
use std::path::{Component, Path};

use orchestrator_core::runtime::{RuntimeError, SandboxConfig, SandboxId};

use super::facts::{PodName, SandboxFacts};
use super::table::{Owner, Sandbox};
use super::{Core, exits, translate};
use crate::cgroup;
use crate::error::{failed, gone};
use crate::wire::cri;

impl Core {
    /// Runs the pod's sandbox; the one that runs already is it.
    pub(super) async fn run_sandbox(
        &self,
        config: &SandboxConfig,
    ) -> Result<SandboxId, RuntimeError> {
        let _turn = self.busy.turn(config.uid.clone()).await;
        let before: Vec<Sandbox> = {
            let table = self.table.lock();
            let sandboxes = table.pod(&config.uid).map(|pod| pod.sandboxes.values().cloned());
            sandboxes.into_iter().flatten().collect()
        };
        if let Some(ready) = before.iter().rev().find(|sandbox| sandbox.ready) {
            return Ok(ready.id.as_str().into());
        }
        // What is left of an earlier one still runs, and holds addresses.
        for old in &before {
            self.stop_in_containerd(&old.id).await?;
        }
        let what = "cannot run the sandbox";
        component(&config.uid).map_err(|error| RuntimeError::failed(what, error))?;
        let dir = self.pods.join(&config.uid);
        std::fs::create_dir_all(dir).map_err(|error| RuntimeError::failed(what, error))?;
        cgroup::make(&config.cgroup_parent, &config.resources)
            .map_err(|error| RuntimeError::failed(what, error))?;
        let request = cri::RunPodSandboxRequest {
            config: Some(translate::sandbox(&self.node, &self.pods, config)),
            runtime_handler: config.handler.clone(),
        };
        let answer = self.link.runtime().run_pod_sandbox(request).await;
        let id = answer.map_err(|status| failed(what, &status))?.into_inner().pod_sandbox_id;
        self.look_at_sandbox(&id).await?;
        for old in &before {
            self.remove_in_containerd(&old.id).await?;
            self.table.lock().remove_sandbox(&old.id);
        }
        self.changed(&config.uid);
        Ok(id.into())
    }

    /// Reads what containerd says of a sandbox; whether it knows it.
    pub(super) async fn look_at_sandbox(&self, id: &str) -> Result<bool, RuntimeError> {
        let request = cri::PodSandboxStatusRequest { pod_sandbox_id: id.into() };
        let status = match self.link.runtime().pod_sandbox_status(request).await {
            Ok(answer) => answer.into_inner().status.unwrap_or_default(),
            Err(status) if crate::error::is_not_found(&status) => return Ok(false),
            Err(status) => return Err(failed("cannot look at the sandbox", &status)),
        };
        let metadata = status.metadata.clone().unwrap_or_default();
        let name =
            PodName { uid: metadata.uid, namespace: metadata.namespace, name: metadata.name };
        let facts = SandboxFacts::read(&status.annotations);
        let sandbox = Sandbox {
            id: status.id.clone(),
            attempt: metadata.attempt,
            ready: status.state() == cri::PodSandboxState::SandboxReady,
            ips: if facts.host_network { Vec::new() } else { addresses(&status) },
            created_at: exits::time(status.created_at),
            facts,
            containers: Vec::new(),
        };
        self.table.lock().put_sandbox(name, sandbox);
        Ok(true)
    }

    /// Ends the sandbox with all that runs in it.
    pub(super) async fn stop_sandbox(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        let Some(uid) = self.uid_of_sandbox(id) else { return Ok(()) };
        let _turn = self.busy.turn(uid.clone()).await;
        self.stop_in_containerd(id.as_str()).await?;
        let containers: Vec<String> = {
            let mut table = self.table.lock();
            let Some(sandbox) = table.sandbox_mut(id.as_str()) else { return Ok(()) };
            sandbox.ready = false;
            sandbox.ips.clear();
            sandbox.containers.iter().map(|c| c.state.id.as_str().to_owned()).collect()
        };
        for container in containers {
            self.look_at_container(&container).await?;
        }
        self.changed(&uid);
        Ok(())
    }

    /// Removes the pod of the sandbox: every sandbox of it, with containers, logs and groups.
    pub(super) async fn remove_sandbox(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        match self.uid_of_sandbox(id) {
            Some(uid) => self.remove_pod(&uid).await,
            None => Ok(()),
        }
    }

    pub(super) async fn remove_pod(&self, uid: &str) -> Result<(), RuntimeError> {
        let _turn = self.busy.turn(uid.to_owned()).await;
        let sandboxes: Vec<Sandbox> = {
            let table = self.table.lock();
            table.pod(uid).into_iter().flat_map(|pod| pod.sandboxes.values().cloned()).collect()
        };
        for sandbox in sandboxes {
            self.stop_in_containerd(&sandbox.id).await?;
            self.remove_in_containerd(&sandbox.id).await?;
            cgroup::remove(&sandbox.facts.cgroup_parent);
            self.table.lock().remove_sandbox(&sandbox.id);
        }
        let removed = component(uid).and_then(|uid| remove_dir(&self.pods.join(uid)));
        removed.map_err(|error| RuntimeError::failed("cannot remove the pod's files", error))?;
        self.changed(uid);
        Ok(())
    }

    async fn stop_in_containerd(&self, id: &str) -> Result<(), RuntimeError> {
        let request = cri::StopPodSandboxRequest { pod_sandbox_id: id.into() };
        gone(self.link.runtime().stop_pod_sandbox(request).await, "cannot stop the sandbox")
    }

    async fn remove_in_containerd(&self, id: &str) -> Result<(), RuntimeError> {
        let request = cri::RemovePodSandboxRequest { pod_sandbox_id: id.into() };
        gone(self.link.runtime().remove_pod_sandbox(request).await, "cannot remove the sandbox")
    }

    fn uid_of_sandbox(&self, id: &SandboxId) -> Option<String> {
        match self.table.lock().owner(id.as_str())? {
            Owner::Sandbox { uid } => Some(uid),
            Owner::Container { .. } => None,
        }
    }

    /// Whether a sandbox uses the node's network.
    pub(super) fn host_network(&self, id: &SandboxId) -> Result<bool, RuntimeError> {
        let table = self.table.lock();
        let found = table.sandbox(id.as_str());
        let found = found.ok_or_else(|| RuntimeError::NotFound(format!("sandbox {id}")))?;
        Ok(found.1.facts.host_network)
    }
}

fn addresses(status: &cri::PodSandboxStatus) -> Vec<IpAddr> {
    let Some(network) = &status.network else { return Vec::new() };
    let more = network.additional_ips.iter().map(|ip| ip.ip.as_str());
    std::iter::once(network.ip.as_str()).chain(more).filter_map(|ip| ip.parse().ok()).collect()
}

/// A name that is one component of a path, whoever chose it.
pub(super) fn component(name: &str) -> io::Result<&Path> {
    let path = Path::new(name);
    let mut parts = path.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(_)), None) => Ok(path),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no name"))),
    }
}

/// Removes a directory; one that is gone is as good.
pub(super) fn remove_dir(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_one_component() {
        assert!(component("5b0c7a30-0000").is_ok());
        for bad in ["", ".", "..", "a/b", "/"] {
            assert!(component(bad).is_err(), "{bad:?}");
        }
    }
}
