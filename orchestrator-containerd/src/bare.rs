//! The bare calls by which a pod starts, with nothing around them: what a node is measured against.

use std::collections::HashMap;

use orchestrator_core::runtime::RuntimeError;

use crate::error::failed;
use crate::link::Link;
use crate::wire::cri;

/// A pod that was started by bare calls.
#[derive(Clone, Debug)]
pub struct BarePod {
    sandbox: String,
}

impl BarePod {
    /// Runs a sandbox, makes a container in it and starts that: three calls.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`].
    pub async fn start(
        link: &Link,
        name: &str,
        image: &str,
        command: &[&str],
        logs: &std::path::Path,
    ) -> Result<Self, RuntimeError> {
        let config = cri::PodSandboxConfig {
            metadata: Some(cri::PodSandboxMetadata {
                name: name.into(),
                uid: name.into(),
                namespace: "bare".into(),
                attempt: 0,
            }),
            hostname: name.into(),
            log_directory: logs.display().to_string(),
            linux: Some(cri::LinuxPodSandboxConfig::default()),
            ..cri::PodSandboxConfig::default()
        };
        let mut runtime = link.runtime();
        let request = cri::RunPodSandboxRequest {
            config: Some(config.clone()),
            runtime_handler: String::new(),
        };
        let answer = runtime.run_pod_sandbox(request).await;
        let answer = answer.map_err(|status| failed("cannot run the sandbox", &status))?;
        let sandbox = answer.into_inner().pod_sandbox_id;
        let container = cri::ContainerConfig {
            metadata: Some(cri::ContainerMetadata { name: "c".into(), attempt: 0 }),
            image: Some(cri::ImageSpec { image: image.into() }),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            log_path: format!("{name}.log"),
            labels: HashMap::new(),
            linux: Some(cri::LinuxContainerConfig::default()),
            ..cri::ContainerConfig::default()
        };
        let request = cri::CreateContainerRequest {
            pod_sandbox_id: sandbox.clone(),
            config: Some(container),
            sandbox_config: Some(config),
        };
        let answer = runtime.create_container(request).await;
        let answer = answer.map_err(|status| failed("cannot make the container", &status))?;
        let container_id = answer.into_inner().container_id;
        let started = runtime.start_container(cri::StartContainerRequest { container_id }).await;
        started.map_err(|status| failed("cannot start the container", &status))?;
        Ok(Self { sandbox })
    }

    /// Stops and removes it.
    ///
    /// # Errors
    /// [`RuntimeError::Failed`].
    pub async fn remove(self, link: &Link) -> Result<(), RuntimeError> {
        let mut runtime = link.runtime();
        let pod_sandbox_id = self.sandbox;
        let stop = cri::StopPodSandboxRequest { pod_sandbox_id: pod_sandbox_id.clone() };
        let stopped = runtime.stop_pod_sandbox(stop).await;
        stopped.map_err(|status| failed("cannot stop the sandbox", &status))?;
        let remove = cri::RemovePodSandboxRequest { pod_sandbox_id };
        let removed = runtime.remove_pod_sandbox(remove).await;
        removed.map(drop).map_err(|status| failed("cannot remove the sandbox", &status))
    }
}
