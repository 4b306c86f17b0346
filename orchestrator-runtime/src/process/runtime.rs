//! The process runtime as a [`Runtime`].

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use orchestrator_core::Env;
use orchestrator_core::runtime::{
    ContainerConfig, ContainerId, ContainerOp, ImageOp, ImageState, PodState, Runtime,
    RuntimeError, RuntimeEvent, RuntimeInfo, SandboxConfig, SandboxId, SandboxOp, SandboxState,
    StreamOp, Streams,
};
use parking_lot::Mutex;
use tokio::net::TcpStream;

use super::config::ProcessConfig;
use super::container::{Container, Shared};
use super::record::{self, SandboxRecord};
use super::session;
use crate::address::Addresses;
use orchestrator_core::runtime::Events;

/// Runs containers as processes of the host.
pub struct ProcessRuntime {
    config: ProcessConfig,
    shared: Shared,
    pods: Mutex<Pods>,
}

#[derive(Debug)]
struct Pods {
    addresses: Addresses,
    by_uid: BTreeMap<String, Pod>,
}

/// A pod's sandbox and its containers, in order of start.
#[derive(Debug)]
struct Pod {
    sandbox: SandboxRecord,
    containers: Vec<Arc<Container>>,
}

impl fmt::Debug for ProcessRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessRuntime").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ProcessRuntime {
    /// Opens the runtime, and goes on with what an earlier one left in its directory.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(config: ProcessConfig, env: Env) -> io::Result<Self> {
        std::fs::create_dir_all(&config.root)?;
        let search_path = config.search_path.as_str().into();
        let shared = Shared { env, events: Arc::new(Events::default()), search_path };
        let addresses = Addresses::new(config.range, shared.env.random_below(u64::MAX));
        let mut pods = Pods { addresses, by_uid: BTreeMap::new() };
        for dir in record::directories(&config.root) {
            let Ok(sandbox) = record::read::<SandboxRecord>(&dir.join("sandbox.json")) else {
                // The agent was killed before the sandbox had a record: nothing ran in it.
                std::fs::remove_dir_all(&dir)?;
                continue;
            };
            if let Some(ip) = sandbox.ip.filter(|_| sandbox.ready) {
                pods.addresses.keep(ip);
            }
            let runs = record::directories(&dir).into_iter().flat_map(|d| record::directories(&d));
            let mut containers: Vec<Arc<Container>> = runs
                .filter_map(|run| Container::adopt(&shared, &sandbox.uid, run).ok())
                .map(Arc::new)
                .collect();
            containers.sort_by_key(|container| container.record.lock().created_at);
            pods.by_uid.insert(sandbox.uid.clone(), Pod { sandbox, containers });
        }
        Ok(Self { config, shared, pods: Mutex::new(pods) })
    }

    /// Asks all containers to end, and ends them when `grace` is over.
    pub async fn shut_down(&self, grace: Duration) {
        let containers: Vec<_> =
            self.pods.lock().by_uid.values().flat_map(|pod| pod.containers.clone()).collect();
        for container in &containers {
            container.stop(&self.shared.env, grace);
        }
        for container in containers {
            container.wait().await;
        }
    }

    fn find(&self, id: &ContainerId) -> Option<(String, Arc<Container>)> {
        let pods = self.pods.lock();
        let mut all = pods
            .by_uid
            .values()
            .flat_map(|pod| pod.containers.iter().map(|container| (&pod.sandbox.uid, container)));
        let (uid, container) = all.find(|(_, container)| container.id() == id.as_str())?;
        Some((uid.clone(), Arc::clone(container)))
    }

    fn container_of(&self, id: &ContainerId) -> Result<Arc<Container>, RuntimeError> {
        let found = self.find(id).map(|(_, container)| container);
        found.ok_or_else(|| RuntimeError::NotFound(format!("container {id}")))
    }

    fn uid_of(&self, sandbox: &SandboxId) -> Option<String> {
        let pods = self.pods.lock();
        let mut all = pods.by_uid.values();
        all.find(|pod| pod.sandbox.id == sandbox.as_str()).map(|pod| pod.sandbox.uid.clone())
    }

    fn pod_dir(&self, uid: &str) -> io::Result<PathBuf> {
        Ok(self.config.root.join(record::component(uid)?))
    }

    fn run_sandbox(&self, config: &SandboxConfig) -> Result<SandboxId, RuntimeError> {
        let mut pods = self.pods.lock();
        if let Some(pod) = pods.by_uid.get(&config.uid)
            && pod.sandbox.ready
        {
            return Ok(pod.sandbox.id.as_str().into());
        }
        let ip = match config.host_network {
            true => None,
            false => Some(pods.addresses.take().ok_or_else(|| {
                RuntimeError::failed("cannot run the sandbox", "no pod address is left")
            })?),
        };
        let sandbox = SandboxRecord {
            id: self.shared.env.uid().replace('-', ""),
            uid: config.uid.clone(),
            namespace: config.namespace.clone(),
            name: config.name.clone(),
            hostname: config.hostname.clone(),
            attempt: config.attempt,
            ready: true,
            ip,
            created_at: self.shared.env.now(),
        };
        if let Err(error) = self.save(&sandbox) {
            ip.into_iter().for_each(|ip| pods.addresses.release(ip));
            return Err(RuntimeError::failed("cannot run the sandbox", error));
        }
        let id = sandbox.id.as_str().into();
        let pod = pods.by_uid.entry(config.uid.clone());
        let pod = pod.or_insert_with(|| Pod { sandbox: sandbox.clone(), containers: Vec::new() });
        pod.sandbox = sandbox;
        drop(pods);
        self.shared.events.changed(&config.uid);
        Ok(id)
    }

    fn save(&self, sandbox: &SandboxRecord) -> io::Result<()> {
        let dir = self.pod_dir(&sandbox.uid)?;
        std::fs::create_dir_all(&dir)?;
        record::write(&dir.join("sandbox.json"), sandbox)
    }

    async fn stop_sandbox(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        let Some(uid) = self.uid_of(id) else { return Ok(()) };
        let containers = self.pods.lock().by_uid.get(&uid).map(|pod| pod.containers.clone());
        for container in containers.iter().flatten() {
            container.stop(&self.shared.env, Duration::ZERO);
        }
        for container in containers.iter().flatten() {
            container.wait().await;
        }
        let mut pods = self.pods.lock();
        let Pods { addresses, by_uid } = &mut *pods;
        if let Some(pod) = by_uid.get_mut(&uid)
            && std::mem::take(&mut pod.sandbox.ready)
        {
            pod.sandbox.ip.into_iter().for_each(|ip| addresses.release(ip));
            let saved = self.save(&pod.sandbox);
            drop(pods);
            self.shared.events.changed(&uid);
            return saved.map_err(|e| RuntimeError::failed("cannot stop the sandbox", e));
        }
        Ok(())
    }

    async fn remove_sandbox(&self, id: &SandboxId) -> Result<(), RuntimeError> {
        self.stop_sandbox(id).await?;
        let Some(uid) = self.uid_of(id) else { return Ok(()) };
        let failed = |error| RuntimeError::failed("cannot remove the sandbox", error);
        let dir = self.pod_dir(&uid).map_err(failed)?;
        remove_dir(&dir).map_err(failed)?;
        self.pods.lock().by_uid.remove(&uid);
        self.shared.events.changed(&uid);
        Ok(())
    }

    fn start(&self, config: &ContainerConfig) -> Result<ContainerId, RuntimeError> {
        let no_sandbox = || RuntimeError::NotFound(format!("sandbox {}", config.sandbox));
        let uid = self.uid_of(&config.sandbox).ok_or_else(no_sandbox)?;
        let dir = self.pod_dir(&uid).map_err(|e| RuntimeError::failed("invalid pod", e))?;
        let mut pods = self.pods.lock();
        let pod = pods.by_uid.get_mut(&uid).filter(|pod| pod.sandbox.ready);
        let pod = pod.ok_or_else(no_sandbox)?;
        let same = pod
            .containers
            .iter()
            .map(|c| c.state())
            .find(|state| state.name == config.name && state.attempt == config.attempt);
        if let Some(same) = same {
            return Ok(same.id);
        }
        let (container, started) = Container::start(&self.shared, &pod.sandbox, &dir, config);
        let id = container.map(|container| {
            let id = ContainerId::from(container.id());
            pod.containers.push(Arc::new(container));
            id
        });
        drop(pods);
        self.shared.events.changed(&uid);
        started.map(|()| id.expect("a container that started is there"))
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let Some((uid, container)) = self.find(id) else { return Ok(()) };
        container.stop(&self.shared.env, Duration::ZERO);
        container.wait().await;
        remove_dir(&container.dir)
            .map_err(|error| RuntimeError::failed("cannot remove the container", error))?;
        if let Some(pod) = self.pods.lock().by_uid.get_mut(&uid) {
            pod.containers.retain(|other| !Arc::ptr_eq(other, &container));
        }
        self.shared.events.changed(&uid);
        Ok(())
    }

    async fn connect(&self, id: &SandboxId, port: u16) -> Result<Streams, RuntimeError> {
        let no_sandbox = || RuntimeError::NotFound(format!("sandbox {id}"));
        let uid = self.uid_of(id).ok_or_else(no_sandbox)?;
        let ip = self.pods.lock().by_uid.get(&uid).and_then(|pod| pod.sandbox.ip);
        let first = TcpStream::connect((ip.unwrap_or(Ipv4Addr::LOCALHOST), port)).await;
        // A program that listens on localhost alone is the pod's too.
        let connected = match first {
            Err(_) if ip.is_some() => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await,
            other => other,
        };
        let stream = connected.map_err(|error| {
            RuntimeError::failed(format!("cannot connect to port {port}"), error)
        })?;
        Ok(Streams::Connection(Box::new(stream)))
    }
}

impl Pod {
    fn state(&self) -> PodState {
        let ip = self.sandbox.ip.unwrap_or(Ipv4Addr::LOCALHOST);
        let sandbox = SandboxState {
            id: self.sandbox.id.as_str().into(),
            attempt: self.sandbox.attempt,
            ready: self.sandbox.ready,
            ips: vec![IpAddr::V4(ip)],
            created_at: self.sandbox.created_at,
        };
        PodState {
            uid: self.sandbox.uid.clone(),
            namespace: self.sandbox.namespace.clone(),
            name: self.sandbox.name.clone(),
            sandbox: Some(sandbox),
            containers: self.containers.iter().map(|container| container.state()).collect(),
        }
    }
}

/// Removes a directory; one that is gone is as good.
fn remove_dir(dir: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

impl Drop for ProcessRuntime {
    fn drop(&mut self) {
        if self.config.keep_on_drop {
            return;
        }
        for pod in self.pods.get_mut().by_uid.values() {
            pod.containers.iter().for_each(|container| container.kill());
        }
    }
}

#[async_trait]
impl Runtime for ProcessRuntime {
    fn info(&self) -> RuntimeInfo {
        let version = env!("CARGO_PKG_VERSION");
        RuntimeInfo { name: "process", version, real: true, isolated: false }
    }

    async fn pods(&self, uid: Option<&str>) -> Result<Vec<PodState>, RuntimeError> {
        let pods = self.pods.lock();
        Ok(match uid {
            Some(uid) => pods.by_uid.get(uid).map(Pod::state).into_iter().collect(),
            None => pods.by_uid.values().map(Pod::state).collect(),
        })
    }

    async fn sandbox(&self, op: SandboxOp) -> Result<SandboxId, RuntimeError> {
        match op {
            SandboxOp::Run(config) => self.run_sandbox(&config),
            SandboxOp::Stop(id) => self.stop_sandbox(&id).await.map(|()| id),
            SandboxOp::Remove(id) => self.remove_sandbox(&id).await.map(|()| id),
            _ => Err(RuntimeError::Unsupported("this sandbox operation")),
        }
    }

    async fn container(&self, op: ContainerOp) -> Result<ContainerId, RuntimeError> {
        match op {
            ContainerOp::Start(config) => self.start(&config),
            ContainerOp::Stop { container, grace } => {
                if let Some((_, found)) = self.find(&container) {
                    found.stop(&self.shared.env, grace);
                    found.wait().await;
                }
                Ok(container)
            }
            ContainerOp::Remove(id) => self.remove(&id).await.map(|()| id),
            _ => Err(RuntimeError::Unsupported("this container operation")),
        }
    }

    /// Every image is there, since none is used: a container without a command is refused when
    /// it is started.
    async fn image(&self, op: ImageOp) -> Result<Option<ImageState>, RuntimeError> {
        match op {
            ImageOp::Status(_) | ImageOp::Pull { .. } => {
                Ok(Some(ImageState { id: String::new(), bytes: 0 }))
            }
            _ => Ok(None),
        }
    }

    async fn stream(&self, op: StreamOp) -> Result<Streams, RuntimeError> {
        match op {
            StreamOp::Exec { container, options } => {
                let container = self.container_of(&container)?;
                session::exec(&container, &options).map(Streams::Session)
            }
            StreamOp::Attach { container, options } => {
                let container = self.container_of(&container)?;
                session::attach(&container, &options).map(Streams::Session)
            }
            StreamOp::Logs { container, options } => {
                let container = self.container_of(&container)?;
                Ok(Streams::Log(orchestrator_logs::read(container.log.clone(), &options)))
            }
            StreamOp::Connect { sandbox, port } => self.connect(&sandbox, port).await,
            _ => Err(RuntimeError::Unsupported("this stream")),
        }
    }

    fn events(&self) -> BoxStream<'static, RuntimeEvent> {
        self.shared.events.subscribe()
    }
}
