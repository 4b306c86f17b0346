//! The suite that every runtime must pass.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use orchestrator_core::runtime::{ContainerConfig, Runtime, SandboxConfig};
use orchestrator_testkit::runtime::{Program, Subject, conformance};

use crate::host::{BUSYBOX, Host, has};
use crate::registry::Registry;

struct Emptied<'a>(&'a Host);

#[async_trait]
impl Subject for Emptied<'_> {
    /// The same one again, after everything in it was removed: a containerd takes a while to start.
    async fn runtime(&self) -> Arc<dyn Runtime> {
        self.0.runtime.remove_all(Duration::ZERO).await.unwrap();
        Arc::clone(&self.0.runtime) as _
    }

    fn program(&self, program: Program, config: &mut ContainerConfig) {
        let script = match program {
            // The first process of a container has to take the signal itself.
            Program::Forever => {
                "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done".to_owned()
            }
            Program::Stubborn => {
                "trap '' TERM; echo ready; while :; do sleep 3600; done".to_owned()
            }
            Program::Exit(code) => format!("echo done; exit {code}"),
        };
        config.image = BUSYBOX.into();
        config.command = vec!["sh".into(), "-c".into(), script];
    }

    fn sandbox(&self, config: &mut SandboxConfig) {
        config.cgroup_parent = format!("{}/pod", self.0.sweep.group);
    }
}

#[tokio::test]
async fn the_runtime_passes_the_suite_of_all_runtimes() {
    if !has("docker-registry") {
        return eprintln!("SKIPPED: docker-registry is not on this machine");
    }
    let Some(host) = Host::new().await else { return };
    // The suite pulls an image by a short name, which means the registry that all know.
    let registry = Registry::start(&host.folder, false);
    registry.store(&crate::host::busybox());
    registry.stands_for("docker.io", &host.folder);
    conformance(&Emptied(&host)).await;
    drop(registry);
    host.close().await;
}
