//! A runtime with a containerd of its own, and images to run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use orchestrator_containerd::image::{self, Archive, ImageSpec};
use orchestrator_containerd::network::BridgeNetwork;
use orchestrator_containerd::{ContainerdConfig, ContainerdRuntime, OwnContainerd, Source};
use orchestrator_core::Env;
use orchestrator_core::node::LogOptions;
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, ContainerState, Runtime, RuntimeExt, SandboxConfig, SandboxId,
};
use tempfile::TempDir;

use crate::traces::Sweep;

/// The image of the tests: busybox under all its names.
pub const BUSYBOX: &str = "docker.io/example/app:latest";

/// The uid of the pod of a test.
pub const UID: &str = "5b0c7a30-0000-4000-8000-000000000001";

/// Programs of busybox that tests use.
const PROGRAMS: [&str; 26] = [
    "sh", "true", "false", "sleep", "cat", "echo", "id", "ls", "ps", "mount", "touch", "tr", "wc",
    "nc", "httpd", "hostname", "sysctl", "head", "dd", "stat", "grep", "env", "kill", "ip", "test",
    "mkdir",
];

/// A runtime under test.
pub struct Host {
    pub runtime: Arc<ContainerdRuntime>,
    pub sweep: Sweep,
    pub folder: PathBuf,
    // Last, so that nothing in it is in use any more when it goes.
    _dir: TempDir,
}

/// Whether real containers can run here; says so where they cannot.
pub fn possible() -> bool {
    let programs = ["containerd", "runc", "ip", "busybox"];
    let missing: Vec<&str> = programs.into_iter().filter(|program| !has(program)).collect();
    let root = std::fs::metadata("/proc/self")
        .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let plugins = Path::new("/usr/lib/cni/bridge").exists();
    if root && missing.is_empty() && plugins {
        return true;
    }
    eprintln!("SKIPPED: real containers need root, {missing:?} and the plugins of the pod network");
    false
}

/// Whether a program is on this machine.
pub fn has(program: &str) -> bool {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    found.is_ok_and(|output| output.status.success())
}

/// The image of the tests.
pub fn busybox() -> Archive {
    let mut spec = ImageSpec::default().copy("/bin/busybox", "/bin/busybox").command(&["sh"]);
    for program in PROGRAMS {
        spec = spec.link(format!("/bin/{program}"), "busybox");
    }
    spec = spec.folder("/tmp", 0o1777).folder("/root", 0o700);
    Archive::of(image::build(&spec).unwrap(), BUSYBOX).unwrap()
}

impl Host {
    /// A runtime, or nothing where there can be none.
    pub async fn new() -> Option<Self> {
        if !possible() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_owned();
        let config = config(&folder);
        let Source::Own(OwnContainerd { cni_config, .. }) = &config.source else { unreachable!() };
        // A range that no other test and no other node uses.
        let third = std::process::id() % 200 + 20;
        let network = BridgeNetwork::of(&folder, vec![format!("10.199.{third}.0/24")]);
        network.write(cni_config).unwrap();
        let sweep = Sweep::new(&folder, &network.bridge);
        let runtime = open(&folder).await;
        image::import(runtime.link(), &busybox(), &Env::system()).await.unwrap();
        Some(Self { runtime, sweep, folder, _dir: dir })
    }

    /// A sandbox of the pod of the test.
    pub async fn sandbox(&self, change: impl FnOnce(&mut SandboxConfig)) -> SandboxId {
        let mut config = SandboxConfig {
            uid: UID.into(),
            namespace: "default".into(),
            name: "pod".into(),
            hostname: "web".into(),
            cgroup_parent: format!("{}/pod", self.sweep.group),
            ..SandboxConfig::default()
        };
        change(&mut config);
        self.runtime.run_sandbox(config).await.unwrap()
    }

    /// Starts `script` in a shell.
    pub async fn sh(
        &self,
        sandbox: &SandboxId,
        script: &str,
        change: impl FnOnce(&mut ContainerConfig),
    ) -> ContainerId {
        let mut config = ContainerConfig::new(sandbox.clone(), "c");
        config.image = BUSYBOX.into();
        config.command = ["sh", "-c", script].map(str::to_owned).to_vec();
        change(&mut config);
        self.runtime.start(config).await.unwrap()
    }

    /// What `script` writes, run to its end in a pod of its own making.
    pub async fn said(
        &self,
        sandbox: &SandboxId,
        script: &str,
        change: impl FnOnce(&mut ContainerConfig),
    ) -> String {
        let id = self.sh(sandbox, script, change).await;
        self.exited(&id).await;
        self.log(&id).await
    }

    /// The container once it has ended.
    pub async fn exited(&self, id: &ContainerId) -> ContainerState {
        let mut events = self.runtime.events();
        loop {
            let pod = self.runtime.pod(UID).await.unwrap();
            let now = pod.containers.into_iter().find(|c| c.id == *id).expect("it is there");
            if now.exit().is_some() {
                return now;
            }
            events.next().await.unwrap();
        }
    }

    /// The whole log of a container that has ended or will end.
    pub async fn log(&self, id: &ContainerId) -> String {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let log = self.runtime.logs(id.clone(), options).await.unwrap();
        String::from_utf8(log.collect::<Vec<_>>().await.concat()).unwrap()
    }

    /// Waits until the container has written `line`.
    pub async fn wrote(&self, id: &ContainerId, line: &str) {
        let options = LogOptions { follow: true, ..LogOptions::default() };
        let mut log = self.runtime.logs(id.clone(), options).await.unwrap();
        let mut text = String::new();
        while !text.lines().any(|written| written == line) {
            let chunk = log.next().await.expect("the container has ended");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Drops the runtime, as an agent that dies does, and opens the next one in its place.
    pub async fn reopen(self) -> Self {
        let Self { runtime, sweep, folder, _dir } = self;
        drop(runtime);
        Self { runtime: open(&folder).await, sweep, folder, _dir }
    }

    /// Ends everything in order, and checks that nothing is left.
    pub async fn close(self) {
        self.runtime.remove_all(Duration::ZERO).await.unwrap();
        let Self { runtime, sweep, _dir, .. } = self;
        runtime.stop().await;
        sweep.check();
    }
}

/// How the runtime of a test is made.
pub fn config(folder: &Path) -> ContainerdConfig {
    ContainerdConfig::own("node-0", folder)
}

/// Opens a runtime in a folder, where an earlier one may have been.
pub async fn open(folder: &Path) -> Arc<ContainerdRuntime> {
    let runtime = ContainerdRuntime::open(config(folder), Env::system()).await;
    Arc::new(runtime.unwrap_or_else(|error| panic!("{}", chain(&error))))
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
